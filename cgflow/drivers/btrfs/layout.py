"""The folder of a backend on its btrfs: how it is found, its layout, and the changes made there.

In the folder of the backend::

    journal                        the event log: objects and operations in progress
    exports/<snapshot>             links to the exported snapshots
    homes/<home>/live              subvolume: what clients write to, and what a cut snapshots
                 live/volumes/<volume>   the file of a volume
                 live/kept/<volume>      its previous content, during an unfinished restore
                 live/new/<volume>       the same, partly made
                 live/away/<volume>      the file of a volume that is moving out
                 cuts/<cgsnapshot>       read-only subvolume: only volumes/<volume>, one snapshot each

Files cannot be renamed or linked from one subvolume to another. What must be renamed atomically is therefore
in one subvolume; between subvolumes, blocks are shared. Every change can be repeated.

An unmounted file system leaves its mount point behind: an empty folder of another file system. What a call
reads there would be wrong. Every call therefore first checks that the folder is still the one that was opened
at the start.
"""

from __future__ import annotations

import errno
import os
import re
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

from cgflow.drivers.btrfs import system_calls
from cgflow.drivers.common.fsync import fsync_folder
from cgflow.errors import ConfigError, DriverError, FinalDriverError
from cgflow.private_files import make_folder

Trace = Callable[[str], None]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_OURS = {"journal", "journal.lock", "journal.new", "journal.ballast", "homes", "exports"}
_LIVE = ("volumes", "kept", "new", "away")


def no_trace(point: str) -> None:
    """The trace function of a driver that is not traced."""
    del point


class Mount:
    """The folder ``name`` in ``path``, which lies on a btrfs. Nothing is touched before ``open``."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path.absolute()
        self.folder = self.path / name
        self._descriptor: weakref.finalize[[int], Mount] | None = None
        self._identity: tuple[int, int] | None = None

    def open(self) -> None:
        """Create or recognise the folder, and keep it open. Raises: ConfigError."""
        if os.geteuid() != 0:
            raise ConfigError(
                "the btrfs driver must run as root, because only root can open and remove subvolumes"
            )
        try:
            if not self.path.is_dir():
                raise ConfigError(f"{self.path} is not a directory: mount a btrfs there, or set another path")
            if not system_calls.is_btrfs(self.path):
                raise ConfigError(
                    f"{self.path} does not lie on a btrfs: mount one there, or set another path"
                )
            if self.folder.exists():
                self._require_own_folder()
            for folder in (self.folder, self.folder / "homes", self.folder / "exports"):
                make_folder(folder)
            self._keep_open()
        except OSError as error:
            raise ConfigError(f"{self.folder} cannot be used: {describe_error(error)}") from error

    def close(self) -> None:
        """Release the file system. Idempotency: a closed mount stays closed."""
        self._identity = None
        if self._descriptor is not None:
            self._descriptor()

    def require_mounted(self) -> None:
        """Raises: FinalDriverError, if the folder is not the one that was opened, or none was opened."""
        if self._identity is None:
            raise FinalDriverError("the btrfs driver has not been started")
        try:
            facts = self.folder.stat()
        except OSError as error:
            raise FinalDriverError(self._missing_message(describe_error(error))) from error
        if (facts.st_dev, facts.st_ino) != self._identity:
            raise FinalDriverError(self._missing_message("another folder is there"))

    def _keep_open(self) -> None:
        self.close()
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # A driver that is dropped without close, as after a crash, must not prevent unmounting.
        self._descriptor = weakref.finalize(self, os.close, descriptor)
        facts = os.fstat(descriptor)
        self._identity = (facts.st_dev, facts.st_ino)

    def _require_own_folder(self) -> None:
        names = {path.name for path in self.folder.iterdir()}
        foreign = sorted(names - _OURS)
        homes = self.folder / "homes"
        has_no_log = "journal" not in names and homes.is_dir() and any(homes.iterdir())
        if foreign or has_no_log:
            reason = ", ".join(foreign[:3]) or "volumes but no journal"
            raise ConfigError(
                f"{self.folder} has {reason}, so this driver did not create it: set another path, "
                "or restore the missing files"
            )

    def _missing_message(self, why: str) -> str:
        return f"the btrfs under {self.path} is missing ({why}): mount it again. Nothing was done"


class Layout:
    """The folders of one backend. ``trace`` is called at each point where a test may inject a crash."""

    def __init__(self, root: Path, trace: Trace) -> None:
        self.root = root
        self.homes = root / "homes"
        self.exports = root / "exports"
        self.trace = trace

    def home_folder(self, home: str) -> Path:
        """The folder of a home."""
        return self.homes / home

    def live_subvolume(self, home: str) -> Path:
        """The subvolume that a cut snapshots."""
        return self.homes / home / "live"

    def volume_file(self, home: str, volume_id: str) -> Path:
        """The file of a volume, which its clients open."""
        return self.live_subvolume(home) / "volumes" / volume_id

    def previous_content_file(self, home: str, volume_id: str) -> Path:
        """The file with the previous content of a volume, during an unfinished restore."""
        return self.live_subvolume(home) / "kept" / volume_id

    def moving_out_file(self, home: str, volume_id: str) -> Path:
        """The file of a volume that is moving out, which clients do not open."""
        return self.live_subvolume(home) / "away" / volume_id

    def cut_subvolume(self, home: str, cgsnapshot_id: str) -> Path:
        """The subvolume of a cut."""
        return self.homes / home / "cuts" / cgsnapshot_id

    def snapshot_file(self, home: str, cgsnapshot_id: str, volume_id: str) -> Path:
        """The file of one member's snapshot."""
        return self.cut_subvolume(home, cgsnapshot_id) / "volumes" / volume_id

    def create_home(self, home: str) -> None:
        """Create the missing folders of a home."""
        (self.home_folder(home) / "cuts").mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.live_subvolume(home).exists():
            system_calls.create_subvolume(self.live_subvolume(home))
            self.trace("home:after-subvolume")
        for name in _LIVE:
            (self.live_subvolume(home) / name).mkdir(mode=0o700, exist_ok=True)
        fsync_folder(self.homes)
        # The fsync of a folder does not make the subvolume itself durable.
        system_calls.sync_file_system(self.homes)

    def remove_home(self, home: str) -> None:
        """Remove the folders of a home with their content."""
        if not self.home_folder(home).exists():
            return
        cuts = self.home_folder(home) / "cuts"
        for subvolume in (*(cuts.iterdir() if cuts.exists() else ()), self.live_subvolume(home)):
            if subvolume.exists():
                system_calls.destroy_subvolume(subvolume)
        self.trace("home:after-destroy")
        if cuts.exists():
            cuts.rmdir()
        self.home_folder(home).rmdir()
        system_calls.sync_file_system(self.homes)

    def make_file(self, path: Path, size_bytes: int, source: int | None = None) -> None:
        """Create a file of a size, durably: empty, or beginning with the content of an open file."""
        with system_calls.open_descriptor(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR) as file:
            if source is not None:
                system_calls.share_blocks(source, file)
            os.ftruncate(file, size_bytes)
            os.fsync(file)
        fsync_folder(path.parent)

    def sync_live(self, home: str) -> None:
        """Make the changed names in the live subvolume durable."""
        for name in _LIVE:
            fsync_folder(self.live_subvolume(home) / name)

    def snapshot_live(self, home: str, cgsnapshot_id: str) -> None:
        """Snapshot the live subvolume of a home, at one instant."""
        with system_calls.open_descriptor(self.live_subvolume(home), os.O_RDONLY | os.O_DIRECTORY) as live:
            system_calls.snapshot_subvolume(live, self.cut_subvolume(home, cgsnapshot_id))

    def prune_cut(self, home: str, cgsnapshot_id: str, members: Iterable[str]) -> None:
        """Remove all files from a cut except those of ``members``; remove the cut if there are none."""
        cut = self.cut_subvolume(home, cgsnapshot_id)
        kept_names = set(members)
        if not cut.exists():
            return
        if not kept_names:
            system_calls.destroy_subvolume(cut)
            # Otherwise a power failure could bring back a cut that has no record any more.
            system_calls.sync_file_system(self.homes)
            return
        unwanted = [cut / "volumes" / name for name in list_names(cut / "volumes") if name not in kept_names]
        unwanted += [cut / folder / name for folder in _LIVE[1:] for name in list_names(cut / folder)]
        if not unwanted:
            self.make_cut_read_only(cut)
            return
        with system_calls.writable_subvolume(cut):
            self.trace("prune:opened")
            for path in unwanted:
                path.unlink()

    def add_snapshot_to_cut(self, home: str, cgsnapshot_id: str, volume_id: str, source: int) -> None:
        """Add a snapshot from another home to a cut, which is created if it does not exist here."""
        cut = self.cut_subvolume(home, cgsnapshot_id)
        if not cut.exists():
            system_calls.create_subvolume(cut)
        with system_calls.writable_subvolume(cut):
            (cut / "volumes").mkdir(mode=0o700, exist_ok=True)
            self.trace("move:cut-opened")
            self.make_file(cut / "volumes" / volume_id, os.fstat(source).st_size, source)

    def make_cut_read_only(self, cut: Path) -> None:
        """Make a cut read-only, if a crash has left it writable."""
        if not system_calls.is_read_only(cut):
            system_calls.set_read_only(cut, is_closed=True)

    def link_export(self, snapshot_id: str, file: Path) -> None:
        """Create the link to a snapshot, or point it to the snapshot's current place."""
        new = self.exports / f".{snapshot_id}"
        new.unlink(missing_ok=True)
        new.symlink_to(file)
        new.replace(self.exports / snapshot_id)

    def unlink_export(self, snapshot_id: str) -> None:
        """Remove the link to a snapshot."""
        (self.exports / snapshot_id).unlink(missing_ok=True)


def remove_files(*paths: Path) -> None:
    """Remove files durably. Missing files are ignored."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        if folder.exists():
            fsync_folder(folder)


def list_names(folder: Path) -> set[str]:
    """Return the names in a folder; an empty set if it does not exist."""
    return set(os.listdir(folder)) if folder.is_dir() else set()


def require_file_name(*ids: str) -> None:
    """Raises: FinalDriverError, if one of the ids cannot be a file name."""
    for id in ids:
        if not _ID.fullmatch(id):
            raise FinalDriverError(f"{id!r} cannot be a file name; nothing was made")


def describe_error(error: BaseException) -> str:
    """Return a description of an error for the operator."""
    if isinstance(error, DriverError):
        return error.message
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the storage is full ({error.strerror}): free space on the btrfs, then try again"
    return str(error)
