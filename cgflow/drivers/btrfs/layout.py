"""The layout of a backend on its btrfs, and the changes made there. Every change can be repeated.

In the folder of the backend::

    journal                        the event log: objects and operations in progress
    exports/<copy>                 links to the exported snapshots
    homes/<home>/live              subvolume: what clients write to, and what a cut snapshots
                 live/volumes/<volume>   the file of a volume
                 live/kept/<volume>      its previous content, during an unfinished restore
                 live/new/<volume>       the same, partly made
                 live/away/<volume>      the file of a volume that is moving out
                 cuts/<cgsnapshot>       read-only subvolume: only volumes/<volume>, one snapshot each

Files cannot be renamed or linked from one subvolume to another. What must be renamed atomically is therefore
in one subvolume; between subvolumes, blocks are shared.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from cgflow.drivers.btrfs import btrfs_ioctl
from cgflow.drivers.common.fsync import fsync_folder

Trace = Callable[[str], None]
_LIVE = ("volumes", "kept", "new", "away")


def no_trace(point: str) -> None:
    """The trace function of a driver that is not traced."""
    del point


class Layout:
    """The folders of one backend. ``trace`` is called at each point where a test may inject a crash."""

    def __init__(self, root: Path, trace: Trace) -> None:
        self.root = root
        self.homes = root / "homes"
        self.exports = root / "exports"
        self.trace = trace

    def home(self, home: str) -> Path:
        """The folder of a home."""
        return self.homes / home

    def live(self, home: str) -> Path:
        """The subvolume that a cut snapshots."""
        return self.homes / home / "live"

    def volume(self, home: str, volume_id: str) -> Path:
        """The file of a volume, which its clients open."""
        return self.live(home) / "volumes" / volume_id

    def kept(self, home: str, volume_id: str) -> Path:
        """The file with the previous content of a volume, during an unfinished restore."""
        return self.live(home) / "kept" / volume_id

    def away(self, home: str, volume_id: str) -> Path:
        """The file of a volume that is moving out, which clients do not open."""
        return self.live(home) / "away" / volume_id

    def cut(self, home: str, cgsnapshot_id: str) -> Path:
        """The subvolume of a cut."""
        return self.homes / home / "cuts" / cgsnapshot_id

    def copy(self, home: str, cgsnapshot_id: str, volume_id: str) -> Path:
        """The file of one member's snapshot."""
        return self.cut(home, cgsnapshot_id) / "volumes" / volume_id

    def create_home(self, home: str) -> None:
        """Create the missing folders of a home."""
        (self.home(home) / "cuts").mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.live(home).exists():
            btrfs_ioctl.create_subvolume(self.live(home))
            self.trace("home:after-subvolume")
        for name in _LIVE:
            (self.live(home) / name).mkdir(mode=0o700, exist_ok=True)
        fsync_folder(self.homes)
        # The fsync of a folder does not make the subvolume itself durable.
        btrfs_ioctl.sync(self.homes)

    def remove_home(self, home: str) -> None:
        """Remove the folders of a home with their content."""
        if not self.home(home).exists():
            return
        cuts = self.home(home) / "cuts"
        for subvolume in (*(cuts.iterdir() if cuts.exists() else ()), self.live(home)):
            if subvolume.exists():
                btrfs_ioctl.destroy_subvolume(subvolume)
        self.trace("home:after-destroy")
        if cuts.exists():
            cuts.rmdir()
        self.home(home).rmdir()
        btrfs_ioctl.sync(self.homes)

    def make_file(self, path: Path, size_bytes: int, source: int | None = None) -> None:
        """Create a file of a size, durably: empty, or beginning with the content of an open file."""
        with btrfs_ioctl.opened(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR) as file:
            if source is not None:
                btrfs_ioctl.share(source, file)
            os.ftruncate(file, size_bytes)
            os.fsync(file)
        fsync_folder(path.parent)

    def sync_live(self, home: str) -> None:
        """Make the changed names in the live subvolume durable."""
        for name in _LIVE:
            fsync_folder(self.live(home) / name)

    def freeze(self, home: str, cgsnapshot_id: str) -> None:
        """Snapshot the live subvolume of a home, at one instant."""
        with btrfs_ioctl.opened(self.live(home), os.O_RDONLY | os.O_DIRECTORY) as live:
            btrfs_ioctl.snapshot(live, self.cut(home, cgsnapshot_id))

    def prune(self, home: str, cgsnapshot_id: str, members: Iterable[str]) -> None:
        """Remove all files from a cut except those of ``members``; remove the cut if there are none."""
        cut = self.cut(home, cgsnapshot_id)
        wanted = set(members)
        if not cut.exists():
            return
        if not wanted:
            btrfs_ioctl.destroy_subvolume(cut)
            # Otherwise a power failure could bring back a cut that has no record any more.
            btrfs_ioctl.sync(self.homes)
            return
        waste = [cut / "volumes" / name for name in names(cut / "volumes") if name not in wanted]
        waste += [cut / folder / name for folder in _LIVE[1:] for name in names(cut / folder)]
        if not waste:
            self.close(cut)
            return
        with btrfs_ioctl.changing(cut):
            self.trace("prune:opened")
            for path in waste:
                path.unlink()

    def add_copy(self, home: str, cgsnapshot_id: str, volume_id: str, source: int) -> None:
        """Add a snapshot from another home to a cut, which is created if it does not exist here."""
        cut = self.cut(home, cgsnapshot_id)
        if not cut.exists():
            btrfs_ioctl.create_subvolume(cut)
        with btrfs_ioctl.changing(cut):
            (cut / "volumes").mkdir(mode=0o700, exist_ok=True)
            self.trace("move:cut-opened")
            self.make_file(cut / "volumes" / volume_id, os.fstat(source).st_size, source)

    def close(self, cut: Path) -> None:
        """Make a cut read-only, if a crash has left it writable."""
        if not btrfs_ioctl.is_read_only(cut):
            btrfs_ioctl.set_read_only(cut, is_closed=True)

    def export(self, copy_id: str, file: Path) -> None:
        """Create the link to a snapshot, or point it to the snapshot's current place."""
        fresh = self.exports / f".{copy_id}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(file)
        fresh.replace(self.exports / copy_id)

    def unexport(self, copy_id: str) -> None:
        """Remove the link to a snapshot."""
        (self.exports / copy_id).unlink(missing_ok=True)


def remove(*paths: Path) -> None:
    """Remove files durably. Missing files are ignored."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        if folder.exists():
            fsync_folder(folder)


def names(folder: Path) -> set[str]:
    """Return the names in a folder; an empty set if it does not exist."""
    return set(os.listdir(folder)) if folder.is_dir() else set()
