"""The ordering checker: writes that depend on each other, and what a consistent cut must hold of them.

Tickets 0, 1, 2, ... are written one to a slot: ticket k to volume k mod N, slot
k div N, never overwritten. Several are under way at once. Each slot holds its
ticket and ``low``: every ticket below ``low`` was acknowledged before this one
was issued. So the ticket is an effect of all of them, as a commit record is of
the log before it. With M the highest ``low`` found in any member of a cut:

* order:  every ticket below M is there, or an effect is there without its cause;
* acks:   every ticket acknowledged before the cut was asked for is there;
* future: no ticket is there that was issued after the cut had been answered.

The last two hold the cut to lie between question and answer.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SLOT_BYTES = 512
READ_BYTES = 1 << 20
_MAGIC = 0x6367666C6F77534C
_SLOT = struct.Struct("<QQQ")


class Disk(Protocol):
    """What is written to and read from: a volume, or a copy of one."""

    def read(self, offset: int, length: int) -> bytes: ...

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None: ...


@dataclass(frozen=True)
class Mark:
    """What the writer had done at one moment: ``acked`` tickets without a gap, and ``issued`` ones."""

    acked: int
    issued: int


@dataclass(frozen=True)
class Finding:
    """What a cut holds. It is consistent if the three counts of violations are zero."""

    tickets: int
    out_of_order: int
    lost_acks: int
    from_the_future: int

    @property
    def is_consistent(self) -> bool:
        """Whether the cut is one instant between question and answer."""
        return not (self.out_of_order or self.lost_acks or self.from_the_future)

    def __str__(self) -> str:
        return (
            f"{self.tickets} tickets, {self.out_of_order} out of order, {self.lost_acks} acknowledged ones "
            f"lost, {self.from_the_future} from the future"
        )


class OrderedWriter:
    """Writes tickets to the disks from several threads, until it is stopped.

    ``disks`` are one list of disks for each thread: a connection belongs to one
    thread. ``first`` is the ticket to go on with, after an earlier writer. Use as
    a context manager; an error of any thread is raised at its end.
    """

    def __init__(self, disks: Sequence[Sequence[Disk]], first: int = 0) -> None:
        self._disks = disks
        self._lock = threading.Lock()
        self._next = first
        self._open: set[int] = set()
        self._stopped = threading.Event()
        self._errors: list[BaseException] = []
        self._may_write = threading.Event()
        self._may_write.set()
        self._threads = [
            threading.Thread(target=self._write, args=(mine,), name=f"writer-{i}", daemon=True)
            for i, mine in enumerate(disks)
        ]

    def __enter__(self) -> OrderedWriter:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._may_write.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def pause(self) -> None:
        """Stop issuing tickets, and return when every one that was issued is acknowledged."""
        with self._lock:
            self._may_write.clear()
        while self.mark().acked < self.mark().issued and not self._errors:
            self._stopped.wait(0.01)

    def resume(self) -> None:
        """Go on after a pause."""
        self._may_write.set()

    def mark(self) -> Mark:
        """Return how far the writer is now."""
        with self._lock:
            return Mark(min(self._open, default=self._next), self._next)

    def _write(self, disks: Sequence[Disk]) -> None:
        try:
            while not self._stopped.is_set():
                self._may_write.wait()
                with self._lock:
                    if self._stopped.is_set() or not self._may_write.is_set():
                        continue
                    ticket, low = self._next, min(self._open, default=self._next)
                    self._next += 1
                    self._open.add(ticket)
                slot = _SLOT.pack(_MAGIC, ticket + 1, low).ljust(SLOT_BYTES, b"\0")
                disks[ticket % len(disks)].write(ticket // len(disks) * SLOT_BYTES, slot)
                with self._lock:
                    self._open.discard(ticket)
        except BaseException as error:  # noqa: BLE001 - raised again where the writer is ended
            self._errors.append(error)


def check(copies: Sequence[Disk], before: Mark, after: Mark) -> Finding:
    """Read the copies of every member, and compare with the writer before the cut and after it."""
    present = bytearray(after.issued + len(copies) * (READ_BYTES // SLOT_BYTES) * 2)
    highest = 0
    future = 0
    for position, copy in enumerate(copies):
        for ticket, low in _tickets(copy, position, len(copies), after.issued):
            highest = max(highest, low)
            if ticket < len(present):
                present[ticket] = 1
            future += ticket >= after.issued
    found = memoryview(present)
    return Finding(
        tickets=sum(found[: after.issued]),
        out_of_order=highest - sum(found[:highest]),
        lost_acks=before.acked - sum(found[: before.acked]),
        from_the_future=future,
    )


def _tickets(copy: Disk, position: int, members: int, issued: int) -> list[tuple[int, int]]:
    """Return (ticket, low) of every written slot of one member, one read beyond what was issued."""
    found = []
    end = (issued // members + 1) * SLOT_BYTES + READ_BYTES
    for offset in range(0, end, READ_BYTES):
        block = copy.read(offset, READ_BYTES)
        for at in range(0, READ_BYTES, SLOT_BYTES):
            magic, number, low = _SLOT.unpack_from(block, at)
            if magic == _MAGIC:
                ticket = number - 1
                expected = (offset + at) // SLOT_BYTES * members + position
                if ticket != expected:
                    raise AssertionError(f"slot of ticket {expected} holds ticket {ticket}")
                found.append((ticket, low))
    return found
