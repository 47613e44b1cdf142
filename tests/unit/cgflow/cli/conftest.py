"""The service that these tests talk to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cgflow.cli.main import main
from tests.support.canned import CannedService


@pytest.fixture
def service() -> Iterator[CannedService]:
    canned = CannedService()
    yield canned
    canned.stop()


class Cgflow:
    """Runs the command against the canned service."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["--url", self._url, *words])

    def json(self, *words: str) -> Any:
        ran = self("--json", *words)
        assert ran.exit_code == 0, ran.output
        assert ran.stderr == ""
        return json.loads(ran.stdout)


@pytest.fixture
def cgflow(service: CannedService) -> Cgflow:
    return Cgflow(service.url)
