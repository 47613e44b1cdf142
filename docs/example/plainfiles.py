"""A driver of plain files: the smallest driver that keeps the contract, as a template.

A volume is a sparse file in the folder of its group. Clients open it directly. A snapshot is a full copy of
that file. The files are copied one after the other while clients write, so this backend reports the level
``per-volume``, and volume types that demand one instant never get it.

Every change is a rename or a removal. After a crash it is therefore either done or can be done again. The
names of the files are the only records::

    ROOT/groups/GROUP/                      a group
    ROOT/groups/GROUP/VOLUME.raw            a volume; outside any group, GROUP is "-"
    ROOT/copies/GROUP/VOLUME~SNAPSHOT.CGSNAPSHOT.prepared   a prepared snapshot
    ROOT/copies/GROUP/VOLUME~SNAPSHOT.CGSNAPSHOT.copy       a snapshot that was cut
    ROOT/copies/GROUP/VOLUME~SNAPSHOT.exported              a mark: the snapshot is exported
    ROOT/cuts/CGSNAPSHOT.json               the evidence of a cut
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from oslo_config import cfg

from cgflow.drivers.contract import (
    JSON,
    Connection,
    DriverPlugin,
    Inventory,
    Report,
    SnapshotSpec,
    StorageDriver,
    VolumeSpec,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, CutTimer, build_evidence, capabilities_of_level
from cgflow.errors import ConfigError, FinalDriverError

GIB = 1 << 30
OPTIONS = [cfg.StrOpt("path", required=True, help="Directory that holds the volumes.")]


class PlainFiles(StorageDriver):
    """Volumes as files in ``root``. The ability GroupSnapshots needs no base class."""

    def __init__(self, root: Path, name: str = "plainfiles") -> None:
        self._groups, self._copies, self._cuts = root / "groups", root / "copies", root / "cuts"
        self._root, self._name = root, name
        self._held = -1
        # One lock for all calls is simple and correct. A better driver has one lock for each group.
        self._lock = threading.RLock()

    def start(self) -> None:
        """See the contract. A lock on a file, which ends with the process, allows one process at a time."""
        for folder in (self._groups / "-", self._copies, self._cuts):
            folder.mkdir(parents=True, exist_ok=True)
        self._held = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.stop()
            raise ConfigError(
                f"{self._root} is in use by another process: stop that, or name another path"
            ) from None
        # Files that a crash left incomplete are made again when the call is repeated.
        for left in self._root.rglob("*.new"):
            left.unlink()

    def stop(self) -> None:
        """See the contract."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def report(self) -> Report:
        """See the contract."""
        room = os.statvfs(self._root)
        promised = sum(path.stat().st_size for path in self._groups.glob("*/*.raw"))
        return Report(
            total_gib=room.f_blocks * room.f_frsize / GIB,
            free_gib=room.f_bavail * room.f_frsize / GIB,
            provisioned_gib=promised / GIB,
            thin=True,
            max_over_subscription_ratio=20.0,
            capabilities={
                **capabilities_of_level(CutLevel.PER_VOLUME),
                "online_extend_support": True,
                "volume_backend_name": self._name,
            },
        )

    def create_group(self, group_id: str) -> None:
        """See the contract."""
        (self._groups / group_id).mkdir(exist_ok=True)

    def delete_group(self, group_id: str) -> None:
        """See the contract."""
        with self._lock, suppress(FileNotFoundError):
            if any((self._groups / group_id).iterdir()):
                raise FinalDriverError(f"group {group_id} still holds volumes")
            (self._groups / group_id).rmdir()

    def create_volume(self, volume: VolumeSpec) -> None:
        """See the contract."""
        path = self._file(volume)
        with self._lock:
            if not path.parent.is_dir():
                raise FinalDriverError(f"there is no group {volume.group_id}")
            if not path.exists():
                made = path.with_suffix(".new")
                made.touch()
                os.truncate(made, volume.size_gib * GIB)
                _rename(made, path)

    def delete_volume(self, volume: VolumeSpec) -> None:
        """See the contract."""
        with self._lock:
            left = sorted(copy.name for copy in self._copies.glob(f"*/{volume.id}~*"))
            if left:
                raise FinalDriverError(f"volume {volume.id} still has copies, one is {left[0]}")
            self._file(volume).unlink(missing_ok=True)

    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        """See the contract."""
        with self._lock:
            os.truncate(self._need(volume), new_size_gib * GIB)

    def connection(self, volume: VolumeSpec) -> Connection:
        """See the contract."""
        path = self._need(volume)
        size = path.stat().st_size
        return Connection("local", {"device_path": str(path), "size_bytes": size, "read_only": False})

    def inventory(self, group_id: str | None = None) -> Inventory:
        """See the contract."""
        place = group_id or "*"
        with self._lock:
            copies = [
                path.name for path in self._copies.glob(f"{place}/*") if path.suffix in (".prepared", ".copy")
            ]
            return Inventory(
                groups=frozenset(path.name for path in self._groups.glob(place) if path.name != "-"),
                volumes=frozenset(path.stem for path in self._groups.glob(f"{place}/*.raw")),
                snapshots=frozenset(name.split("~")[1].split(".")[0] for name in copies),
                exports=frozenset(
                    path.stem.split("~")[1] for path in self._copies.glob(f"{place}/*.exported")
                ),
            )

    # The ability GroupSnapshots

    def prepare(self, snapshot: SnapshotSpec) -> None:
        """See the contract."""
        with self._lock:
            self._need(VolumeSpec(snapshot.volume_id, 0, snapshot.group_id))
            if not self.has_snapshot(snapshot):
                path = self._copy(snapshot, "prepared")
                path.parent.mkdir(exist_ok=True)
                path.touch()

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        """See the contract. The evidence is written last, when all snapshots are complete."""
        if group_id is None and len(snapshots) > 1:
            raise FinalDriverError("volumes outside any group are not cut together; nothing was cut")
        with self._lock:
            told = self._cuts / f"{cgsnapshot_id}.json"
            for snapshot in snapshots:
                if not self.has_snapshot(snapshot):
                    raise FinalDriverError(f"snapshot {snapshot.id} is not prepared; nothing was cut")
            if told.exists():
                known: JSON = json.loads(told.read_text())
                return known
            began, moments = CutTimer.start(), []
            for snapshot in snapshots:
                moments.append(time.monotonic())
                made = self._copy(snapshot, "new")
                _duplicate(self._need(VolumeSpec(snapshot.volume_id, 0, group_id)), made)
                _rename(made, self._copy(snapshot, "copy"))
            skew_ms = (moments[-1] - moments[0]) * 1000
            said = build_evidence(
                "copies of files", len(snapshots), began, level=CutLevel.PER_VOLUME, skew_ms=skew_ms
            )
            made = told.with_suffix(".new")
            made.write_text(json.dumps(said))
            _rename(made, told)
            for snapshot in snapshots:
                self._copy(snapshot, "prepared").unlink()
            return said

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        """See the contract."""
        path = self._need_copy(snapshot)
        return {"path": str(path), "size_bytes": path.stat().st_size, "read_only": True}

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        """See the contract."""
        with self._lock:
            for path in self._of(snapshot):
                path.unlink(missing_ok=True)
            if not any(self._copies.glob(f"*/*.{snapshot.cgsnapshot_id}.*")):
                (self._cuts / f"{snapshot.cgsnapshot_id}.json").unlink(missing_ok=True)

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        """See the contract."""
        return any(self._of(snapshot))

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        """See the contract."""
        with self._lock:
            path = self._need_copy(snapshot)
            path.chmod(0o400)
            self._exported(snapshot).touch()
        size = path.stat().st_size
        return Connection("local", {"device_path": str(path), "size_bytes": size, "read_only": True})

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        """See the contract."""
        self._exported(snapshot).unlink(missing_ok=True)

    def _file(self, volume: VolumeSpec) -> Path:
        return self._groups / (volume.group_id or "-") / f"{volume.id}.raw"

    def _need(self, volume: VolumeSpec) -> Path:
        path = self._file(volume)
        if not path.exists():
            raise FinalDriverError(f"there is no volume {volume.id} in {volume.group_id or 'no group'}")
        return path

    def _folder(self, snapshot: SnapshotSpec) -> Path:
        return self._copies / (snapshot.group_id or "-")

    def _copy(self, snapshot: SnapshotSpec, state: str) -> Path:
        return self._folder(snapshot) / f"{snapshot.volume_id}~{snapshot.id}.{snapshot.cgsnapshot_id}.{state}"

    def _exported(self, snapshot: SnapshotSpec) -> Path:
        return self._folder(snapshot) / f"{snapshot.volume_id}~{snapshot.id}.exported"

    def _of(self, snapshot: SnapshotSpec) -> Iterator[Path]:
        return self._folder(snapshot).glob(f"{snapshot.volume_id}~{snapshot.id}.*")

    def _need_copy(self, snapshot: SnapshotSpec) -> Path:
        path = self._copy(snapshot, "copy")
        if not path.exists() or not (self._cuts / f"{snapshot.cgsnapshot_id}.json").exists():
            raise FinalDriverError(f"there is no copy {snapshot.id} of volume {snapshot.volume_id}")
        return path


def _duplicate(source: Path, made: Path) -> None:
    """Copy a file, keeping its holes."""
    done = subprocess.run(
        ["cp", "--sparse=always", source, made], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        made.unlink(missing_ok=True)
        raise FinalDriverError(f"{source} could not be copied: {done.stderr.strip()}")


def _rename(made: Path, path: Path) -> None:
    """Rename a complete file to its final name, durably: first its content, then its name."""
    for synced in (made, path.parent):
        opened = os.open(synced, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)
        if synced == made:
            made.rename(path)


def make(name: str, state_dir: Path, path: str) -> PlainFiles:
    """Make a driver. It keeps no files in ``state_dir``."""
    del state_dir
    return PlainFiles(Path(path), name)


PLUGIN = DriverPlugin(OPTIONS, make)
