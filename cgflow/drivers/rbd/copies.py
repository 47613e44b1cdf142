"""Snapshots after the cut: verified, exported and deleted."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.contract import JSON, Connection, SnapshotSpec
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.base import volumes_of
from cgflow.drivers.rbd.deferred_deletes import DeferredDeletes
from cgflow.drivers.rbd.records import OBJECT, CopyRecord, CutRecord, is_copy


class RbdSnapshots(DeferredDeletes):
    """The calls for one snapshot."""

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        copy = self._records.cut_copy(snapshot)
        snap = self._find(snapshot, copy)
        return {
            "image": copy.image,
            "snap_id": snap["id"],
            "size_bytes": snap["size"],
            "mechanism": (copy.evidence or {}).get("mechanism"),
        }

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        return self._records.copy(snapshot) is not None

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        with self._locks.hold(*volumes_of([snapshot])):
            copy = self._records.cut_copy(snapshot)
            self._exporter.serve()
            if not copy.exported or copy.leaving:
                snap = self._find(snapshot, copy)
                copy = replace(copy, exported=True, leaving=False, snap_id=snap["id"], size=snap["size"])
                self._write(snapshot, copy)
        return self._exporter.connection(snapshot.volume_id, snapshot.id, copy.size)

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._locks.hold(*volumes_of([snapshot])):
            # Read the record even if nothing is exported, so that a fenced session gets SessionFenced.
            copy = self._records.copy(snapshot)
            if copy is not None:
                self._withdraw(snapshot, copy)

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._locks.hold(*volumes_of([snapshot])):
            copy = self._records.copy(snapshot)
            if copy is None:
                return
            copy = self._withdraw(snapshot, copy)
            stat = self._stat(copy.image)
            for snap in [] if stat is None else stat["snaps"]:
                if is_copy(snap, snapshot.id, copy):
                    self._session.call("snap_remove", name=copy.image, id=snap["id"])
            with self._locks.hold(f"cut {copy.cgsnapshot}"):
                self._forget(snapshot, copy)

    def _forget(self, snapshot: SnapshotSpec, copy: CopyRecord) -> None:
        """Delete the record of a snapshot, and with the last record of a cut its group snapshot."""
        own, key = CopyRecord.key(snapshot.volume_id, snapshot.id), CutRecord.key(copy.cgsnapshot)
        cut = self._records.find(CutRecord, key)
        others = [other for other in cut.copies if other != own] if cut is not None else []
        if others and self._records.read(CopyRecord, others):
            self._records.write({}, [own])
            return
        if cut is not None and own in cut.copies:
            self._session.call("group_uncut", group=names.group(cut.group), snap=names.cut(copy.cgsnapshot))
            self._records.write({}, [key])
        # Delete this record last: a repeated call after an interruption finds it and continues here.
        self._remove_deferred()
        self._records.write({}, [own])

    def _withdraw(self, snapshot: SnapshotSpec, copy: CopyRecord) -> CopyRecord:
        """Unexport a snapshot and disconnect its readers, whichever process serves them."""
        if not copy.exported:
            return copy
        self._write(snapshot, replace(copy, leaving=True))
        export = f"{snapshot.volume_id}/{snapshot.id}"
        self._session.call("exports_withdraw", object=OBJECT, export=export)
        withdrawn = replace(copy, exported=False, leaving=False)
        self._write(snapshot, withdrawn)
        return withdrawn

    def _write(self, snapshot: SnapshotSpec, copy: CopyRecord) -> None:
        self._records.write({CopyRecord.key(snapshot.volume_id, snapshot.id): copy})
