"""Wakes those who wait for the next event of a flow."""

from __future__ import annotations

import threading
from collections import OrderedDict

_REMEMBERED = 10_000


class Watch:
    """Knows the newest committed event of the flows that moved lately.

    A flow that is not known here has not moved for long, so a waiter for it
    is let go at once to look for itself. So is whoever finds ``seats`` others
    waiting: each holds a thread of the server, which has other work to do.
    """

    def __init__(self, seats: int = 8) -> None:
        self._seats = seats
        self._waiting = 0
        self._moved = threading.Condition()
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._closed = False

    def publish(self, flow_id: str, seq: int) -> None:
        """Say that events of the flow up to ``seq`` are committed."""
        with self._moved:
            self._newest[flow_id] = max(seq, self._newest.get(flow_id, 0))
            self._newest.move_to_end(flow_id)
            while len(self._newest) > _REMEMBERED:
                self._newest.popitem(last=False)
            self._moved.notify_all()

    def wait(self, flow_id: str, after_seq: int, timeout_s: float) -> None:
        """Return when events after ``after_seq`` are committed, at the latest after ``timeout_s``."""

        def moved() -> bool:
            return self._closed or self._newest.get(flow_id, after_seq + 1) > after_seq

        with self._moved:
            if self._waiting >= self._seats:
                return
            self._waiting += 1
            try:
                self._moved.wait_for(moved, timeout_s)
            finally:
                self._waiting -= 1

    def close(self) -> None:
        """Let everyone go, now and from now on."""
        with self._moved:
            self._closed = True
            self._moved.notify_all()
