"""What the broken drivers have in common: a sound driver underneath, and a count of writes to wait for."""

import threading
from collections import Counter
from typing import ClassVar

from cgflow.drivers.memory.content import Content
from cgflow.drivers.memory.driver import MemoryDriver

SOON = 10.0
"""Seconds in which what is awaited must have come."""


class Broken(MemoryDriver):
    """A driver with one fault; ``breaks`` names the rules that it breaks, and what each must say."""

    breaks: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__(capacity_gib=100)
        self.wrote = threading.Condition()
        self.writes: Counter[str] = Counter()

    def write(self, volume_id: str, offset_bytes: int, data: bytes) -> None:
        super().write(volume_id, offset_bytes, data)
        with self.wrote:
            self.writes[volume_id] += 1
            self.wrote.notify_all()

    def await_writes(self, count: int, volume_id: str | None = None) -> None:
        """Wait until clients have written so often, to one volume or in all."""

        def done() -> int:
            return self.writes[volume_id] if volume_id else self.writes.total()

        with self.wrote:
            wanted = done() + count
            self.wrote.wait_for(lambda: done() >= wanted, SOON)

    def frozen(self, volume_id: str) -> Content:
        with self._lock:
            return self._state.volumes[volume_id].content.frozen()

    def content_of(self, copy) -> Content:
        return self._state.copies[copy.id].content

    def is_cut(self, copy) -> bool:
        return copy.id in self._state.copies and self.content_of(copy) is not None
