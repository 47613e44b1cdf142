"""Comparison of records with a backend: objects and records without the other, and differences.

The conclusions follow from the order of the reads (see ``auditor``). A record that rested at the
reads before and after the backend's answer rested in between, and must be in that answer. An object
that was in two answers existed at the read of the database between them, and must have a record
there, or a flow that has its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from cgflow.audit.backend_snapshot import BackendSnapshot
from cgflow.audit.database_snapshot import DatabaseSnapshot, Row
from cgflow.audit.findings import Finding, of_row
from cgflow.drivers.contract import Inventory, VolumeDetails
from cgflow.status import Status, Trait, statuses_with

GIB = 1024**3
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Observations:
    """The reads for one backend: database, answer, database, and what is in this answer and the next.

    ``but`` is a flow whose own claims are ignored: the repair flow that makes this comparison.
    """

    host: str
    before: DatabaseSnapshot
    answer: BackendSnapshot
    after: DatabaseSnapshot
    lasting: BackendSnapshot
    but: str | None = None

    @cached_property
    def named(self) -> frozenset[str]:
        """All ids in the flows that are open at the second read of the database."""
        others = (flow.names for flow in self.after.flows.values() if flow.id != self.but)
        return frozenset().union(*others)

    @cached_property
    def at_work(self) -> frozenset[str]:
        """All ids in the open flows whose undo has not failed, and which may change them at this moment."""
        names = (
            flow.names
            for flow in self.after.flows.values()
            if flow.id != self.but and not flow.has_failed_undo
        )
        return frozenset().union(*names)

    def resting(self, noun: str) -> Iterator[Row]:
        """Yield this backend's records of a type that no flow changed between the reads or can change now."""
        for row in self.after.of(noun):
            earlier = self.before.things.get(row.id)
            if row.host == self.host and earlier is not None and self._rested(earlier, row):
                yield row

    def _rested(self, earlier: Row, row: Row) -> bool:
        return (
            earlier.touched == row.touched
            and row.claimed_by in (None, self.but)
            and not self._is_open(self.before, row.flow_id)
            and not self._is_open(self.after, row.flow_id)
        )

    def _is_open(self, rows: DatabaseSnapshot, flow_id: str | None) -> bool:
        return flow_id in rows.flows and flow_id != self.but


def compare(looks: Observations) -> Iterator[Finding]:
    """Return all differences between the records and the backend."""
    yield from _problems(looks)
    if looks.lasting.refusal is not None:
        return
    yield from orphans(looks)
    yield from _given_up(looks)
    yield from _exports(looks)
    if looks.answer.is_whole:
        yield from _missing(looks)
    if looks.answer.is_detailed:
        for row in looks.resting("volume"):
            held = looks.answer.volumes.get(row.id)
            if held is not None and not row.was_rolled_back:
                yield from _shape(row, held)


def _problems(looks: Observations) -> Iterator[Finding]:
    host = looks.host
    if looks.lasting.refusal is not None:
        message = f"Backend {host} did not say what it has: {looks.lasting.refusal}"
        yield Finding(code="backend.unreachable", subject=host, message=message, noun="backend", host=host)
    for text in looks.lasting.inventory.problems:
        ids = _ID.findall(text)
        # An active flow gets the error itself; a flow whose undo failed does nothing about it.
        if looks.at_work.isdisjoint(ids):
            where = ids[0] if ids else host
            message = f"Backend {host} reports: {text}"
            yield Finding(code="backend.problem", subject=where, message=message, noun="backend", host=host)


def _missing(looks: Observations) -> Iterator[Finding]:
    for kind, row, is_there in _resting(looks, looks.answer.inventory):
        if not is_there and not row.was_rolled_back and not _is_given_up(row):
            message = f"{_named(row)} is {row.status}, and backend {row.host} has no such."
            yield of_row(f"{kind}.missing", row, message)


def _given_up(looks: Observations) -> Iterator[Finding]:
    """Return the resources that were undone or abandoned, by their records, but exist on the backend."""
    for kind, row, is_there in _resting(looks, looks.lasting.inventory):
        if is_there and row.was_rolled_back:
            message = f"{_named(row)} is {row.status} and counts nothing, and backend {row.host} has it."
            yield of_row(f"{kind}.given_up", row, message)


def _resting(looks: Observations, inventory: Inventory) -> Iterator[tuple[str, Row, bool]]:
    """Return each resting record, its kind in the codes of findings, and whether the inventory has it."""
    for noun, kind, held in (
        ("consistencygroup", "group", inventory.groups),
        ("volume", "volume", inventory.volumes),
        ("snapshot", "snapshot", inventory.snapshots),
    ):
        for row in looks.resting(noun):
            yield kind, row, row.id in held


def _is_given_up(row: Row) -> bool:
    """Return whether a record no longer promises data.

    It still counts, and can be reset if the data returns.
    """
    return row.noun != "consistencygroup" and row.status == Status.ERROR


def orphans(looks: Observations) -> Iterator[Finding]:
    """Return what the backend has that no record and no open flow knows."""
    there = looks.lasting.inventory
    known = looks.after.things.keys() | looks.named
    for id_ in sorted(there.groups - known):
        yield _orphan(looks, "group.orphan", id_, "the place of a consistency group", noun="consistencygroup")
    for id_ in sorted(there.volumes - known):
        held = looks.lasting.volumes.get(id_)
        facts = {"size": _gib(held), "group_id": held.group_id} if held is not None else {}
        yield _orphan(looks, "volume.orphan", id_, "a volume", noun="volume", **facts)
    for id_ in sorted(there.snapshots - known):
        copy = looks.lasting.copies.get(id_)
        facts = dict(vars(copy)) if copy is not None else {}
        of = f" of volume {copy.volume_id}" if copy is not None else ""
        yield _orphan(looks, "snapshot.orphan", id_, f"a copy{of}", noun="snapshot", **facts)
    for id_ in sorted(there.restores - looks.named):
        yield _orphan(looks, "restore.kept", id_, "what volumes held before restore", noun="volume")


def _orphan(looks: Observations, code: str, id_: str, what: str, *, noun: str, **facts: object) -> Finding:
    message = f"Backend {looks.host} has {what} {id_}, which no record and no open flow knows."
    return Finding(code=code, subject=id_, message=message, noun=noun, host=looks.host, facts=dict(facts))


def _exports(looks: Observations) -> Iterator[Finding]:
    exported = looks.lasting.inventory.exports
    for row in looks.resting("snapshot"):
        earlier = looks.before.things[row.id]
        if (
            row.id in exported
            and row.status not in statuses_with("snapshot", Trait.USABLE)
            and earlier.status == row.status
        ):
            yield of_row("snapshot.exported", row, f"{_named(row)} is {row.status}, and can be read.")


def _shape(row: Row, held: VolumeDetails) -> Iterator[Finding]:
    # Show bytes if rounding to GiB would hide the difference from the record.
    held_size = f"{held.size_bytes} bytes" if held.size_bytes % GIB else f"{_gib(held)} GiB"
    size = f"has {held_size} on backend {row.host}, and {row.size} GiB by its record"
    if held.size_bytes < row.size * GIB:
        yield of_row("volume.smaller", row, f"{_named(row)} {size}.", size=_gib(held), group_id=held.group_id)
    elif held.size_bytes > row.size * GIB:
        yield of_row("volume.larger", row, f"{_named(row)} {size}.", size=_gib(held))
    if row.group_gone:
        message = f"{_named(row)} is of consistency group {row.group_id}, which is deleted."
        yield of_row("volume.group_gone", row, message, group_id=held.group_id)
    elif held.group_id != row.group_id:
        message = (
            f"{_named(row)} is of {_group(row.group_id)} by its record, and of {_group(held.group_id)} on "
            f"backend {row.host}."
        )
        yield of_row("volume.elsewhere", row, message, group_id=held.group_id)


def _gib(held: VolumeDetails) -> int:
    """Return a size in GiB, rounded up."""
    return -(-held.size_bytes // GIB)


def _group(group_id: str | None) -> str:
    return "no consistency group" if group_id is None else f"consistency group {group_id}"


def _named(row: Row) -> str:
    return f"{row.noun} {row.id}" + (f" ({row.name})" if row.name else "")
