"""The common base of the broken drivers: a correct driver with a count of writes to wait for."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

from cgflow.drivers.contract import SupportsFencing
from cgflow.drivers.fault_injection.drill_file import CALLS
from cgflow.drivers.memory.state import Content
from cgflow.errors import SessionFenced
from tests.support.file_backed_driver import FileBackedDriver

SOON = 10.0
"""Seconds within which an awaited condition must hold."""


class BrokenDriver(FileBackedDriver, SupportsFencing):
    """A driver with one fault; ``breaks`` maps the rules that it breaks to the expected messages.

    It supports fencing: its snapshots share the objects and their lock, as processes share a storage.
    """

    breaks: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__(capacity_gib=100)
        self.wrote = threading.Condition()
        self.writes: Counter[str] = Counter()
        self.session = "first"
        self.fenced: set[str] = set()

    def open_session(self, session: str) -> None:
        self.session = session
        self.admit()

    def fence(self, session: str) -> None:
        with self._lock:
            self.admit()
            self.fenced.add(session)

    def admit(self) -> None:
        if self.session in self.fenced:
            raise SessionFenced.of(self.session)

    def _record_event(self, event: str, **values: object) -> None:
        # The lock is held here, so that an effect happens before the fence or not at all.
        self.admit()
        super()._record_event(event, **values)

    def write(self, volume_id: str, offset_bytes: int, data: bytes) -> None:
        super().write(volume_id, offset_bytes, data)
        with self.wrote:
            self.writes[volume_id] += 1
            self.wrote.notify_all()

    def await_writes(self, count: int, volume_id: str | None = None) -> None:
        """Wait until clients have done this many more writes, to one volume or in total."""

        def done() -> int:
            return self.writes[volume_id] if volume_id else self.writes.total()

        with self.wrote:
            wanted = done() + count
            self.wrote.wait_for(lambda: done() >= wanted, SOON)

    def frozen(self, volume_id: str) -> Content:
        with self._lock:
            return self._state.volumes[volume_id].content.snapshot()

    def content_of(self, snapshot) -> Content:
        return self._state.snapshots[snapshot.id].content

    def is_cut(self, snapshot) -> bool:
        return snapshot.id in self._state.snapshots and self.content_of(snapshot) is not None


def _with_fence_check(call: str) -> Callable[..., object]:
    def admitted(self: BrokenDriver, *args: object) -> object:
        self.admit()
        return getattr(FileBackedDriver, call)(self, *args)

    return admitted


for _call in CALLS - {"start", "stop", "open_session", "fence"}:
    setattr(BrokenDriver, _call, _with_fence_check(_call))
