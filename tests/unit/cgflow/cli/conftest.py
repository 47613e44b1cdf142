"""The service that these tests talk to, and the command that they run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand


@pytest.fixture
def service() -> Iterator[CannedService]:
    canned = CannedService()
    yield canned
    canned.stop()


@pytest.fixture
def cgflow(service: CannedService) -> CgflowCommand:
    return CgflowCommand(service.url)
