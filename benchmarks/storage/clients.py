"""The clients of one group, at most one per member. They write only while they are resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.storage.asking import Child
from cgflow.drivers.contract import JSON

WRITERS = 16
"""Largest number of clients. With more, on a slow medium, the stall would be the length of their queue."""


class Clients:
    """Clients in a child process; ``asked`` provides the calls of ``children.load``."""

    def __init__(self, python: str, members: list[JSON]) -> None:
        self.asked = Child("load", python)
        self._writers = min(len(members), WRITERS)
        self._members = len(members)
        self.asked.begin(members=members, writers=self._writers)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let the clients write within the context."""
        self.asked.go_on()
        self.progress()
        yield
        self.asked.rest()

    def progress(self) -> None:
        """Wait until every member has been written, and every client has written several times.

        Raises: TimeoutError, if the writes do not progress.
        """
        if not self.asked.await_progress(count=self._members + 4 * self._writers):
            self.asked.end()
            raise TimeoutError("clients write nothing: I/O is held")


@contextmanager
def clients(python: str, members: list[JSON]) -> Iterator[Clients]:
    """Yield clients of these members; at the end, raise any error of their writes."""
    found = Clients(python, members)
    try:
        yield found
        found.asked.end()
    finally:
        found.asked.close()
