"""What tests of the stories share."""

from __future__ import annotations

import pytest

from cgflow.notifications.notifier import Notifier
from flows import service
from tests.support.listener import Listener


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    """Who is told of all operations, and nobody else."""
    listener = Listener()
    monkeypatch.setattr(service.notifier, "load", lambda _names: Notifier([listener]))
    return listener
