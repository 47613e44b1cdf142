"""A memory backend whose volumes can be files of the host: a plain file then has the volume's content."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cgflow.drivers.contract import Connection, SnapshotSpec, SupportsHostFiles, VolumeSpec
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.drivers.memory.state import BLOCK, GIB, Content
from cgflow.errors import BusyDriverError, FinalDriverError


class FileContent(Content):
    """The content of a volume in a sparse file of its size."""

    def __init__(self, path: Path, held: Content, size_bytes: int) -> None:
        super().__init__()
        self._path = path
        path.touch(mode=0o600)
        os.truncate(path, size_bytes)
        for index, block in held.snapshot()._blocks.items():
            self.write(index * BLOCK, block)

    def write(self, offset: int, data: bytes) -> None:
        with self._path.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), data, offset)

    def read(self, offset: int, length: int) -> bytes:
        with self._path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), length, offset)

    def snapshot(self) -> Content:
        with self._path.open("rb", buffering=0) as file:
            descriptor = file.fileno()
            return Content(
                {index: os.pread(descriptor, BLOCK, index * BLOCK) for index in _data_blocks(descriptor)}
            )

    def truncate(self, size_bytes: int) -> None:
        os.truncate(self._path, size_bytes)


def _data_blocks(descriptor: int) -> Iterator[int]:
    """Yield the blocks of a sparse file that are not holes."""
    end = 0
    # Seeking data past the last data fails.
    with suppress(OSError):
        while True:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
            yield from range(start // BLOCK, -(-end // BLOCK))


class FileBackedDriver(MemoryDriver, SupportsHostFiles):
    """Serves volumes and exported snapshots as files of a temporary folder, which ``stop`` removes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._shown: tempfile.TemporaryDirectory[str] | None = None

    def stop(self) -> None:
        super().stop()
        if self._shown is not None:
            self._shown.cleanup()
            self._shown = None

    def path(self, id: str) -> Path:
        """Return the path of the file of a volume or snapshot, which need not exist."""
        if self._shown is None:
            self._shown = tempfile.TemporaryDirectory(prefix="filed-")
        return Path(self._shown.name) / id

    def serve_file(self, export: VolumeSpec | SnapshotSpec) -> Connection:
        with self._lock:
            path = self.path(export.id)
            size_bytes = self._show(export, path)
        return Connection("memory", {"size_bytes": size_bytes, "path": str(path)})

    def withdraw_file(self, export: VolumeSpec | SnapshotSpec) -> None:
        with self._lock:
            if self._shown is not None and is_open(self.path(export.id)):
                raise BusyDriverError(f"{self.path(export.id)} is open")
            self.take_away(export.id)

    def delete_volume(self, volume: VolumeSpec) -> None:
        super().delete_volume(volume)
        self.take_away(volume.id)

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        super().unexport_snapshot(snapshot)
        self.take_away(snapshot.id)

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        super().delete_snapshot(snapshot)
        self.take_away(snapshot.id)

    def take_away(self, id: str) -> None:
        """Remove a file; the volume keeps its content."""
        if self._shown is None:
            return
        volume = self._state.volumes.get(id)
        if volume is not None and isinstance(volume.content, FileContent):
            volume.content = volume.content.snapshot()
        self.path(id).unlink(missing_ok=True)

    def _show(self, export: VolumeSpec | SnapshotSpec, path: Path) -> int:
        if isinstance(export, VolumeSpec):
            volume = self._require_volume(export.id)
            if not path.exists():
                volume.content = FileContent(path, volume.content, volume.size_gib * GIB)
            return volume.size_gib * GIB
        copy = self._state.snapshots.get(export.id)
        if copy is None or copy.content is None or not copy.is_exported:
            raise FinalDriverError(f"{export.id} is not exported, so it cannot be a file")
        if not path.exists():
            FileContent(path, copy.content, copy.size_gib * GIB)
        return copy.size_gib * GIB


def is_open(path: Path) -> bool:
    """Return whether this process has a file open."""
    held = Path("/proc/self/fd")
    return any(os.path.realpath(held / name) == str(path) for name in os.listdir(held))
