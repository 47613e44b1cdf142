"""A backend in a folder, for several processes at once: every object is a file named by its id.

It stands for network storage. Each session has a directory of its own, and every effect is one
rename out of it (create) or into it (delete), so that the file system decides whether an effect
happens. To fence a session is to remove its directory. A process stopped in the middle of a call
holds no lock, and finds its directory gone when it continues.
"""

# ruff: noqa: D102

from __future__ import annotations

import errno
import json
from collections.abc import Callable
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
    SupportsFencing,
    VolumeSpec,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, CutTimer, build_evidence, capabilities_of_level
from cgflow.drivers.memory.state import GIB
from cgflow.errors import FinalDriverError, SessionFenced

KINDS = ("groups", "volumes", "snapshots", "cuts", "restores")


class FolderDriver(StorageDriver, GroupSnapshots, Cloning, Regrouping, Restoring, SupportsFencing):
    """Keeps nothing in the process, so that effects of another process are visible at once.

    ``in_flight`` is called immediately before each effect, with its kind and the id of the object.
    """

    def __init__(self, root: Path) -> None:
        self.in_flight: Callable[[str, str], None] = lambda _kind, _id: None
        self._root = root
        self._session = "none"

    def open_session(self, session: str) -> None:
        self._session = session
        for kind in ("fenced", *KINDS):
            (self._root / kind).mkdir(parents=True, exist_ok=True)
        self._own.mkdir(parents=True, exist_ok=True)
        if (self._root / "fenced" / session).exists():
            # Fencing writes its mark first, so that the directory of a fenced session is not created again.
            _remove_directory(self._own)
            raise SessionFenced.of(session)

    def fence(self, session: str) -> None:
        self._check()
        (self._root / "fenced" / session).touch()
        _remove_directory(self._root / "sessions" / session)

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def report(self) -> Report:
        self._check()
        facts: JSON = {**capabilities_of_level(CutLevel.CRASH), "volume_backend_name": "folder"}
        return Report(1000, 1000, 0, thin=True, max_over_subscription_ratio=20, capabilities=facts)

    def create_group(self, group_id: str) -> None:
        self._put("groups", group_id, {})

    def delete_group(self, group_id: str) -> None:
        self._remove("groups", group_id)

    def create_volume(self, volume: VolumeSpec) -> None:
        self._check()
        if self._get("volumes", volume.id) is None:
            self._put("volumes", volume.id, {"size": volume.size_gib, "group": volume.group_id})

    def delete_volume(self, volume: VolumeSpec) -> None:
        self._remove("volumes", volume.id)

    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        self._put("volumes", volume.id, {"size": new_size_gib, "group": volume.group_id})

    def connection(self, volume: VolumeSpec) -> Connection:
        self._check()
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

        self._check()
        return Inventory(ids("groups"), ids("volumes"), ids("snapshots"))

    def prepare(self, snapshot: SnapshotSpec) -> None:
        self._put("snapshots", snapshot.id, {"group": snapshot.group_id, "volume": snapshot.volume_id})

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        self._check()
        began = CutTimer.start()
        for snapshot in snapshots:
            if self._get("snapshots", snapshot.id) is None:
                raise FinalDriverError(f"snapshot {snapshot.id} is not prepared")
        self._put("cuts", cgsnapshot_id, {"members": [snapshot.id for snapshot in snapshots]})
        return build_evidence("rename of a file", len(snapshots), began)

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        self._check()
        cut = self._get("cuts", snapshot.cgsnapshot_id)
        if cut is None or snapshot.id not in cut["members"] or self._get("snapshots", snapshot.id) is None:
            raise FinalDriverError(f"there is no copy {snapshot.id}")
        return {}

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        self._remove("cuts", snapshot.cgsnapshot_id)
        self._remove("snapshots", snapshot.id)
        cut = self._get("cuts", snapshot.cgsnapshot_id)
        if cut is not None and all(self._get("snapshots", member) is None for member in cut["members"]):
            self._remove("cuts", snapshot.cgsnapshot_id)

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        return self._get("snapshots", snapshot.id) is not None

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        self._check()
        raise FinalDriverError("a folder exports nothing")

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        self._check()

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        self._check()
        if self._get("volumes", volume.id) is None:
            self.snapshot(source)
            self.create_volume(volume)

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        self._check()
        found = self._get("volumes", volume.id)
        if found is None:
            raise FinalDriverError(f"there is no volume {volume.id}")
        # Move the snapshots first: a repeated call after an interruption still finds the volume to be moved.
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

    def contents(self) -> dict[str, str]:
        """Return every object of every session, with all its properties."""
        return {
            f"{kind} {path.name}": path.read_text()
            for kind in KINDS
            for path in (self._root / kind).iterdir()
        }

    @property
    def _own(self) -> Path:
        return self._root / "sessions" / self._session

    def _check(self) -> None:
        """Raise early in a fenced process. What actually prevents its effects is the removed directory."""
        if not self._own.exists():
            raise SessionFenced.of(self._session)

    def _put(self, kind: str, id_: str, what: JSON) -> None:
        self._check()
        aside = self._own / f"{kind}.{id_}"
        try:
            aside.write_text(json.dumps(what))
            self.in_flight(kind, id_)
            aside.replace(self._root / kind / id_)
        except FileNotFoundError:
            raise SessionFenced.of(self._session) from None

    def _get(self, kind: str, id_: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self._root / kind / id_).read_text())
        except FileNotFoundError:
            return None
        return found

    def _remove(self, kind: str, id_: str) -> None:
        self._check()
        self.in_flight(kind, id_)
        aside = self._own / f"{kind}.{id_}"
        try:
            (self._root / kind / id_).replace(aside)
        except FileNotFoundError:
            # Either the object or this session's directory is missing.
            self._check()
        aside.unlink(missing_ok=True)


def _remove_directory(path: Path) -> None:
    """Remove a directory into which others may still put files; no file enters or leaves it afterwards."""
    while path.exists():
        try:
            for left in path.iterdir():
                left.unlink(missing_ok=True)
            path.rmdir()
        except FileNotFoundError:
            # Another process is fencing the same session.
            return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
