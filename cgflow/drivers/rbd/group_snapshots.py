"""Snapshots: prepared, cut, verified, exported and deleted.

The cut of several members is a group snapshot, that of a single volume an image snapshot.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cgflow import clock
from cgflow.drivers.contract import JSON, Connection, GroupSnapshots, SnapshotSpec
from cgflow.drivers.contract.cut_evidence import build_evidence
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.base import RbdBase, require_intact_image, require_no_restore, volume_lock_names
from cgflow.drivers.rbd.records import (
    OBJECT,
    CutRecord,
    RecordSet,
    SnapshotRecord,
    VolumeRecord,
    is_snapshot_of,
)
from cgflow.errors import FinalDriverError

GROUP_SNAPSHOT = "rbd group snap create"
ONE_SNAPSHOT = "rbd snap create"


class RbdGroupSnapshots(RbdBase, GroupSnapshots):
    """The ability to cut volumes."""

    def prepare(self, snapshot: SnapshotSpec) -> None:
        key = _record_key(snapshot)
        with self._locks.acquire(*volume_lock_names([snapshot])):
            volume = self._records.require_volume(snapshot.volume_id)
            record = self._records.find(SnapshotRecord, key)
            if record is not None:
                _require_same_cgsnapshot(snapshot, record)
                return
            _require_group_member(snapshot, volume)
            require_no_restore(snapshot.volume_id, volume)
            image = names.image(snapshot.volume_id)
            stat = self._image_stat(image)
            require_intact_image(snapshot.volume_id, volume, stat)
            _require_exclusive_lock(image, stat)
            self._records.write({key: SnapshotRecord(image, snapshot.cgsnapshot_id)})

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        if not snapshots or len({snapshot.volume_id for snapshot in snapshots}) != len(snapshots):
            raise FinalDriverError(f"the cut of {cgsnapshot_id} needs one snapshot of each volume")
        if group_id is None and len(snapshots) > 1:
            raise FinalDriverError(f"cgsnapshot {cgsnapshot_id} is of several volumes outside any group")
        names_of_locks = (
            volume_lock_names(snapshots)
            if group_id is None
            else [f"group {group_id}", *volume_lock_names(snapshots)]
        )
        with self._locks.acquire(*names_of_locks):
            records = self._records.read_mixed(
                [
                    CutRecord.key(cgsnapshot_id),
                    *(_record_key(snapshot) for snapshot in snapshots),
                    *(VolumeRecord.key(snapshot.volume_id) for snapshot in snapshots),
                ]
            )
            copies = _prepared_records(records, cgsnapshot_id, snapshots)
            done = [copy.evidence for copy in copies.values() if copy.evidence is not None]
            if done:
                if len(done) < len(copies):
                    raise FinalDriverError(
                        f"{cgsnapshot_id} was already cut with {len(done)} of these members"
                    )
                return dict(done[0])
            self._require_members_ready(records, snapshots)
            if group_id is None or len(snapshots) == 1:
                return self._cut_single_volume(copies)
            return self._cut_group(
                cgsnapshot_id, group_id, copies, records.find(CutRecord, CutRecord.key(cgsnapshot_id))
            )

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        copy = self._records.require_cut_snapshot(snapshot)
        snap = self._find_rbd_snapshot(snapshot, copy)
        return {
            "image": copy.image,
            "snap_id": snap["id"],
            "size_bytes": snap["size"],
            "mechanism": (copy.evidence or {}).get("mechanism"),
        }

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        return self._records.find_snapshot(snapshot) is not None

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        with self._locks.acquire(*volume_lock_names([snapshot])):
            copy = self._records.require_cut_snapshot(snapshot)
            self._exporter.ensure_running()
            if not copy.exported or copy.leaving:
                snap = self._find_rbd_snapshot(snapshot, copy)
                copy = replace(copy, exported=True, leaving=False, snap_id=snap["id"], size=snap["size"])
                self._write_record(snapshot, copy)
        return self._exporter.connection(snapshot.volume_id, snapshot.id, copy.size)

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._locks.acquire(*volume_lock_names([snapshot])):
            # Read the record even if nothing is exported, so that a fenced session gets SessionFenced.
            copy = self._records.find_snapshot(snapshot)
            if copy is not None:
                self._unexport(snapshot, copy)

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._locks.acquire(*volume_lock_names([snapshot])):
            copy = self._records.find_snapshot(snapshot)
            if copy is None:
                return
            copy = self._unexport(snapshot, copy)
            stat = self._image_stat(copy.image)
            for snap in [] if stat is None else stat["snaps"]:
                if is_snapshot_of(snap, snapshot.id, copy):
                    self._session.call("snap_remove", name=copy.image, id=snap["id"])
            with self._locks.acquire(f"cut {copy.cgsnapshot}"):
                self._delete_snapshot_record(snapshot, copy)

    def _require_members_ready(self, records: RecordSet, snapshots: list[SnapshotSpec]) -> None:
        """Check that every member can be cut, before any writer is blocked. Raises: FinalDriverError."""
        stats = self._image_stats(names.image(snapshot.volume_id) for snapshot in snapshots)
        for snapshot in snapshots:
            volume = records.find(VolumeRecord, VolumeRecord.key(snapshot.volume_id))
            if volume is None:
                raise FinalDriverError(f"there is no volume {snapshot.volume_id}")
            _require_group_member(snapshot, volume)
            require_no_restore(snapshot.volume_id, volume)
            require_intact_image(snapshot.volume_id, volume, stats[names.image(snapshot.volume_id)])

    def _cut_single_volume(self, copies: dict[str, SnapshotRecord]) -> JSON:
        ((key, copy),) = copies.items()
        stat = self._image_stat(copy.image)
        if stat is None:
            raise FinalDriverError(f"there is no image {copy.image}")
        # The owner of the lock takes the snapshot and blocks writers meanwhile.
        _require_exclusive_lock(copy.image, stat)
        taken = self._session.call(
            "snap_create", name=copy.image, snap=names.image_snapshot(key.rsplit("/", 1)[1])
        )
        cut_evidence = _build_evidence(ONE_SNAPSHOT, 1, taken)
        self._records.write({key: replace(copy, evidence=cut_evidence)})
        return cut_evidence

    def _cut_group(
        self, cgsnapshot_id: str, group_id: str, copies: dict[str, SnapshotRecord], earlier: CutRecord | None
    ) -> JSON:
        group, key = names.group(group_id), CutRecord.key(cgsnapshot_id)
        images_to_cut = [copy.image for copy in copies.values()]
        members = self._session.call("group_images", group=group)
        missing = sorted(set(images_to_cut) - set(members))
        if missing:
            raise FinalDriverError(f"image {missing[0]} is not in group {group}: another client removed it")
        # Write the record first, so that an interrupted cut is found through the snapshots.
        images = {*members, *(earlier.images if earlier else ())}
        self._records.write({key: CutRecord(group_id, tuple(sorted(images)), tuple(copies))})
        others = sorted(set(members) - set(images_to_cut))
        answer = self._session.call(
            "group_snap_create",
            group=group,
            snap=names.group_snapshot(cgsnapshot_id),
            images=images_to_cut,
            others=others,
        )
        if "refused" in answer:
            self._records.write({}, [key])
            raise FinalDriverError(f"group {group_id} cannot be cut: {answer['refused']}")
        cut_evidence = _build_evidence(GROUP_SNAPSHOT, len(copies), answer["taken"])
        self._records.write({place: replace(copy, evidence=cut_evidence) for place, copy in copies.items()})
        return cut_evidence

    def _delete_snapshot_record(self, snapshot: SnapshotSpec, copy: SnapshotRecord) -> None:
        """Delete the record of a snapshot, and with the last record of a cut its group snapshot."""
        own, key = _record_key(snapshot), CutRecord.key(copy.cgsnapshot)
        cut = self._records.find(CutRecord, key)
        others = [other for other in cut.copies if other != own] if cut is not None else []
        if others and self._records.read(SnapshotRecord, others):
            self._records.write({}, [own])
            return
        if cut is not None and own in cut.copies:
            self._session.call(
                "group_snap_remove", group=names.group(cut.group), snap=names.group_snapshot(copy.cgsnapshot)
            )
            self._records.write({}, [key])
        # Delete this record last: a repeated call after an interruption finds it and continues here.
        self._remove_deferred_deletes()
        self._records.write({}, [own])

    def _unexport(self, snapshot: SnapshotSpec, copy: SnapshotRecord) -> SnapshotRecord:
        """Unexport a snapshot and disconnect its readers, whichever process serves them."""
        if not copy.exported:
            return copy
        self._write_record(snapshot, replace(copy, leaving=True))
        export = f"{snapshot.volume_id}/{snapshot.id}"
        self._session.call("exports_withdraw", object=OBJECT, export=export)
        withdrawn = replace(copy, exported=False, leaving=False)
        self._write_record(snapshot, withdrawn)
        return withdrawn

    def _write_record(self, snapshot: SnapshotSpec, copy: SnapshotRecord) -> None:
        self._records.write({_record_key(snapshot): copy})


def _record_key(snapshot: SnapshotSpec) -> str:
    return SnapshotRecord.key(snapshot.volume_id, snapshot.id)


def _prepared_records(
    records: RecordSet, cgsnapshot_id: str, snapshots: list[SnapshotSpec]
) -> dict[str, SnapshotRecord]:
    copies = {}
    for snapshot in snapshots:
        copy = records.find(SnapshotRecord, _record_key(snapshot))
        if copy is None:
            raise FinalDriverError(f"snapshot {snapshot.id} of volume {snapshot.volume_id} is not prepared")
        _require_same_cgsnapshot(replace(snapshot, cgsnapshot_id=cgsnapshot_id), copy)
        copies[_record_key(snapshot)] = copy
    return copies


def _build_evidence(mechanism: str, members: int, taken: Mapping[str, float] | None) -> JSON:
    """Return the evidence of a cut. ``taken`` is None if its answer, and with it the time, was lost."""
    cut_evidence = build_evidence(mechanism, members, None)
    if taken is None:
        return cut_evidence
    at = datetime.fromtimestamp(taken["at_s"], UTC).replace(tzinfo=None)
    return {**cut_evidence, "cut_at": clock.iso(at), "duration_ms": round(taken["took_ms"], 3)}


def _require_same_cgsnapshot(snapshot: SnapshotSpec, copy: SnapshotRecord) -> None:
    if copy.cgsnapshot != snapshot.cgsnapshot_id:
        raise FinalDriverError(f"snapshot {snapshot.id} exists as a part of cgsnapshot {copy.cgsnapshot}")


def _require_group_member(snapshot: SnapshotSpec, volume: VolumeRecord) -> None:
    if volume.group != snapshot.group_id:
        raise FinalDriverError(
            f"volume {snapshot.volume_id} is in {volume.group or 'no group'}, "
            f"not in {snapshot.group_id or 'none'}"
        )


def _require_exclusive_lock(image: str, stat: Any) -> None:
    if not stat["has_lock"]:
        raise FinalDriverError(
            f"image {image} lacks the feature exclusive-lock, so a cut cannot block its writers: "
            f"enable it with 'rbd feature enable POOL/{image} exclusive-lock'"
        )
