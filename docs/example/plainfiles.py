"""A driver of plain files: the smallest that keeps the contract, to start from.

A volume is a sparse file in the folder of its group; clients open it themselves.
A copy is a whole copy of it. Files are copied one after the other while clients
write, so this backend says ``per-volume``, and nobody gets it who asks for one instant.

Every change is a rename or a removal, so that a crash leaves it either done or
to be done again, and the names of files are all the records there are::

    ROOT/groups/GROUP/                      a group
    ROOT/groups/GROUP/VOLUME.raw            a volume; outside any group, GROUP is "-"
    ROOT/copies/GROUP/VOLUME~SNAPSHOT.CGSNAPSHOT.prepared   a copy that is to be cut
    ROOT/copies/GROUP/VOLUME~SNAPSHOT.CGSNAPSHOT.copy       a copy
    ROOT/copies/GROUP/VOLUME~SNAPSHOT.exported              readers may open it
    ROOT/cuts/CGSNAPSHOT.json               the evidence of a cut
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from oslo_config import cfg

from cgflow.drivers.contract import (
    JSON,
    Connection,
    Inventory,
    Report,
    SnapshotSpec,
    StorageDriver,
    VolumeSpec,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, CutTimer, capabilities, evidence
from cgflow.drivers.contract.plugin import DriverPlugin
from cgflow.errors import ConfigError, FinalDriverError

GIB = 1 << 30
OPTIONS = [cfg.StrOpt("path", help="Directory that holds the volumes.")]


class PlainFiles(StorageDriver):
    """Volumes as files below ``root``. It has the ability GroupSnapshots, which needs no base class."""

    def __init__(self, root: Path, name: str = "plainfiles") -> None:
        self._groups, self._copies, self._cuts = root / "groups", root / "copies", root / "cuts"
        self._root, self._name = root, name
        self._held = -1
        # One lock for everything: simple, and right. A better driver locks a group at a time.
        self._lock = threading.RLock()

    def start(self) -> None:
        """See the contract: one process at a time, known by a lock that ends with it."""
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
        # What a crash left half-made is made again by whoever repeats the call.
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
                **capabilities(CutLevel.PER_VOLUME),
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

    # The ability to make copies

    def prepare(self, snapshot: SnapshotSpec) -> None:
        """See the contract."""
        with self._lock:
            self._need(VolumeSpec(snapshot.volume_id, 0, snapshot.group_id))
            if not self.has_snapshot(snapshot):
                path = self._copy(snapshot, "prepared")
                path.parent.mkdir(exist_ok=True)
                path.touch()

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        """See the contract; the evidence is written last, and says that all of it happened."""
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
            began, moments = CutTimer.now(), []
            for snapshot in snapshots:
                moments.append(time.monotonic())
                made = self._copy(snapshot, "new")
                _duplicate(self._need(VolumeSpec(snapshot.volume_id, 0, group_id)), made)
                _rename(made, self._copy(snapshot, "copy"))
            skew_ms = (moments[-1] - moments[0]) * 1000
            said = evidence(
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
    """Copy a file with its holes."""
    done = subprocess.run(
        ["cp", "--sparse=always", source, made], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        made.unlink(missing_ok=True)
        raise FinalDriverError(f"{source} could not be copied: {done.stderr.strip()}")


def _rename(made: Path, path: Path) -> None:
    """Give a finished file its name, durably: first what it holds, then its name."""
    for synced in (made, path.parent):
        opened = os.open(synced, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)
        if synced == made:
            made.rename(path)


def from_options(options: Mapping[str, object]) -> PlainFiles:
    """Make a driver from ``name`` and ``path``. Raises: ConfigError, naming the option."""
    path = options.get("path")
    if not isinstance(path, str) or not path:
        raise ConfigError("path of a plainfiles backend must be a directory")
    return PlainFiles(Path(path), str(options["name"]))


PLUGIN = DriverPlugin(OPTIONS, from_options)
