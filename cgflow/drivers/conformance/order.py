"""The rule that the rest is for: the members of a cgsnapshot show one instant, under load.

Writers issue tickets 0, 1, 2, …; ticket k goes to member k mod N, slot k div N,
and no slot is written twice. Several writes are outstanding at a time. A slot
holds (magic, k + 1, low), where every ticket below ``low`` was acknowledged
before k was issued: k depends on them all. In the copies of one cut, then,

* order: every ticket below the highest ``low`` seen is there, or an effect exists without its cause;
* no lost acknowledgement: every ticket acknowledged before the call is there;
* no future: no ticket issued after the call returned is there.

With as many writers as twice the members, a cut that goes member by member
fails nearly every time; with a single writer it mostly passes.
"""

# ruff: noqa: D102
# The name of a test is its sentence.

from __future__ import annotations

import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from cgflow.drivers.conformance.concurrency import at_once
from cgflow.drivers.conformance.harness import Harness
from cgflow.drivers.conformance.scene import MIB, Scene, copies_of
from cgflow.drivers.conformance.verdict import Violation, expect, must_succeed
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec

SLOT = 512
MEMBERS = 4
WRITERS = 3 * MEMBERS
CUTS = 6
PROGRESS = 4 * WRITERS
"""Acknowledged writes awaited before each cut."""

PATIENCE_S = 30.0
"""Seconds in which so many writes must be acknowledged, or I/O counts as held."""

_TICKET = struct.Struct(">8sQQ")
_MAGIC = b"cgticket"


@dataclass(frozen=True)
class Ticket:
    """A write: its number, and the number below which all were acknowledged when it was issued."""

    number: int
    low: int


@dataclass(frozen=True)
class Moment:
    """What had been issued and acknowledged: all below ``low``, and ``above``, out of ``issued``."""

    low: int
    above: frozenset[int]
    issued: int


class Tickets:
    """The one counter that all writers draw from."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._issued = 0
        self._low = 0
        self._above: set[int] = set()
        self._acknowledged = 0
        self._is_over = False

    def issue(self) -> Ticket:
        """Draw the next ticket."""
        with self._changed:
            self._issued += 1
            return Ticket(self._issued - 1, self._low)

    def acknowledge(self, ticket: Ticket) -> None:
        """Say that the write of a ticket has returned."""
        with self._changed:
            self._above.add(ticket.number)
            while self._low in self._above:
                self._above.remove(self._low)
                self._low += 1
            self._acknowledged += 1
            self._changed.notify_all()

    def moment(self) -> Moment:
        """Return where things stand."""
        with self._changed:
            return Moment(self._low, frozenset(self._above), self._issued)

    def give_up(self) -> None:
        """Say that a write has failed, so that nobody waits for progress."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def await_progress(self, count: int) -> bool:
        """Wait until so many more are acknowledged; False if they are not in time, or never will be."""
        with self._changed:
            wanted = self._acknowledged + count
            self._changed.wait_for(lambda: self._is_over or self._acknowledged >= wanted, PATIENCE_S)
            return self._acknowledged >= wanted


def faults_of(seen: Iterable[Ticket], before: Moment, after: Moment) -> list[str]:
    """Return in words what is wrong with the tickets seen in the copies of a cut; an instant has nothing."""
    tickets = list(seen)
    found = {ticket.number for ticket in tickets}
    words: list[str] = []
    causes = max((ticket.low for ticket in tickets), default=0)
    missing = [number for number in range(causes) if number not in found]
    if missing:
        words.append(
            f"order: {len(missing)} writes are missing although later ones that depend on them are there"
        )
    lost = sum(1 for number in (*range(before.low), *before.above) if number not in found)
    if lost:
        words.append(f"lost: {lost} writes acknowledged before the call are not there")
    future = sum(1 for number in found if number >= after.issued)
    if future:
        words.append(f"future: {future} writes issued after the return are there")
    return words


class OrderRules:
    """Dependent writes across members while cgsnapshots are taken."""

    def test_cut_keeps_the_order_of_writes(self, scene: Scene) -> None:
        members = scene.new_members(MEMBERS)
        scene.cutter  # noqa: B018 - skips here, not in a thread, if the driver cannot cut
        tickets = Tickets()
        done = threading.Event()
        bad: list[str] = []

        def write() -> None:
            try:
                while not done.is_set():
                    ticket = tickets.issue()
                    _write(scene.harness, members, ticket)
                    tickets.acknowledge(ticket)
            except Exception:
                tickets.give_up()
                raise

        def take() -> None:
            try:
                for number in range(CUTS):
                    if not tickets.await_progress(PROGRESS):
                        raise Violation(
                            f"no {PROGRESS} writes in {PATIENCE_S:g} s after {number} cuts: I/O is held"
                        )
                    bad.extend(_cut_and_judge(scene, members, tickets))
            finally:
                done.set()

        at_once("a write while cgsnapshots are taken", [*[write] * WRITERS, take])
        shown = "; ".join(dict.fromkeys(bad))
        expect(not bad, f"cut must be one instant for every member; in {CUTS} cuts under load: {shown}")


def _cut_and_judge(scene: Scene, members: list[VolumeSpec], tickets: Tickets) -> list[str]:
    copies = copies_of(members)
    for copy in copies:
        scene.prepare(copy)
    first = copies[0]
    before = tickets.moment()
    must_succeed("cut", lambda: scene.cutter.cut(first.cgsnapshot_id, first.group_id, copies))
    after = tickets.moment()
    # Some slots more than were issued, for those that must not be there.
    slots = after.issued // len(members) + WRITERS
    found: list[Ticket] = []
    for copy in copies:
        scene.export(copy)
        found.extend(_read(scene.harness, copy, slots))
        scene.delete_copy(copy)
    return faults_of(found, before, after)


def _write(harness: Harness, members: list[VolumeSpec], ticket: Ticket) -> None:
    slot, member = divmod(ticket.number, len(members))
    data = _TICKET.pack(_MAGIC, ticket.number + 1, ticket.low).ljust(SLOT, b"\0")
    harness.write(members[member], slot * SLOT, data)


def _read(harness: Harness, copy: SnapshotSpec, slots: int) -> list[Ticket]:
    found: list[Ticket] = []
    length = slots * SLOT
    for offset in range(0, length, MIB):
        piece = harness.read_snapshot(copy, offset, min(MIB, length - offset))
        for place in range(0, len(piece), SLOT):
            magic, number, low = _TICKET.unpack_from(piece, place)
            if magic == _MAGIC:
                found.append(Ticket(number - 1, low))
            elif any(piece[place : place + SLOT]):
                raise Violation(f"the snapshot at byte {offset + place} holds what nobody wrote")
    return found
