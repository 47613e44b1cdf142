"""Runs the ``cgflow`` command in the test's process, against a service in the same process."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from cgflow.cli.main import main


class CgflowCommand:
    """Each argument of a call is one word of the command line."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["--url", self._url, *words])

    def json(self, *words: str) -> Any:
        """Run a command that must succeed and print only JSON; return the parsed output."""
        ran = self("--json", *words)
        assert ran.exit_code == 0, ran.output
        assert ran.stderr == ""
        return json.loads(ran.stdout)
