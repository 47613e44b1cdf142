"""Runs the ``openstack`` command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.openstack_clients import Access, CommandResult, run_command


class OpenstackCommand:
    """The ``openstack`` command for one project of a service."""

    def __init__(self, programs: Path, access: Access) -> None:
        self._command = str(programs / "openstack")
        self._environ = access.environ

    def __call__(self, *words: str) -> str:
        """Run a command that must succeed, and return its output."""
        ran = self._run(*words)
        assert ran.code == 0, f"openstack {' '.join(words)}: {ran.complained}"
        return ran.said

    def json(self, *words: str) -> Any:
        """Run a command that must succeed, and return its parsed JSON output."""
        return json.loads(self(*words, "--format", "json"))

    def refused(self, *words: str) -> str:
        """Run a command that must fail, and return its error output."""
        ran = self._run(*words)
        assert ran.code == 1, f"openstack {' '.join(words)}: {ran}"
        return ran.said + ran.complained

    def _run(self, *words: str) -> CommandResult:
        return run_command([self._command, *words], self._environ)
