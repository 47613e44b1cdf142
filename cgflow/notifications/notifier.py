"""The notifiers that an operator has configured, by name.

A notifier is a function that takes a notification; its name is an entry point of the group
``cgflow.notifiers``. If one fails, the failure and the notification are logged; the other notifiers and the
operation continue.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stevedore.extension import ExtensionManager

from cgflow import clock
from cgflow.errors import ConfigError

LOG = logging.getLogger(__name__)
ENTRY_POINTS = "cgflow.notifiers"
INFO, ERROR = "INFO", "ERROR"


@dataclass(frozen=True, kw_only=True)
class Notification:
    """One event in the envelope that OpenStack's services share. ``payload`` is JSON."""

    event_type: str
    publisher_id: str
    payload: dict[str, object]
    priority: str = INFO
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    timestamp: str | None = field(default_factory=lambda: clock.iso(clock.now()))


Notify = Callable[[Notification], None]


class Notifier:
    """Passes notifications to several notifiers, in order."""

    def __init__(self, notifiers: Sequence[Notify]) -> None:
        self._notifiers = tuple(notifiers)

    @property
    def is_silent(self) -> bool:
        """Whether there are no notifiers."""
        return not self._notifiers

    def send(self, notifications: Iterable[Notification]) -> None:
        """Pass notifications to all notifiers. Failures are logged."""
        for notification in notifications:
            for notify in self._notifiers:
                try:
                    notify(notification)
                except BaseException:
                    # A plugin must not end the thread that runs the flow, whatever it raises.
                    LOG.exception("not told: %s", as_json_line(notification))


def load_notifiers(names: Sequence[str]) -> Notifier:
    """Return the notifier for these names. Raises: ConfigError, if one is unknown."""
    found: ExtensionManager[Any] = ExtensionManager(ENTRY_POINTS)
    known: dict[str, Notify] = {extension.name: extension.plugin for extension in found}
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigError(
            f"There is no notifier {', '.join(missing)}. Valid values: {', '.join(sorted(known))}."
        )
    return Notifier([known[name] for name in names])


def to_log(notification: Notification) -> None:
    """Write a notification to the log, as one line of JSON, under a logger named after its event."""
    level = logging.ERROR if notification.priority == ERROR else logging.INFO
    logging.getLogger(f"cgflow.notification.{notification.event_type}").log(
        level, "%s", as_json_line(notification)
    )


def as_json_line(notification: Notification) -> str:
    """Return a notification as one line of JSON."""
    return json.dumps(asdict(notification))
