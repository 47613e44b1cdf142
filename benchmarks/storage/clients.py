"""The clients of one group: they write only while it is their turn, one for each member up to a number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.storage.asking import Child
from cgflow.drivers.contract import JSON

WRITERS = 16
"""Clients at most, or on a slow medium the stall would be the length of their queue."""


class Clients:
    """Clients in a process of their own; ``asked`` has the calls of ``children.load``."""

    def __init__(self, python: str, members: list[JSON]) -> None:
        self.asked = Child("load", python)
        self._writers = min(len(members), WRITERS)
        self._members = len(members)
        self.asked.begin(members=members, writers=self._writers)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Have them write meanwhile."""
        self.asked.go_on()
        self.progress()
        yield
        self.asked.rest()

    def progress(self) -> None:
        """Wait until every member was written to, and every client has written several times."""
        if not self.asked.await_progress(count=self._members + 4 * self._writers):
            self.asked.end()
            raise TimeoutError("clients write nothing: I/O is held")


@contextmanager
def clients(python: str, members: list[JSON]) -> Iterator[Clients]:
    """Give the clients of members; at the end what went wrong with their writes is raised."""
    found = Clients(python, members)
    try:
        yield found
        found.asked.end()
    finally:
        found.asked.close()
