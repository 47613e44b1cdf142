"""A backend in a folder, for several processes at once: every object is a file, made or removed by its id."""

# ruff: noqa: D102

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cgflow.drivers.contract import (
    JSON,
    Cloning,
    Connection,
    GroupSnapshots,
    Inventory,
    Regrouping,
    Report,
    Restoring,
    SnapshotSpec,
    StorageDriver,
    VolumeSpec,
)
from cgflow.drivers.memory.content import GIB
from cgflow.errors import FinalDriverError


class FolderDriver(StorageDriver, GroupSnapshots, Cloning, Regrouping, Restoring):
    """Nothing is kept in the process, so that what another one did is seen at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def start(self) -> None:
        for kind in ("groups", "volumes", "snapshots", "cuts", "restores"):
            (self._root / kind).mkdir(parents=True, exist_ok=True)

    def stop(self) -> None:
        pass

    def report(self) -> Report:
        facts: JSON = {"consistencygroup_support": True, "volume_backend_name": "folder"}
        return Report(1000, 1000, 0, thin=True, max_over_subscription_ratio=20, capabilities=facts)

    def create_group(self, group_id: str) -> None:
        self._put("groups", group_id, {})

    def delete_group(self, group_id: str) -> None:
        self._remove("groups", group_id)

    def create_volume(self, volume: VolumeSpec) -> None:
        if self._get("volumes", volume.id) is None:
            self._put("volumes", volume.id, {"size": volume.size_gib, "group": volume.group_id})

    def delete_volume(self, volume: VolumeSpec) -> None:
        self._remove("volumes", volume.id)

    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        self._put("volumes", volume.id, {"size": new_size_gib, "group": volume.group_id})

    def connection(self, volume: VolumeSpec) -> Connection:
        found = self._get("volumes", volume.id)
        if found is None:
            raise FinalDriverError(f"there is no volume {volume.id}")
        return Connection("folder", {"size_bytes": found["size"] * GIB})

    def inventory(self, group_id: str | None = None) -> Inventory:
        def ids(kind: str) -> frozenset[str]:
            found = {path.name: self._get(kind, path.name) for path in (self._root / kind).iterdir()}
            return frozenset(
                id_
                for id_, what in found.items()
                if what is not None and group_id in (None, what.get("group", id_))
            )

        return Inventory(ids("groups"), ids("volumes"), ids("snapshots"))

    def prepare(self, snapshot: SnapshotSpec) -> None:
        self._put("snapshots", snapshot.id, {"group": snapshot.group_id, "volume": snapshot.volume_id})

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        for snapshot in snapshots:
            if self._get("snapshots", snapshot.id) is None:
                raise FinalDriverError(f"snapshot {snapshot.id} is not prepared")
        self._put("cuts", cgsnapshot_id, {"members": [snapshot.id for snapshot in snapshots]})
        return {"mechanism": "folder", "members": len(snapshots), "duration_ms": 0.0}

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        cut = self._get("cuts", snapshot.cgsnapshot_id)
        if cut is None or snapshot.id not in cut["members"] or self._get("snapshots", snapshot.id) is None:
            raise FinalDriverError(f"there is no copy {snapshot.id}")
        return {}

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        self._remove("snapshots", snapshot.id)

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        raise FinalDriverError("a folder exports nothing")

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        pass

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        if self._get("volumes", volume.id) is None:
            self.snapshot(source)
            self.create_volume(volume)

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        found = self._get("volumes", volume.id)
        if found is None:
            raise FinalDriverError(f"there is no volume {volume.id}")
        # The copies first: whoever repeats a move that was broken off finds the volume not there yet.
        for path in (self._root / "snapshots").iterdir():
            copy = self._get("snapshots", path.name)
            if copy is not None and copy["volume"] == volume.id:
                self._put("snapshots", path.name, {**copy, "group": group_id})
        self._put("volumes", volume.id, {**found, "group": group_id})

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        for snapshot in snapshots:
            self.snapshot(snapshot)
        self._put("restores", restore_id, {"snapshots": [snapshot.id for snapshot in snapshots]})

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        self._remove("restores", restore_id)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        self._remove("restores", restore_id)

    def _put(self, kind: str, id_: str, what: JSON) -> None:
        aside = self._root / f"{id_}.{os.getpid()}"
        aside.write_text(json.dumps(what))
        aside.replace(self._root / kind / id_)

    def _get(self, kind: str, id_: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self._root / kind / id_).read_text())
        except FileNotFoundError:
            return None
        return found

    def _remove(self, kind: str, id_: str) -> None:
        (self._root / kind / id_).unlink(missing_ok=True)
