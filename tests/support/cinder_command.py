"""Runs the ``cinder`` command."""

from __future__ import annotations

from pathlib import Path

from tests.support.openstack_clients import Access, CommandResult, run_command


class CommandTable(CommandResult):
    """The output of a command, parsed as a table."""

    @property
    def rows(self) -> list[list[str]]:
        """The rows of the table, without its heading."""
        lines = [line for line in self.said.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]

    @property
    def properties(self) -> dict[str, str]:
        """The table as a mapping of property to value."""
        return {row[0]: row[1] for row in self.rows}


class CinderCommand:
    """The ``cinder`` command for one project of a service."""

    def __init__(self, programs: Path, access: Access) -> None:
        self._words = [str(programs / "cinder"), *access.cinder_words]
        self._environ = access.cinder_environ

    def __call__(self, *words: str) -> CommandTable:
        """Run a command that must succeed."""
        ran = self.run(*words)
        assert ran.code == 0, f"cinder {' '.join(words)}: {ran.complained}"
        return ran

    def refused(self, *words: str) -> str:
        """Run a command that must fail, and return its error output."""
        ran = self.run(*words)
        assert ran.code == 1, f"cinder {' '.join(words)}: {ran}"
        return ran.said + ran.complained

    def run(self, *words: str) -> CommandTable:
        """Run a command."""
        ran = run_command([*self._words, *words], self._environ)
        return CommandTable(ran.code, ran.said, ran.complained)
