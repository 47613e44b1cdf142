"""Wakes the clients that wait for the next event of a flow."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass

_REMEMBERED = 10_000


@dataclass(eq=False)
class _Waiter:
    project_id: str
    is_released: bool = False


class FlowEventSignal:
    """Holds the newest committed event number of each flow that moved recently.

    A wait for a flow that is not known here returns at once, so that the waiter reads the database:
    the flow has not moved for long. A wait also returns at once when all ``seats`` are taken, since
    each holds a thread of the server. If a project has more seats than its share, its longest
    waiter is released instead.
    """

    def __init__(self, seats: int = 8) -> None:
        self._seats = seats
        self._waiters: list[_Waiter] = []
        self._moved = threading.Condition()
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._closed = False

    def publish(self, flow_id: str, seq: int) -> None:
        """Record that the events of a flow up to ``seq`` are committed, and wake its waiters."""
        with self._moved:
            self._newest[flow_id] = max(seq, self._newest.get(flow_id, 0))
            self._newest.move_to_end(flow_id)
            while len(self._newest) > _REMEMBERED:
                self._newest.popitem(last=False)
            self._moved.notify_all()

    def wait(self, flow_id: str, after_seq: int, timeout_s: float, project_id: str = "") -> bool:
        """Return when events after ``after_seq`` are committed, at the latest after ``timeout_s``.

        The result is whether this process knows of such events.
        ``project_id`` is the waiter's project; waiters without one share the seats of one project.
        """
        waiter = _Waiter(project_id)

        def moved() -> bool:
            newest = self._newest.get(flow_id, after_seq + 1)
            return self._closed or waiter.is_released or newest > after_seq

        with self._moved:
            if not self._try_free_seat(project_id):
                return False
            self._waiters.append(waiter)
            try:
                self._moved.wait_for(moved, timeout_s)
            finally:
                self._waiters.remove(waiter)
            return self._newest.get(flow_id, after_seq) > after_seq

    def _try_free_seat(self, project_id: str) -> bool:
        """Return whether a project may have one more waiter; release one of another project if necessary."""
        waiters = [waiter for waiter in self._waiters if not waiter.is_released]
        if len(waiters) < self._seats:
            return True
        held = Counter(waiter.project_id for waiter in waiters)
        most_seated, most = held.most_common(1)[0]
        if most <= held[project_id] + 1:
            return False
        next(waiter for waiter in waiters if waiter.project_id == most_seated).is_released = True
        self._moved.notify_all()
        return True

    def close(self) -> None:
        """Release all waiters; later waits return at once."""
        with self._moved:
            self._closed = True
            self._moved.notify_all()
