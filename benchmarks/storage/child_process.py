"""Child processes beside the measured one: clients, and bare mechanisms that need another interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("children") / "main.py"
END_S = 20


class ChildProcess:
    """A process that executes the calls of a module in ``children`` one by one. Its methods are the calls."""

    def __init__(self, module: str, python: str = sys.executable) -> None:
        self._module = module
        # In its own session, as the processes of drivers are: Linux schedules CPU time by session.
        self._process = subprocess.Popen(
            [python, "-I", str(PROGRAM), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> ChildProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, call: str) -> Callable[..., Any]:
        return lambda **args: self._call(call, args)

    def close(self) -> None:
        """Wait for the process to end; kill it after ``END_S`` seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _call(self, call: str, args: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"call": call, "args": args}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self._module} ended during the call {call}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self._module} failed in {call}: {answer['error']}")
        return answer["value"]
