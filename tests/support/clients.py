"""The clients that exist, as their users have them: in an environment of their own, and unchanged."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.environments import environment

PACKAGES = ("python-cinderclient==9.10.0", "python-openstackclient==10.5.0", "openstacksdk==4.22.0")
PATIENCE_S = 120


def installed() -> Path:
    """Return the folder of their commands, installed by the first who asks; others wait for it."""
    return environment("clients", *PACKAGES)


@dataclass(frozen=True)
class Access:
    """How the clients reach one project of a service, and prove who they are."""

    project_id: str
    environ: Mapping[str, str]
    cinder_environ: Mapping[str, str] = field(default_factory=dict)
    cinder_words: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.cinder_environ:
            object.__setattr__(self, "cinder_environ", self.environ)


def without_proof(url: str, project_id: str, user_id: str = "ada") -> Access:
    """Return the access to a service that takes everybody at their word."""
    return Access(
        project_id,
        {"OS_AUTH_TYPE": "admin_token", "OS_TOKEN": f"{user_id}:{project_id}", "OS_ENDPOINT": f"{url}/v3"},
        # The kind of authentication is taken from the environment alone, the rest from the options.
        {"OS_AUTH_TYPE": "noauth"},
        ("--user-id", user_id, "--project-id", project_id, "--endpoint", f"{url}/v3"),
    )


def environ_for(wishes: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing is wished for but this."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "CINDER"))}
    return {**others, "COLUMNS": "200", **wishes}


@dataclass(frozen=True)
class Ran:
    """One run of a command."""

    code: int
    said: str
    complained: str


def run(words: Sequence[str], wishes: Mapping[str, str]) -> Ran:
    """Run a command to its end, good or bad. Its first word is the path of the program."""
    answer = _server(str(Path(words[0]).parent)).ask({"words": list(words), "environ": environ_for(wishes)})
    return Ran(answer["code"], answer["said"], answer["complained"])


class Server:
    """A process of the clients' environment that has them loaded (see ``clients_serve``)."""

    def __init__(self, programs: str) -> None:
        serve = Path(__file__).with_name("clients_serve.py")
        self._process = subprocess.Popen(
            [f"{programs}/python", "-P", str(serve)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ_for({}),
        )
        self._lock = threading.Lock()

    def ask(self, wanted: Mapping[str, object]) -> dict[str, Any]:
        """Have a command run, and return what became of it."""
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        with self._lock:
            writer.write(json.dumps(wanted) + "\n")
            writer.flush()
            # A command that hangs would otherwise be waited for without end.
            timer = threading.Timer(PATIENCE_S, self._process.kill)
            timer.start()
            line = reader.readline()
            timer.cancel()
        assert line, f"no answer to {wanted['words']}: the clients' process has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """End the process, which has nothing to do any more."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(PATIENCE_S)


@cache
def _server(programs: str) -> Server:
    server = Server(programs)
    atexit.register(server.end)
    return server
