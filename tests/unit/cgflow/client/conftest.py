"""The service that these tests talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cgflow.client import Client
from tests.support.canned_service import CannedService


@pytest.fixture
def service() -> Iterator[CannedService]:
    canned = CannedService()
    yield canned
    canned.stop()


@pytest.fixture
def client(service: CannedService) -> Client:
    return Client(service.url, "admin", "alice")
