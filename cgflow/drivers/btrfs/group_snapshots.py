"""The ability to cut: snapshots are prepared, cut in one subvolume, verified, exported and deleted.

The subvolume of a cut contains the files of its members and nothing else. It is a snapshot of the whole live
subvolume of the group, and the files of other volumes are removed from it immediately. The deletion of a
snapshot removes its file, and the deletion of the last one removes the subvolume.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from dataclasses import asdict

from cgflow.drivers.btrfs import intent_recovery
from cgflow.drivers.btrfs.base import MECHANISM, PROMISE, BtrfsBase, local_connection
from cgflow.drivers.btrfs.layout import require_file_name
from cgflow.drivers.btrfs.state import Intent
from cgflow.drivers.contract import JSON, Connection, GroupSnapshots, SnapshotSpec
from cgflow.drivers.contract.cut_evidence import CutTimer, build_evidence
from cgflow.errors import FinalDriverError


class BtrfsGroupSnapshots(BtrfsBase, GroupSnapshots):
    """Snapshots of volumes, in read-only subvolumes."""

    def prepare(self, snapshot: SnapshotSpec) -> None:
        require_file_name(snapshot.id, snapshot.cgsnapshot_id)
        with self._lock_homes(_home_of_snapshot(snapshot)) as state:
            if snapshot.id in state.snapshots:
                self._require_snapshot(snapshot)
                return
            self._require_no_restore(self._require_volume(snapshot.volume_id, snapshot.group_id))
            self._record_event({"do": "copy", "spec": asdict(snapshot)})

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        members = _require_snapshot_per_member(cgsnapshot_id, group_id, snapshots)
        home = _home_of_snapshot(snapshots[0])
        with self._lock_homes(home) as state:
            for snapshot in snapshots:
                self._require_snapshot(snapshot)
            done = state.cuts.get(cgsnapshot_id)
            if done is not None:
                if done.members != set(members.values()):
                    raise FinalDriverError(f"cgsnapshot {cgsnapshot_id} was cut with other members")
                return dict(done.evidence)
            for volume_id in members:
                volume = self._require_volume(volume_id, group_id)
                self._require_no_restore(volume)
                self._require_intact_file(volume)
            intent = Intent(
                f"cut {cgsnapshot_id}", intent_recovery.CUT, (home,), {"cgsnapshot": cgsnapshot_id}
            )
            with self._undo_on_failure(intent):
                return self._take_cut(intent, home, cgsnapshot_id, members)

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        with self._lock_homes(_home_of_snapshot(snapshot)):
            copy, file = self._require_cut_snapshot(snapshot)
            cut = self._layout.cut_subvolume(copy.home, snapshot.cgsnapshot_id)
            return {"subvolume": str(cut), "size_bytes": file.stat().st_size, "read_only": True}

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._lock_homes(_home_of_snapshot(snapshot)) as state:
            if snapshot.id in state.snapshots:
                key, about = f"copy {snapshot.id}", {"copy": snapshot.id}
                self._execute_intent(
                    Intent(key, intent_recovery.DELETE_SNAPSHOT, (_home_of_snapshot(snapshot),), about)
                )

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        self._mount.require_mounted()
        return snapshot.id in self._state.snapshots

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        with self._lock_homes(_home_of_snapshot(snapshot)):
            copy, file = self._require_cut_snapshot(snapshot)
            if not copy.is_exported:
                self._record_event({"do": "export", "id": snapshot.id, "is_exported": True})
            self._layout.link_export(snapshot.id, file)
            return local_connection(self._layout.exports / snapshot.id, file.stat().st_size, read_only=True)

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._lock_homes(_home_of_snapshot(snapshot)) as state:
            copy = state.snapshots.get(snapshot.id)
            if copy is not None and copy.is_exported:
                self._layout.unlink_export(snapshot.id)
                self._layout.trace("unexport:after-link")
                self._record_event({"do": "export", "id": snapshot.id, "is_exported": False}, releasing=True)

    def _take_cut(self, intent: Intent, home: str, cgsnapshot_id: str, members: dict[str, str]) -> JSON:
        self._layout.trace("cut:before-snapshot")
        began = CutTimer.start()
        self._layout.snapshot_live(home, cgsnapshot_id)
        cut_evidence = build_evidence(MECHANISM, len(members), began, promise=PROMISE)
        self._layout.trace("cut:after-snapshot")
        self._layout.prune_cut(home, cgsnapshot_id, members)
        sizes = {
            snapshot_id: self._layout.snapshot_file(home, cgsnapshot_id, volume_id).stat().st_size
            for volume_id, snapshot_id in members.items()
        }
        self._record_event(
            {
                "do": "cut",
                "id": cgsnapshot_id,
                "sizes": sizes,
                "evidence": cut_evidence,
                "members": sorted(members.values()),
                "ends": intent.key,
            }
        )
        return cut_evidence


def _home_of_snapshot(snapshot: SnapshotSpec) -> str:
    return snapshot.group_id or snapshot.volume_id


def _require_snapshot_per_member(
    cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]
) -> dict[str, str]:
    """Return {volume id: snapshot id}. Raises: FinalDriverError, if the cut is not of one group or volume."""
    members = {snapshot.volume_id: snapshot.id for snapshot in snapshots}
    if not members or len(members) != len(snapshots):
        raise FinalDriverError(f"{cgsnapshot_id} needs exactly one snapshot of each member, and at least one")
    if {snapshot.group_id for snapshot in snapshots} != {group_id} or (group_id is None and len(members) > 1):
        raise FinalDriverError(f"{cgsnapshot_id} names volumes that are not in group {group_id}")
    if {snapshot.cgsnapshot_id for snapshot in snapshots} != {cgsnapshot_id}:
        raise FinalDriverError(f"{cgsnapshot_id} names snapshots that belong to another cgsnapshot")
    return members
