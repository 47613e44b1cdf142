"""A notifier that records the notifications of operations, and helpers to inspect them."""

from __future__ import annotations

from cgflow.notifications.notifier import Notification


class RecordingNotifier:
    """A notifier that keeps its notifications."""

    def __init__(self) -> None:
        self.heard: list[Notification] = []

    def __call__(self, notification: Notification) -> None:
        self.heard.append(notification)

    def take(self) -> list[Notification]:
        heard, self.heard = self.heard, []
        return heard


def event_statuses(listener: RecordingNotifier) -> list[tuple[str, object]]:
    """Return each event with the status in it, members in no order."""
    heard = listener.take()
    assert len({one.message_id for one in heard}) == len(heard)
    return sorted(((one.event_type, one.payload["status"]) for one in heard), key=event_sort_key)


def event_sort_key(event: tuple[str, object]) -> tuple[object, ...]:
    return ("start", "error", "end").index(event[0].rpartition(".")[2]), event[0].count("."), event
