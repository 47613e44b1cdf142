"""Snapshots on a memory backend: prepared, cut under one lock, exported and deleted.

A snapshot shares blocks with its volume and does not count against the capacity. A backend with the level
``per-volume`` reads one member after the other, releases the lock in between, and then creates all snapshots
at once.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

import time
from dataclasses import asdict

from cgflow.drivers.contract import JSON, Connection, GroupSnapshots, SnapshotSpec
from cgflow.drivers.contract.cut_evidence import CutLevel, CutTimer, build_evidence
from cgflow.drivers.memory.base import MemoryBase
from cgflow.drivers.memory.state import GIB, Content, Cut
from cgflow.errors import AmbiguousDriverError, FinalDriverError

_MECHANISMS = {
    CutLevel.CRASH: "memory lock",
    CutLevel.PER_VOLUME: "memory lock of one volume after the other",
}


class MemoryGroupSnapshots(MemoryBase, GroupSnapshots):
    """The ability to cut volumes."""

    def prepare(self, snapshot: SnapshotSpec) -> None:
        with self._lock:
            if snapshot.id in self._state.snapshots:
                self._require_snapshot(snapshot)
                return
            volume = self._require_volume(snapshot.volume_id)
            if volume.group_id != snapshot.group_id:
                raise FinalDriverError(f"volume {volume.id} is not in group {snapshot.group_id}")
            self._require_no_restore(volume)
            self._record_event("prepare", spec=asdict(snapshot))

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        began = CutTimer.start()
        contents, skew_ms = self._read_member_contents(cgsnapshot_id, group_id, snapshots)
        with self._lock:
            done = self._find_earlier_cut(cgsnapshot_id, group_id, snapshots)
            if done is not None:
                return dict(done.evidence)
            ids = [snapshot.id for snapshot in snapshots]
            cut_evidence = build_evidence(
                _MECHANISMS[self.level], len(set(ids)), began, level=self.level, skew_ms=skew_ms
            )
            extra: JSON = {"seen": contents} if contents else {}
            self._record_event("cut", cgsnapshot=cgsnapshot_id, copies=ids, evidence=cut_evidence, **extra)
            try:
                self._record_event("cut_took", cgsnapshot=cgsnapshot_id, ms=began.elapsed_ms())
            except FinalDriverError as error:
                raise AmbiguousDriverError(f"cgsnapshot {cgsnapshot_id} was cut, but: {error}") from error
            return dict(self._state.cuts[cgsnapshot_id].evidence)

    def _read_member_contents(
        self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]
    ) -> tuple[JSON, float]:
        """Return the content of each member, read one after the other, and the skew in milliseconds.

        Returns nothing on a backend that cuts at one instant, and for a cut that has already happened.
        """
        if self.level is CutLevel.CRASH:
            return {}, 0.0
        with self._lock:
            if self._find_earlier_cut(cgsnapshot_id, group_id, snapshots) is not None:
                return {}, 0.0
        seen: dict[str, tuple[int, Content]] = {}
        ticks = []
        for snapshot in snapshots:
            with self._lock:
                volume = self._require_volume(snapshot.volume_id)
                ticks.append(time.monotonic())
                seen[snapshot.id] = volume.size_gib, volume.content.snapshot()
        contents: JSON = {
            id: {"size_gib": size_gib, "blocks": content.to_json()}
            for id, (size_gib, content) in seen.items()
        }
        return contents, (ticks[-1] - ticks[0]) * 1000

    def _find_earlier_cut(
        self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]
    ) -> Cut | None:
        """Return the cut if it has already happened. Raises: FinalDriverError, if it cannot be made."""
        if not snapshots:
            raise FinalDriverError(f"cgsnapshot {cgsnapshot_id} has no members to cut")
        if group_id is None and len({snapshot.volume_id for snapshot in snapshots}) > 1:
            raise FinalDriverError(f"cgsnapshot {cgsnapshot_id} is of several volumes outside any group")
        for snapshot in snapshots:
            self._require_snapshot(snapshot)
            if (snapshot.cgsnapshot_id, snapshot.group_id) != (cgsnapshot_id, group_id):
                raise FinalDriverError(
                    f"snapshot {snapshot.id} does not belong to cgsnapshot {cgsnapshot_id}"
                )
        ids = {snapshot.id for snapshot in snapshots}
        done = self._state.cuts.get(cgsnapshot_id)
        if done is not None and (done.members != ids or done.snapshots != ids):
            raise FinalDriverError(f"cgsnapshot {cgsnapshot_id} was cut with other members")
        if done is None:
            for snapshot in snapshots:
                self._require_no_restore(self._require_volume(snapshot.volume_id))
        return done

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        with self._lock:
            stored, content = self._require_cut_snapshot(snapshot)
            return {"size_bytes": stored.size_gib * GIB, "allocated_bytes": content.allocated_bytes}

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._lock:
            if snapshot.id in self._state.snapshots:
                self._record_event("delete_snapshot", id=snapshot.id)

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        with self._lock:
            return snapshot.id in self._state.snapshots

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        with self._lock:
            stored, _ = self._require_cut_snapshot(snapshot)
            if not stored.is_exported:
                self._record_event("export_snapshot", id=snapshot.id, exported=True)
            size = stored.size_gib * GIB
        data: JSON = {"backend": self.name, "snapshot": snapshot.id, "read_only": True, "size_bytes": size}
        return Connection("memory", data)

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        with self._lock:
            stored = self._state.snapshots.get(snapshot.id)
            if stored is not None and stored.is_exported:
                self._record_event("export_snapshot", id=snapshot.id, exported=False)
