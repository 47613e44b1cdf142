"""Runs openstacksdk in a process of its own environment, which executes one call per line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.openstack_clients import Access, client_environ

SERVE = Path(__file__).with_name("sdk_serve.py")


class SdkError(Exception):
    """The SDK raised an error; ``status`` is that of the HTTP response, or None."""

    def __init__(self, name: str, status: int | None, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.status = status
        self.message = message


class Sdk:
    """The block storage proxy of one connection. Methods are the SDK's; resources are plain values."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __getattr__(self, method: str) -> Any:
        def call(*args: object, **options: object) -> Any:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps([method, args, options]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            assert line, f"the process of the SDK ended in {method}"
            told = json.loads(line)
            if "refused" in told:
                raise SdkError(*told["refused"])
            return told["gave"]

        return call


@contextmanager
def connect_sdk(programs: Path, access: Access, log: Path) -> Iterator[Sdk]:
    """Yield an SDK connection; its stderr goes to the log."""
    with log.open("w") as complaints:
        process = subprocess.Popen(
            [programs / "python", "-P", SERVE],
            env=client_environ(access.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
    # The process ends at the end of its input.
    with process:
        yield Sdk(process)
