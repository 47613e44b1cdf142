"""The command ``cgflow``, run against a service within the test's own process."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from cgflow.cli.main import main


class Cgflow:
    """Calls are words on the command line."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["--url", self._url, *words])

    def json(self, *words: str) -> Any:
        """Run a command that has to succeed and say nothing but JSON."""
        ran = self("--json", *words)
        assert ran.exit_code == 0, ran.output
        assert ran.stderr == ""
        return json.loads(ran.stdout)
