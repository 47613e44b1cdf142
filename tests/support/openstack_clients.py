"""OpenStack's clients, unmodified, in a virtual environment of their own."""

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

from tests.support.virtual_environments import install_environment

PACKAGES = ("python-cinderclient==9.10.0", "python-openstackclient==10.5.0", "openstacksdk==4.22.0")
PATIENCE_S = 120


def install_clients() -> Path:
    """Return the folder of the clients' commands. The first caller installs them; other callers wait."""
    return install_environment("clients", *PACKAGES)


@dataclass(frozen=True)
class Access:
    """How the clients reach one project of a service, and how they authenticate."""

    project_id: str
    environ: Mapping[str, str]
    cinder_environ: Mapping[str, str] = field(default_factory=dict)
    cinder_words: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.cinder_environ:
            object.__setattr__(self, "cinder_environ", self.environ)


def noauth_access(url: str, project_id: str, user_id: str = "ada") -> Access:
    """Return the access to a service that does not authenticate (noauth)."""
    return Access(
        project_id,
        {"OS_AUTH_TYPE": "admin_token", "OS_TOKEN": f"{user_id}:{project_id}", "OS_ENDPOINT": f"{url}/v3"},
        # The clients take the authentication type only from the environment, the rest from options.
        {"OS_AUTH_TYPE": "noauth"},
        ("--user-id", user_id, "--project-id", project_id, "--endpoint", f"{url}/v3"),
    )


def client_environ(wishes: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which only these client settings are set."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "CINDER"))}
    return {**others, "COLUMNS": "200", **wishes}


@dataclass(frozen=True)
class CommandResult:
    """The result of one run of a command."""

    code: int
    said: str
    complained: str


def run_command(words: Sequence[str], wishes: Mapping[str, str]) -> CommandResult:
    """Run a command to its end, successful or not. ``words[0]`` is the path of the program."""
    answer = _clients_process(str(Path(words[0]).parent)).ask(
        {"words": list(words), "environ": client_environ(wishes)}
    )
    return CommandResult(answer["code"], answer["said"], answer["complained"])


class ClientsProcess:
    """A process of the clients' environment that has the clients loaded (see ``clients_serve``)."""

    def __init__(self, programs: str) -> None:
        serve = Path(__file__).with_name("clients_serve.py")
        self._process = subprocess.Popen(
            [f"{programs}/python", "-P", str(serve)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=client_environ({}),
        )
        self._lock = threading.Lock()

    def ask(self, wanted: Mapping[str, object]) -> dict[str, Any]:
        """Run a command in the process, and return the result."""
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        with self._lock:
            writer.write(json.dumps(wanted) + "\n")
            writer.flush()
            # Without the timer, a command that hangs would block for ever.
            timer = threading.Timer(PATIENCE_S, self._process.kill)
            timer.start()
            line = reader.readline()
            timer.cancel()
        assert line, f"no answer to {wanted['words']}: the clients' process has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """End the process, which must be idle."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(PATIENCE_S)


@cache
def _clients_process(programs: str) -> ClientsProcess:
    server = ClientsProcess(programs)
    atexit.register(server.end)
    return server
