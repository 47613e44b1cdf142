"""Fixtures of the tests of operations."""

from __future__ import annotations

import pytest

from cgflow.notifications.notifier import Notifier
from flows import service
from tests.support.listener import Listener


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    """Return the only notifier, which records all notifications."""
    listener = Listener()
    monkeypatch.setattr(service.notifier, "load_notifiers", lambda _names: Notifier([listener]))
    return listener
