"""The service that these tests talk to, and the command that they run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.canned import CannedService
from tests.support.command import Cgflow


@pytest.fixture
def service() -> Iterator[CannedService]:
    canned = CannedService()
    yield canned
    canned.stop()


@pytest.fixture
def cgflow(service: CannedService) -> Cgflow:
    return Cgflow(service.url)
