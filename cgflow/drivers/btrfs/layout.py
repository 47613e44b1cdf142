"""How a backend lies on its btrfs, and the changes that are made there. Everything here may be done again.

Under the folder of the backend::

    journal                        what exists and what is under way
    exports/<copy>                 links to the copies that are exported
    homes/<home>/live              subvolume: what clients write to, and what a cut freezes
                 live/volumes/<volume>   the file of a volume
                 live/kept/<volume>      what it held before a restore that is not finished
                 live/new/<volume>       the same, half made
                 live/away/<volume>      the file of a volume that is moving out
                 cuts/<cgsnapshot>       read-only subvolume: volumes/<volume> is one copy, and nothing else

What must be renamed at once lies in one subvolume, for nothing is renamed or
linked from one to another; blocks are shared between them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from cgflow.drivers.btrfs import btrfs_ioctl
from cgflow.drivers.common.fsync import fsync_folder

Trace = Callable[[str], None]
_LIVE = ("volumes", "kept", "new", "away")


def untraced(point: str) -> None:
    """The trace of a driver that nobody watches."""
    del point


class Layout:
    """The folders of one backend. ``trace`` is told each point where a crash would be interesting."""

    def __init__(self, root: Path, trace: Trace) -> None:
        self.root = root
        self.homes = root / "homes"
        self.exports = root / "exports"
        self.trace = trace

    def home(self, home: str) -> Path:
        """The folder of a home."""
        return self.homes / home

    def live(self, home: str) -> Path:
        """The subvolume that a cut freezes."""
        return self.homes / home / "live"

    def volume(self, home: str, volume_id: str) -> Path:
        """The file of a volume: what its clients open."""
        return self.live(home) / "volumes" / volume_id

    def kept(self, home: str, volume_id: str) -> Path:
        """What a volume held before an unfinished restore."""
        return self.live(home) / "kept" / volume_id

    def away(self, home: str, volume_id: str) -> Path:
        """The file of a volume that is moving out, where nobody opens it."""
        return self.live(home) / "away" / volume_id

    def cut(self, home: str, cgsnapshot_id: str) -> Path:
        """The subvolume of a cut."""
        return self.homes / home / "cuts" / cgsnapshot_id

    def copy(self, home: str, cgsnapshot_id: str, volume_id: str) -> Path:
        """The file of one member's copy."""
        return self.cut(home, cgsnapshot_id) / "volumes" / volume_id

    def lay_out(self, home: str) -> None:
        """Make the folders of a home, where they are missing."""
        (self.home(home) / "cuts").mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.live(home).exists():
            btrfs_ioctl.create_subvolume(self.live(home))
            self.trace("home:after-subvolume")
        for name in _LIVE:
            (self.live(home) / name).mkdir(mode=0o700, exist_ok=True)
        fsync_folder(self.homes)
        # What makes the subvolume itself durable is not the fsync of a folder.
        btrfs_ioctl.sync(self.homes)

    def demolish(self, home: str) -> None:
        """Remove the folders of a home with all that is in them."""
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
        """Make a file of a size, durably: empty, or holding at its start what an open one holds."""
        with btrfs_ioctl.opened(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR) as file:
            if source is not None:
                btrfs_ioctl.share(source, file)
            os.ftruncate(file, size_bytes)
            os.fsync(file)
        fsync_folder(path.parent)

    def sync_live(self, home: str) -> None:
        """Make the names durable that were changed in what is live."""
        for name in _LIVE:
            fsync_folder(self.live(home) / name)

    def freeze(self, home: str, cgsnapshot_id: str) -> None:
        """Cut all that is live in a home, at one instant."""
        with btrfs_ioctl.opened(self.live(home), os.O_RDONLY | os.O_DIRECTORY) as live:
            btrfs_ioctl.snapshot(live, self.cut(home, cgsnapshot_id))

    def prune(self, home: str, cgsnapshot_id: str, members: Iterable[str]) -> None:
        """Leave of a cut only the files of these volumes, and nothing at all if there are none."""
        cut = self.cut(home, cgsnapshot_id)
        wanted = set(members)
        if not cut.exists():
            return
        if not wanted:
            btrfs_ioctl.destroy_subvolume(cut)
            # Or a power failure brings back what no record knows any more.
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
        """Put a copy from another home into a cut, which is made if there is none here."""
        cut = self.cut(home, cgsnapshot_id)
        if not cut.exists():
            btrfs_ioctl.create_subvolume(cut)
        with btrfs_ioctl.changing(cut):
            (cut / "volumes").mkdir(mode=0o700, exist_ok=True)
            self.trace("move:cut-opened")
            self.make_file(cut / "volumes" / volume_id, os.fstat(source).st_size, source)

    def close(self, cut: Path) -> None:
        """Close a cut for change, if a crash has left it open."""
        if not btrfs_ioctl.is_read_only(cut):
            btrfs_ioctl.set_read_only(cut, is_closed=True)

    def export(self, copy_id: str, file: Path) -> None:
        """Make the link of a copy, or lead it to where the copy is now."""
        fresh = self.exports / f".{copy_id}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(file)
        fresh.replace(self.exports / copy_id)

    def unexport(self, copy_id: str) -> None:
        """Remove the link of a copy."""
        (self.exports / copy_id).unlink(missing_ok=True)


def remove(*paths: Path) -> None:
    """Remove files, durably; those that are not there are gone."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        if folder.exists():
            fsync_folder(folder)


def names(folder: Path) -> set[str]:
    """Return the names in a folder; none, if it is not there."""
    return set(os.listdir(folder)) if folder.is_dir() else set()
