"""Fixtures of the tests of operations."""

from __future__ import annotations

import pytest

from cgflow.notifications.notifier import Notifier
from flows import service
from tests.support.recording_notifier import RecordingNotifier


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> RecordingNotifier:
    """Return the only notifier, which records all notifications."""
    listener = RecordingNotifier()
    monkeypatch.setattr(service.notifier, "load_notifiers", lambda _names: Notifier([listener]))
    return listener
