"""The ``cinder`` command as its users have it: in an environment of its own, and unchanged."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.environments import environment

PACKAGE = "python-cinderclient==9.10.0"


def installed() -> Path:
    """Return the command, installed by the first who asks; others wait for it."""
    return environment("clients", PACKAGE) / "cinder"


@dataclass(frozen=True)
class Ran:
    """One run of the command."""

    code: int
    said: str
    complained: str

    @property
    def rows(self) -> list[list[str]]:
        """The rows of the table that was printed, without its heading."""
        lines = [line for line in self.said.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]

    @property
    def properties(self) -> dict[str, str]:
        """The table of properties that was printed."""
        return {row[0]: row[1] for row in self.rows}


class Cinder:
    """The command, for one project of a service without authentication."""

    def __init__(self, command: Path, url: str, project: str) -> None:
        self._words = [str(command), "--user-id", "ada", "--project-id", project, "--endpoint", f"{url}/v3"]

    def __call__(self, *words: str) -> Ran:
        """Run a command that has to succeed."""
        ran = self.run(*words)
        assert ran.code == 0, f"cinder {' '.join(words)}: {ran.complained}"
        return ran

    def refused(self, *words: str) -> str:
        """Run a command that has to fail, and return what it says."""
        ran = self.run(*words)
        assert ran.code == 1, f"cinder {' '.join(words)}: {ran}"
        return ran.said + ran.complained

    def run(self, *words: str) -> Ran:
        """Run a command."""
        wishes = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "CINDER"))}
        done = subprocess.run(
            [*self._words, *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            # The kind of authentication is taken from here alone.
            env={**wishes, "OS_AUTH_TYPE": "noauth", "COLUMNS": "200"},
        )
        return Ran(done.returncode, done.stdout, done.stderr)
