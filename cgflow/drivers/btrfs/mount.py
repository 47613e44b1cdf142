"""The folder of a backend on its btrfs: how it is created, recognised, and checked to be still mounted.

An unmounted file system leaves its mount point behind: an empty folder of another file system. What a call
reads there would be wrong. Every call therefore first checks that the folder is still the one that was opened
at the start.
"""

from __future__ import annotations

import errno
import os
import re
import weakref
from pathlib import Path

from cgflow.drivers.btrfs import btrfs_ioctl
from cgflow.errors import ConfigError, DriverError, FinalDriverError
from cgflow.private_files import make_folder

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_OURS = {"journal", "journal.lock", "journal.new", "journal.ballast", "homes", "exports"}


class Mount:
    """The folder ``name`` in ``path``, which lies on a btrfs. Nothing is touched before ``open``."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path.absolute()
        self.folder = self.path / name
        self._descriptor: weakref.finalize[[int], Mount] | None = None
        self._known: tuple[int, int] | None = None

    def open(self) -> None:
        """Create or recognise the folder, and keep it open. Raises: ConfigError."""
        if os.geteuid() != 0:
            raise ConfigError(
                "the btrfs driver has to run as root: nobody else may open and remove subvolumes"
            )
        try:
            if not self.path.is_dir():
                raise ConfigError(
                    f"{self.path} is not a directory: mount a btrfs there, or name another path"
                )
            if not btrfs_ioctl.is_btrfs(self.path):
                raise ConfigError(
                    f"{self.path} does not lie on a btrfs: mount one there, or name another path"
                )
            if self.folder.exists():
                self._recognise()
            for folder in (self.folder, self.folder / "homes", self.folder / "exports"):
                make_folder(folder)
            self._hold()
        except OSError as error:
            raise ConfigError(f"{self.folder} cannot be used: {words(error)}") from error

    def close(self) -> None:
        """Release the file system. Idempotency: a closed mount stays closed."""
        self._known = None
        if self._descriptor is not None:
            self._descriptor()

    def check(self) -> None:
        """Raises: FinalDriverError, if the folder is not the one that was opened, or none was opened."""
        if self._known is None:
            raise FinalDriverError("the btrfs driver has not been started")
        try:
            found = self.folder.stat()
        except OSError as error:
            raise FinalDriverError(self._gone(words(error))) from error
        if (found.st_dev, found.st_ino) != self._known:
            raise FinalDriverError(self._gone("something else is there"))

    def _hold(self) -> None:
        self.close()
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # A driver that is dropped without close, as after a crash, must not prevent unmounting.
        self._descriptor = weakref.finalize(self, os.close, descriptor)
        facts = os.fstat(descriptor)
        self._known = (facts.st_dev, facts.st_ino)

    def _recognise(self) -> None:
        found = {path.name for path in self.folder.iterdir()}
        strangers = sorted(found - _OURS)
        homes = self.folder / "homes"
        is_beheaded = "journal" not in found and homes.is_dir() and any(homes.iterdir())
        if strangers or is_beheaded:
            held = ", ".join(strangers[:3]) or "volumes but no journal"
            raise ConfigError(
                f"{self.folder} holds {held} and was not made by this driver; name another path, "
                "or bring back what belongs there"
            )

    def _gone(self, why: str) -> str:
        return (
            f"the btrfs under {self.path} is not there any more ({why}): mount it again; nothing was done, "
            "and nothing is said of what is on it"
        )


def require_file_name(*ids: str) -> None:
    """Raises: FinalDriverError, if one of the ids cannot be a file name."""
    for id in ids:
        if not _ID.fullmatch(id):
            raise FinalDriverError(f"{id!r} cannot name a file; nothing was made")


def words(error: BaseException) -> str:
    """Return a description of an error for the operator."""
    if isinstance(error, DriverError):
        return error.message
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the storage is full ({error.strerror}): free space on the btrfs, then ask again"
    return str(error)
