"""Clients that write to the members of a group, in a process of their own.

A separate process keeps the computation of the measured process from delaying the clients. Times
are seconds of the monotonic clock, which all processes share.
"""

import sys
import time
from contextlib import ExitStack
from dataclasses import asdict

from reach import CGFLOW, connect

sys.path.append(str(CGFLOW / "drivers" / "conformance"))

from write_order_checker import OrderedWriters, Progress, check_snapshots  # noqa: E402 - needs the path added above


class Timed:
    """Writes to members by one thread, and the duration of each."""

    def __init__(self, members):
        self._members = members
        self._took = []

    def __call__(self, member, offset, data):
        """Write, and record the duration."""
        began = time.monotonic()
        self._members[member].write(offset, data)
        self._took.append((began, time.monotonic()))

    def longest_s(self, began, ended):
        """Return the longest write in progress between two times, in seconds; forget all writes."""
        took, self._took = self._took, []
        return max((end - start for start, end in took if end >= began and start <= ended), default=0.0)


class Calls:
    """The load, from ``start`` to ``stop``."""

    def __init__(self):
        self._held = ExitStack()
        self._pause = ExitStack()

    def start(self, members, writers):
        """Connect to the members; the writers are paused until ``resume``."""
        self._members = [self._open(self._held, address) for address in members]
        self._timed = [Timed(self._members) for _ in range(writers)]
        self._writers = OrderedWriters(self._timed, len(members))
        self.pause()
        self._held.enter_context(self._writers)

    def stop(self):
        """Stop the writers, and raise their errors."""
        self._pause.close()
        self._held.close()

    def pause(self):
        """Pause the writers."""
        self._pause.enter_context(self._writers.pause())

    def resume(self):
        """Resume the writers."""
        self._pause.close()

    def progress(self):
        """Return the progress of the writers."""
        now = self._writers.progress()
        return {"low": now.low, "above": sorted(now.above), "issued": now.issued}

    def await_progress(self, count):
        """Wait for the writes in progress and ``count`` more; return whether they completed in time."""
        return self._writers.await_progress(count)

    def longest_s(self, began, ended):
        """Return the longest write in progress between two times, in seconds."""
        return max(timed.longest_s(began, ended) for timed in self._timed)

    def check(self, snapshots, before, after):
        """Check the snapshots of a cut that was made between two progress values."""
        times = [Progress(each["low"], frozenset(each["above"]), each["issued"]) for each in (before, after)]
        with ExitStack() as held:
            return asdict(check_snapshots([self._open(held, address).read for address in snapshots], *times))

    @staticmethod
    def _open(held, address):
        client = connect(address)
        held.callback(client.close)
        return client
