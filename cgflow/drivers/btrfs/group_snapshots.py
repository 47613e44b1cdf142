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
from cgflow.drivers.btrfs.base import MECHANISM, PROMISE, BtrfsBase, local
from cgflow.drivers.btrfs.layout import require_file_name
from cgflow.drivers.btrfs.state import Intent
from cgflow.drivers.contract import JSON, Connection, GroupSnapshots, SnapshotSpec
from cgflow.drivers.contract.cut_evidence import CutTimer, evidence
from cgflow.errors import FinalDriverError


class BtrfsGroupSnapshots(BtrfsBase, GroupSnapshots):
    """Snapshots of volumes, in read-only subvolumes."""

    def prepare(self, snapshot: SnapshotSpec) -> None:
        require_file_name(snapshot.id, snapshot.cgsnapshot_id)
        with self._at(_home(snapshot)) as state:
            if snapshot.id in state.copies:
                self._copy(snapshot)
                return
            self._need_no_restore(self._volume(snapshot.volume_id, snapshot.group_id))
            self._note({"do": "copy", "spec": asdict(snapshot)})

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        members = _members(cgsnapshot_id, group_id, snapshots)
        home = _home(snapshots[0])
        with self._at(home) as state:
            for snapshot in snapshots:
                self._copy(snapshot)
            done = state.cuts.get(cgsnapshot_id)
            if done is not None:
                if done.members != set(members.values()):
                    raise FinalDriverError(f"cgsnapshot {cgsnapshot_id} was cut with other members")
                return dict(done.evidence)
            for volume_id in members:
                volume = self._volume(volume_id, group_id)
                self._need_no_restore(volume)
                self._need_whole(volume)
            intent = Intent(
                f"cut {cgsnapshot_id}", intent_recovery.CUT, (home,), {"cgsnapshot": cgsnapshot_id}
            )
            with self._undo_on_failure(intent):
                return self._freeze(intent, home, cgsnapshot_id, members)

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        with self._at(_home(snapshot)):
            copy, file = self._cut_copy(snapshot)
            cut = self._tree.cut(copy.home, snapshot.cgsnapshot_id)
            return {"subvolume": str(cut), "size_bytes": file.stat().st_size, "read_only": True}

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._at(_home(snapshot)) as state:
            if snapshot.id in state.copies:
                key, about = f"copy {snapshot.id}", {"copy": snapshot.id}
                self._carry_out(Intent(key, intent_recovery.DELETE_COPY, (_home(snapshot),), about))

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        self._mount.check()
        return snapshot.id in self._state.copies

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        with self._at(_home(snapshot)):
            copy, file = self._cut_copy(snapshot)
            if not copy.is_exported:
                self._note({"do": "export", "id": snapshot.id, "is_exported": True})
            self._tree.export(snapshot.id, file)
            return local(self._tree.exports / snapshot.id, file.stat().st_size, read_only=True)

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._at(_home(snapshot)) as state:
            copy = state.copies.get(snapshot.id)
            if copy is not None and copy.is_exported:
                self._tree.unexport(snapshot.id)
                self._tree.trace("unexport:after-link")
                self._note({"do": "export", "id": snapshot.id, "is_exported": False}, releasing=True)

    def _freeze(self, intent: Intent, home: str, cgsnapshot_id: str, members: dict[str, str]) -> JSON:
        self._tree.trace("cut:before-snapshot")
        began = CutTimer.now()
        self._tree.freeze(home, cgsnapshot_id)
        told = evidence(MECHANISM, len(members), began, promise=PROMISE)
        self._tree.trace("cut:after-snapshot")
        self._tree.prune(home, cgsnapshot_id, members)
        sizes = {
            snapshot_id: self._tree.copy(home, cgsnapshot_id, volume_id).stat().st_size
            for volume_id, snapshot_id in members.items()
        }
        self._note(
            {
                "do": "cut",
                "id": cgsnapshot_id,
                "sizes": sizes,
                "evidence": told,
                "members": sorted(members.values()),
                "ends": intent.key,
            }
        )
        return told


def _home(snapshot: SnapshotSpec) -> str:
    return snapshot.group_id or snapshot.volume_id


def _members(cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> dict[str, str]:
    """Return {volume id: snapshot id}. Raises: FinalDriverError, if the cut is not of one group or volume."""
    members = {snapshot.volume_id: snapshot.id for snapshot in snapshots}
    if not members or len(members) != len(snapshots):
        raise FinalDriverError(f"{cgsnapshot_id} needs exactly one snapshot of each member, and at least one")
    if {snapshot.group_id for snapshot in snapshots} != {group_id} or (group_id is None and len(members) > 1):
        raise FinalDriverError(f"{cgsnapshot_id} names volumes that are not in group {group_id}")
    if {snapshot.cgsnapshot_id for snapshot in snapshots} != {cgsnapshot_id}:
        raise FinalDriverError(f"{cgsnapshot_id} names snapshots that belong to another cgsnapshot")
    return members
