"""Clients that write to the members of a group, in a process of their own.

So they wait for the storage, and for nothing that whoever is measured computes.
Moments are seconds of the monotonic clock, which is one for all processes.
"""

import sys
import time
from contextlib import ExitStack
from dataclasses import asdict

from reach import CGFLOW, opened

sys.path.append(str(CGFLOW / "drivers" / "conformance"))

from ordering import Moment, OrderedWriters, check  # noqa: E402 - where it is found is said above


class Timed:
    """Writes to members, and how long each took; one thread's."""

    def __init__(self, members):
        self._members = members
        self._took = []

    def __call__(self, member, offset, data):
        """Write, and note it."""
        began = time.monotonic()
        self._members[member].write(offset, data)
        self._took.append((began, time.monotonic()))

    def longest_s(self, began, ended):
        """Return the longest write that was under way between two moments; forget all."""
        took, self._took = self._took, []
        return max((end - start for start, end in took if end >= began and start <= ended), default=0.0)


class Calls:
    """The load, from ``begin`` to ``end``."""

    def __init__(self):
        self._held = ExitStack()
        self._pause = ExitStack()

    def begin(self, members, writers):
        """Connect to members; the writers rest until ``go_on``."""
        self._members = [self._open(self._held, address) for address in members]
        self._timed = [Timed(self._members) for _ in range(writers)]
        self._writers = OrderedWriters(self._timed, len(members))
        self.rest()
        self._held.enter_context(self._writers)

    def end(self):
        """End the writers, and raise what went wrong with them."""
        self._pause.close()
        self._held.close()

    def rest(self):
        """Issue no more writes."""
        self._pause.enter_context(self._writers.resting())

    def go_on(self):
        """Write on."""
        self._pause.close()

    def moment(self):
        """Return how far the writers are."""
        now = self._writers.moment()
        return {"low": now.low, "above": sorted(now.above), "issued": now.issued}

    def await_progress(self, count):
        """Wait until what is under way is acknowledged and so many after it; whether it was in time."""
        return self._writers.await_progress(count)

    def longest_s(self, began, ended):
        """Return the longest write that was under way between two moments."""
        return max(timed.longest_s(began, ended) for timed in self._timed)

    def check(self, copies, before, after):
        """Judge the copies of a cut between two moments."""
        moments = [Moment(each["low"], frozenset(each["above"]), each["issued"]) for each in (before, after)]
        with ExitStack() as held:
            return asdict(check([self._open(held, address).read for address in copies], *moments))

    @staticmethod
    def _open(held, address):
        reached = opened(address)
        held.callback(reached.close)
        return reached
