"""Drift of every kind, created outside of cgflow's operations: by driver calls and by writing rows."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import insert, update

from cgflow import clock, records
from cgflow.db.models import Attachment, Flow, QuotaUsage, Reservation, Transfer
from cgflow.db.repositories import flow as flows
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.quota import reservations
from flows.acceptance import Accepted, new_id
from tests.support.world import CALLER, World

_GROUPS: WeakKeyDictionary[World, str] = WeakKeyDictionary()

Plant = Callable[[World], str]
"""Creates one drift, and returns the subject of the finding that reports it."""


def plant_volume_missing(w: World) -> str:
    volume_id = w.make(w.accept_volume())
    w.driver.delete_volume(VolumeSpec(volume_id, 1))
    return volume_id


def plant_volume_orphan(w: World) -> str:
    volume_id = new_id()
    w.driver.create_volume(VolumeSpec(volume_id, 1))
    return volume_id


def plant_member_orphan(w: World) -> str:
    volume_id = new_id()
    w.driver.create_volume(VolumeSpec(volume_id, 1, shared_group(w)))
    return volume_id


def plant_volume_smaller(w: World) -> str:
    volume_id = w.make(w.accept_volume(size=3))
    w.driver.extend_volume(VolumeSpec(volume_id, 3), 2)
    return volume_id


def plant_volume_larger(w: World) -> str:
    volume_id = w.make(w.accept_volume())
    w.driver.extend_volume(VolumeSpec(volume_id, 1), 4)
    return volume_id


def plant_volume_elsewhere(w: World) -> str:
    shared_group(w)
    group_id = w.make(w.accept_group())
    volume_id = w.make(w.accept_volume(group_id))
    w.driver.move_volume(VolumeSpec(volume_id, 1, group_id), None)  # type: ignore[attr-defined]
    return volume_id


def plant_volume_group_gone(w: World) -> str:
    group_id = w.make(w.accept_group())
    volume_id = w.make(w.accept_volume(group_id))
    w.driver.move_volume(VolumeSpec(volume_id, 1, group_id), None)  # type: ignore[attr-defined]
    w.driver.delete_group(group_id)
    delete_record(w, "consistencygroup", group_id, consistencygroups=1)
    return volume_id


def plant_volume_unoffered(w: World) -> str:
    volume_id = w.make(w.accept_volume())
    write_columns(w, "volume", volume_id, status="awaiting-transfer")
    return volume_id


def plant_group_missing(w: World) -> str:
    group_id = w.make(w.accept_group())
    w.driver.delete_group(group_id)
    return group_id


def plant_group_orphan(w: World) -> str:
    group_id = new_id()
    w.driver.create_group(group_id)
    return group_id


def plant_snapshot_missing(w: World) -> str:
    copy = _snapshot_of(w, w.make(w.accept_cgsnapshot(shared_group(w))))
    w.driver.delete_snapshot(copy.spec())  # type: ignore[attr-defined]
    return copy.id


def plant_snapshot_orphan(w: World) -> str:
    return create_orphan_snapshot(w, w.make(w.accept_volume()), None)


def create_orphan_snapshot(w: World, volume_id: str, group_id: str | None) -> str:
    spec = SnapshotSpec(new_id(), volume_id, new_id(), group_id)
    w.driver.prepare(spec)  # type: ignore[attr-defined]
    w.driver.cut(spec.cgsnapshot_id, group_id, [spec])  # type: ignore[attr-defined]
    return spec.id


def plant_snapshot_exported(w: World) -> str:
    snapshot_id = w.make(w.accept_snapshot(w.make(w.accept_volume())))
    w.driver.export_snapshot(w.get("snapshot", snapshot_id).spec())  # type: ignore[attr-defined]
    write_columns(w, "snapshot", snapshot_id, status="error", reason="It is not to be trusted.")
    return snapshot_id


def plant_cgsnapshot_incomplete(w: World) -> str:
    whole = w.make(w.accept_cgsnapshot(shared_group(w)))
    copy = _snapshot_of(w, whole)
    w.driver.delete_snapshot(copy.spec())  # type: ignore[attr-defined]
    delete_record(w, "snapshot", copy.id, snapshots=1, gigabytes=1, snapshots_fast=1, gigabytes_fast=1)
    return whole


def plant_snapshot_cgsnapshot_gone(w: World) -> str:
    whole = w.make(w.accept_cgsnapshot(create_group(w, 1)))
    copy = _snapshot_of(w, whole)
    delete_record(w, "cgsnapshot", whole)
    return copy.id


def plant_restore_kept(w: World) -> str:
    snapshot_id = w.make(w.accept_snapshot(w.make(w.accept_volume())))
    spec = w.get("snapshot", snapshot_id).spec()
    accepted = w.revert(spec.volume_id, snapshot_id)
    w.make(accepted)
    w.driver.restore(accepted.flow_id, [spec])  # type: ignore[attr-defined]
    return accepted.flow_id


def plant_status_passing(w: World) -> str:
    volume_id = w.make(w.accept_volume())
    write_columns(w, "volume", volume_id, status="extending")
    return volume_id


def plant_claim_left(w: World) -> str:
    accepted = w.accept_volume()
    write_columns(w, "volume", w.make(accepted), claimed_by=accepted.flow_id, status="retyping")
    return accepted.resource_id


def plant_quota_usage(w: World) -> str:
    return _change_usage(w, in_use=QuotaUsage.in_use + 5)


def plant_quota_reserved(w: World) -> str:
    return _change_usage(w, reserved=QuotaUsage.reserved + 3)


def plant_reservation_left(w: World) -> str:
    ended = w.delete_volume(w.make(w.accept_volume()))
    w.make(ended)
    row = {
        "id": ended.flow_id,
        "resource": "volumes",
        "project_id": CALLER.project_id,
        "delta": 1,
        "state": "reserved",
        "expires_at": clock.now(),
    }
    with w.database.write() as session:
        session.execute(insert(Reservation), [row])
    _change_usage(w, reserved=QuotaUsage.reserved + 1)
    return ended.flow_id


def plant_attachment_volume_gone(w: World) -> str:
    volume_id = w.make(w.accept_volume())
    w.make(w.delete_volume(volume_id))
    row = {
        "id": new_id(),
        "volume_id": volume_id,
        "project_id": "project",
        "status": "attached",
        "mode": "rw",
    }
    with w.database.write() as session:
        session.execute(insert(Attachment), [row])
    return row["id"]


def plant_transfer_not_waiting(w: World) -> str:
    volume_id = w.make(w.accept_volume())
    row = {"id": new_id(), "volume_id": volume_id, "project_id": "project", "salt": "s", "key_hash": "h"}
    with w.database.write() as session:
        session.execute(insert(Transfer), [row])
    return row["id"]


def plant_flow_standing(w: World) -> str:
    return accept_extend_without_waking(
        w, reason="Stopped, and taken up again at the next start: a drill"
    ).flow_id


def plant_flow_unknown(w: World) -> str:
    return accept_extend_without_waking(w, operation="volume.shrink").flow_id


PLANTS: dict[str, Plant] = {
    "volume.missing": plant_volume_missing,
    "volume.orphan": plant_volume_orphan,
    "volume.smaller": plant_volume_smaller,
    "volume.larger": plant_volume_larger,
    "volume.elsewhere": plant_volume_elsewhere,
    "volume.group_gone": plant_volume_group_gone,
    "volume.unoffered": plant_volume_unoffered,
    "group.missing": plant_group_missing,
    "group.orphan": plant_group_orphan,
    "snapshot.missing": plant_snapshot_missing,
    "snapshot.orphan": plant_snapshot_orphan,
    "snapshot.exported": plant_snapshot_exported,
    "snapshot.cgsnapshot_gone": plant_snapshot_cgsnapshot_gone,
    "cgsnapshot.incomplete": plant_cgsnapshot_incomplete,
    "restore.kept": plant_restore_kept,
    "status.passing": plant_status_passing,
    "claim.left": plant_claim_left,
    "quota.usage": plant_quota_usage,
    "quota.reserved": plant_quota_reserved,
    "reservation.left": plant_reservation_left,
    "attachment.volume_gone": plant_attachment_volume_gone,
    "transfer.not_waiting": plant_transfer_not_waiting,
    "flow.standing": plant_flow_standing,
}
"""A plant for every kind of finding that can be repaired."""


def shared_group(w: World) -> str:
    """Return a group of two members, created by the first call, that no other operation uses."""
    if w not in _GROUPS:
        _GROUPS[w] = w.group_of(2)
    return _GROUPS[w]


def create_group(w: World, members: int) -> str:
    """Return a new group; the group type must exist."""
    shared_group(w)
    group_id = w.make(w.accept_group())
    for _ in range(members):
        w.make(w.accept_volume(group_id))
    return group_id


def _snapshot_of(w: World, cgsnapshot_id: str) -> records.Snapshot:
    with w.database.read() as session:
        return snapshots.of_cgsnapshot(session, cgsnapshot_id)[-1]


def write_columns(w: World, noun: str, id_: str, **columns: object) -> None:
    """Write columns of a record directly."""
    model = REPOSITORIES[noun].model
    with w.database.write() as session:
        session.execute(update(model).where(model.id == id_).values(**columns))


def delete_record(w: World, noun: str, id_: str, **counted: int) -> None:
    """Delete a record and its quota charge, and nothing else."""
    with w.database.write() as session:
        REPOSITORIES[noun].soft_delete(session, [id_], w.get(noun, id_).flow_id)
        reservations.give_usage_back(session, CALLER.project_id, counted)


def accept_extend_without_waking(w: World, **columns: object) -> Accepted:
    """Accept an extension of a volume without waking a conductor, and write columns of the flow."""
    volume_id = w.make(w.accept_volume())
    submit: Any = w.runtime.conductor.submit_accepted_flow
    me = get_ident()
    w.runtime.conductor.submit_accepted_flow = (  # type: ignore[method-assign]
        lambda id_: None if get_ident() == me else submit(id_)
    )
    try:
        accepted = w.extend(volume_id, 2)
    finally:
        w.runtime.conductor.submit_accepted_flow = submit  # type: ignore[method-assign]
    with w.database.write() as session:
        session.execute(update(Flow).where(Flow.id == accepted.flow_id).values(**columns))
        assert flows.get(session, accepted.flow_id, None).fingerprint is None
    return accepted


def _change_usage(w: World, **columns: Any) -> str:
    one = (QuotaUsage.project_id == CALLER.project_id, QuotaUsage.resource == "volumes")
    with w.database.write() as session:
        session.execute(update(QuotaUsage).where(*one).values(**columns))
    return f"{CALLER.project_id}/volumes"
