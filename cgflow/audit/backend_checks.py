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
from cgflow.audit.findings import Finding, finding_about_row
from cgflow.drivers.contract import Inventory, VolumeDetails
from cgflow.status import Status, Trait, statuses_with

GIB = 1024**3
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Observations:
    """The reads for one backend: database, backend, database, and what is in two reads of the backend.

    ``repair_flow_id`` is the repair flow that makes this comparison, whose own claims are ignored.
    """

    host: str
    before: DatabaseSnapshot
    answer: BackendSnapshot
    after: DatabaseSnapshot
    confirmed: BackendSnapshot
    repair_flow_id: str | None = None

    @cached_property
    def ids_in_flows(self) -> frozenset[str]:
        """All ids in the flows that are open at the second read of the database."""
        others = (flow.names for flow in self.after.open_flows.values() if flow.id != self.repair_flow_id)
        return frozenset().union(*others)

    @cached_property
    def ids_in_running_flows(self) -> frozenset[str]:
        """All ids in the open flows whose undo has not failed, and which may change them at this moment."""
        names = (
            flow.names
            for flow in self.after.open_flows.values()
            if flow.id != self.repair_flow_id and not flow.has_failed_undo
        )
        return frozenset().union(*names)

    def unchanged_rows(self, noun: str) -> Iterator[Row]:
        """Yield this backend's records of a type that no flow changed between the reads or can change now."""
        for row in self.after.rows_of_type(noun):
            earlier = self.before.resources.get(row.id)
            if row.host == self.host and earlier is not None and self._is_unchanged(earlier, row):
                yield row

    def _is_unchanged(self, earlier: Row, row: Row) -> bool:
        return (
            earlier.fields_changed_by_flows == row.fields_changed_by_flows
            and row.claimed_by in (None, self.repair_flow_id)
            and not self._is_flow_open(self.before, row.flow_id)
            and not self._is_flow_open(self.after, row.flow_id)
        )

    def _is_flow_open(self, rows: DatabaseSnapshot, flow_id: str | None) -> bool:
        return flow_id in rows.open_flows and flow_id != self.repair_flow_id


def compare_with_backend(observations: Observations) -> Iterator[Finding]:
    """Return all differences between the records and the backend."""
    yield from _find_reported_problems(observations)
    if observations.confirmed.refusal is not None:
        return
    yield from find_orphans(observations)
    yield from _find_rolled_back_objects(observations)
    yield from _find_unpermitted_exports(observations)
    if observations.answer.is_complete:
        yield from _find_missing_objects(observations)
    if observations.answer.is_detailed:
        for row in observations.unchanged_rows("volume"):
            details = observations.answer.volumes.get(row.id)
            if details is not None and not row.was_rolled_back:
                yield from _find_size_and_group_differences(row, details)


def _find_reported_problems(observations: Observations) -> Iterator[Finding]:
    host = observations.host
    if observations.confirmed.refusal is not None:
        message = f"Backend {host} did not report its inventory: {observations.confirmed.refusal}"
        yield Finding(code="backend.unreachable", subject=host, message=message, noun="backend", host=host)
    for text in observations.confirmed.inventory.problems:
        ids = _ID.findall(text)
        # An active flow gets the error itself; a flow whose undo failed does nothing about it.
        if observations.ids_in_running_flows.isdisjoint(ids):
            where = ids[0] if ids else host
            message = f"Backend {host} reports: {text}"
            yield Finding(code="backend.problem", subject=where, message=message, noun="backend", host=host)


def _find_missing_objects(observations: Observations) -> Iterator[Finding]:
    for kind, row, is_there in _unchanged_rows_with_presence(observations, observations.answer.inventory):
        if not is_there and not row.was_rolled_back and not _is_in_error(row):
            message = f"{_describe_row(row)} is {row.status}, but backend {row.host} does not have it."
            yield finding_about_row(f"{kind}.missing", row, message)


def _find_rolled_back_objects(observations: Observations) -> Iterator[Finding]:
    """Return the resources that were undone or abandoned, by their records, but exist on the backend."""
    for kind, row, is_there in _unchanged_rows_with_presence(observations, observations.confirmed.inventory):
        if is_there and row.was_rolled_back:
            message = (
                f"{_describe_row(row)} is {row.status} and consumes no quota, but backend {row.host} has it."
            )
            yield finding_about_row(f"{kind}.given_up", row, message)


def _unchanged_rows_with_presence(
    observations: Observations, inventory: Inventory
) -> Iterator[tuple[str, Row, bool]]:
    """Yield each unchanged record, its kind in the codes of findings, and whether the inventory has it."""
    for noun, kind, present in (
        ("consistencygroup", "group", inventory.groups),
        ("volume", "volume", inventory.volumes),
        ("snapshot", "snapshot", inventory.snapshots),
    ):
        for row in observations.unchanged_rows(noun):
            yield kind, row, row.id in present


def _is_in_error(row: Row) -> bool:
    """Return whether a record no longer promises data.

    It still counts, and can be reset if the data returns.
    """
    return row.noun != "consistencygroup" and row.status == Status.ERROR


def find_orphans(observations: Observations) -> Iterator[Finding]:
    """Return what the backend has that no record and no open flow knows."""
    there = observations.confirmed.inventory
    known = observations.after.resources.keys() | observations.ids_in_flows
    for id_ in sorted(there.groups - known):
        yield _orphan_finding(observations, "group.orphan", id_, "consistency group", noun="consistencygroup")
    for id_ in sorted(there.volumes - known):
        details = observations.confirmed.volumes.get(id_)
        facts = (
            {"size": _round_up_to_gib(details), "group_id": details.group_id} if details is not None else {}
        )
        yield _orphan_finding(observations, "volume.orphan", id_, "a volume", noun="volume", **facts)
    for id_ in sorted(there.snapshots - known):
        snapshot = observations.confirmed.snapshots.get(id_)
        facts = dict(vars(snapshot)) if snapshot is not None else {}
        rows_of_type = f" of volume {snapshot.volume_id}" if snapshot is not None else ""
        yield _orphan_finding(
            observations, "snapshot.orphan", id_, f"a snapshot{rows_of_type}", noun="snapshot", **facts
        )
    for id_ in sorted(there.restores - observations.ids_in_flows):
        yield _orphan_finding(
            observations, "restore.kept", id_, "the content of volumes from before restore", noun="volume"
        )


def _orphan_finding(
    observations: Observations, code: str, id_: str, what: str, *, noun: str, **facts: object
) -> Finding:
    message = f"Backend {observations.host} has {what} {id_}, which no record and no open flow knows."
    return Finding(
        code=code, subject=id_, message=message, noun=noun, host=observations.host, facts=dict(facts)
    )


def _find_unpermitted_exports(observations: Observations) -> Iterator[Finding]:
    exported = observations.confirmed.inventory.exports
    for row in observations.unchanged_rows("snapshot"):
        earlier = observations.before.resources[row.id]
        if (
            row.id in exported
            and row.status not in statuses_with("snapshot", Trait.USABLE)
            and earlier.status == row.status
        ):
            yield finding_about_row(
                "snapshot.exported", row, f"{_describe_row(row)} is {row.status}, but is exported."
            )


def _find_size_and_group_differences(row: Row, details: VolumeDetails) -> Iterator[Finding]:
    # Show bytes if rounding to GiB would hide the difference from the record.
    actual_size = (
        f"{details.size_bytes} bytes" if details.size_bytes % GIB else f"{_round_up_to_gib(details)} GiB"
    )
    size = f"has {actual_size} on backend {row.host}, but {row.size} GiB by its record"
    if details.size_bytes < row.size * GIB:
        yield finding_about_row(
            "volume.smaller",
            row,
            f"{_describe_row(row)} {size}.",
            size=_round_up_to_gib(details),
            group_id=details.group_id,
        )
    elif details.size_bytes > row.size * GIB:
        yield finding_about_row(
            "volume.larger", row, f"{_describe_row(row)} {size}.", size=_round_up_to_gib(details)
        )
    if row.group_gone:
        message = f"{_describe_row(row)} names consistency group {row.group_id}, which is deleted."
        yield finding_about_row("volume.group_gone", row, message, group_id=details.group_id)
    elif details.group_id != row.group_id:
        message = (
            f"{_describe_row(row)} is in {_describe_group(row.group_id)} by its record, "
            f"but in {_describe_group(details.group_id)} on backend {row.host}."
        )
        yield finding_about_row("volume.elsewhere", row, message, group_id=details.group_id)


def _round_up_to_gib(details: VolumeDetails) -> int:
    """Return a size in GiB, rounded up."""
    return -(-details.size_bytes // GIB)


def _describe_group(group_id: str | None) -> str:
    return "no consistency group" if group_id is None else f"consistency group {group_id}"


def _describe_row(row: Row) -> str:
    return f"{row.noun} {row.id}" + (f" ({row.name})" if row.name else "")
