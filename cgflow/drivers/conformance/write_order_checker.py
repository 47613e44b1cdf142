"""Checks that snapshots hold one instant, by writes that depend on each other.

Writers write the tickets 0, 1, 2, … to one slot each: ticket k goes to member k mod N, slot k div N, and no
slot is used twice. Several writes are in flight at once. A slot holds the number k and ``low``: every ticket
below ``low`` was acknowledged before k was issued. Ticket k thus depends on all of them, as a commit record
depends on the log before it. For the snapshots of one cut this means:

* order: every ticket below the highest ``low`` found must be present, or an effect exists without its cause;
* lost: every ticket acknowledged before the call must be present;
* future: no ticket issued after the return may be present.

The last two rules check that the cut lies between the call and its return. The first one detects snapshots
that were taken one after another.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

SLOT_BYTES = 512
READ_BYTES = 1 << 20
"""Bytes per read."""

BEYOND = 256
"""Slots of each member that are read beyond those issued, to find writes that must not be there."""

DEADLINE_S = 30.0
"""Seconds within which awaited writes must be acknowledged; otherwise I/O counts as blocked."""

_MAGIC = b"cgticket"
_SLOT = struct.Struct(">8sQQ")

Write = Callable[[int, int, bytes], object]
"""Write to a member, given by its position, at an offset in bytes; return when it is acknowledged."""

Read = Callable[[int, int], bytes]
"""Read from one snapshot; the parameters are the offset and the length, both in bytes."""


@dataclass(frozen=True)
class Ticket:
    """A write: its number, and the number below which all were acknowledged when it was issued."""

    number: int
    low: int


@dataclass(frozen=True)
class Progress:
    """Progress of the writers.

    All tickets below ``low`` and those in ``above`` are acknowledged. All below ``issued`` are issued.
    """

    low: int
    above: frozenset[int]
    issued: int

    @property
    def acknowledged(self) -> int:
        """The number of acknowledged writes."""
        return self.low + len(self.above)


@dataclass(frozen=True)
class Finding:
    """The result of a check: the number of tickets found, and of violations of each kind."""

    tickets: int
    order: int
    lost: int
    future: int

    @property
    def is_consistent(self) -> bool:
        """Whether the snapshots hold one instant between call and return."""
        return not (self.order or self.lost or self.future)

    def violations(self) -> list[str]:
        """Return a description of each kind of violation; an empty list if consistent."""
        violations = []
        if self.order:
            violations.append(
                f"order: {self.order} writes are missing although later ones that depend on them are there"
            )
        if self.lost:
            violations.append(f"lost: {self.lost} writes acknowledged before the call are not there")
        if self.future:
            violations.append(f"future: {self.future} writes issued after the return are there")
        return violations

    def __str__(self) -> str:
        return f"{self.tickets} tickets, {'; '.join(self.violations()) or 'one instant'}"


class OrderedWriters:
    """Threads that write tickets until the end of a ``with`` block, which raises their errors.

    ``writes`` has one function for each thread, because a connection may belong to one thread. ``first`` is
    the number of the first ticket, to continue after earlier writers.
    """

    def __init__(self, writes: Sequence[Write], members: int, first: int = 0) -> None:
        self._members = members
        self._changed = threading.Condition()
        self._issued = first
        self._low = first
        self._above: set[int] = set()
        self._is_over = False
        self._is_paused = False
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._write_tickets, args=(write,), name=f"writer-{number}", daemon=True)
            for number, write in enumerate(writes)
        ]

    def __enter__(self) -> OrderedWriters:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def progress(self) -> Progress:
        """Return the current progress of the writers."""
        with self._changed:
            return Progress(self._low, frozenset(self._above), self._issued)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Issue no tickets in this block, so that the data to read does not grow. Writes in flight go on."""
        with self._changed:
            self._is_paused = True
        try:
            yield
        finally:
            with self._changed:
                self._is_paused = False
                self._changed.notify_all()

    def await_progress(self, count: int) -> bool:
        """Wait until all writes in flight, and ``count`` later ones, are acknowledged.

        After a second wait there are writes that depend on those of the first. Returns: False, if the writes
        are not acknowledged in time or a write has failed.
        """
        with self._changed:
            target = self._issued + count
            self._changed.wait_for(lambda: self._errors or self._low >= target, DEADLINE_S)
            return not self._errors and self._low >= target

    def _is_ended(self) -> bool:
        return self._is_over or bool(self._errors)

    def _write_tickets(self, write: Write) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: not self._is_paused or self._is_ended())
                    if self._is_ended():
                        return
                    ticket = Ticket(self._issued, self._low)
                    self._issued += 1
                slot, member = divmod(ticket.number, self._members)
                data = _SLOT.pack(_MAGIC, ticket.number + 1, ticket.low).ljust(SLOT_BYTES, b"\0")
                write(member, slot * SLOT_BYTES, data)
                self._acknowledge(ticket)
        except BaseException as error:  # noqa: BLE001 - raised again when the writers are stopped
            with self._changed:
                self._errors.append(error)
                self._changed.notify_all()

    def _acknowledge(self, ticket: Ticket) -> None:
        with self._changed:
            self._above.add(ticket.number)
            while self._low in self._above:
                self._above.remove(self._low)
                self._low += 1
            self._changed.notify_all()


def check_snapshots(snapshots: Sequence[Read], before: Progress, after: Progress) -> Finding:
    """Read the snapshots of all members, in their order, and check them against the progress at the cut.

    ``before`` is the progress before the call, ``after`` the progress after its return. Raises: ValueError,
    if a snapshot holds data that no writer wrote there.
    """
    seen = [
        ticket
        for position, read in enumerate(snapshots)
        for ticket in read_tickets(read, position, len(snapshots), after.issued)
    ]
    return check_tickets(seen, before, after)


def check_tickets(seen: Sequence[Ticket], before: Progress, after: Progress) -> Finding:
    """Check the tickets found in the snapshots of a cut."""
    found = {ticket.number for ticket in seen}
    causes = max((ticket.low for ticket in seen), default=0)
    return Finding(
        tickets=len(found),
        order=sum(number not in found for number in range(causes)),
        lost=sum(number not in found for number in (*range(before.low), *before.above)),
        future=sum(number >= after.issued for number in found),
    )


def read_tickets(read: Read, position: int, members: int, issued: int) -> Iterator[Ticket]:
    """Yield the tickets in one snapshot. Raises: ValueError, if it holds anything else."""
    end = (issued // members + BEYOND) * SLOT_BYTES
    for start in range(0, end, READ_BYTES):
        piece = read(start, min(READ_BYTES, end - start))
        for place in range(0, len(piece), SLOT_BYTES):
            magic, number, low = _SLOT.unpack_from(piece, place)
            expected = (start + place) // SLOT_BYTES * members + position
            if magic == _MAGIC and number - 1 == expected:
                yield Ticket(expected, low)
            elif any(piece[place : place + SLOT_BYTES]):
                raise ValueError(f"the snapshot at byte {start + place} holds what nobody wrote there")
