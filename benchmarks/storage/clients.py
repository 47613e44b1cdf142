"""The clients of one group, at most one per member. They write only while they are resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.storage.child_process import ChildProcess
from cgflow.drivers.contract import JSON

WRITERS = 16
"""Largest number of clients. With more, on a slow medium, the stall would be the length of their queue."""


class Clients:
    """Clients in a child process; ``child`` provides the calls of ``children.load``."""

    def __init__(self, python: str, members: list[JSON]) -> None:
        self.child = ChildProcess("load", python)
        self._writers = min(len(members), WRITERS)
        self._members = len(members)
        self.child.start(members=members, writers=self._writers)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let the clients write within the context."""
        self.child.resume()
        self.await_progress()
        yield
        self.child.pause()

    def await_progress(self) -> None:
        """Wait until every member has been written, and every client has written several times.

        Raises: TimeoutError, if the writes do not progress.
        """
        if not self.child.await_progress(count=self._members + 4 * self._writers):
            self.child.stop()
            raise TimeoutError("clients write nothing: I/O is blocked")


@contextmanager
def clients(python: str, members: list[JSON]) -> Iterator[Clients]:
    """Yield clients of these members; at the end, raise any error of their writes."""
    found = Clients(python, members)
    try:
        yield found
        found.child.stop()
    finally:
        found.child.close()
