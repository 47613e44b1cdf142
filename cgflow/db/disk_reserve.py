"""Reserved disk space for the embedded database, so that deleting works on a full disk.

The reserve is a file. For transactions that lead to freed space, the file is shortened when little
space is free; in parts, because whatever filled the disk may take the freed space. All other
transactions are refused until the file has its full size again, so that they cannot use space meant
for deleting.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from sqlalchemy import exc

from cgflow.private_files import open_file

_SMALLEST, _LARGEST, _PART = 1024**2, 32 * 1024**2, 32
_PARTS_GIVEN = 8

_MAY_USE_RESERVE: ContextVar[bool] = ContextVar("frees_space", default=False)


@contextmanager
def may_use_disk_reserve() -> Iterator[None]:
    """Let transactions of this thread use the reserve: they free space, or finish accepted operations."""
    token = _MAY_USE_RESERVE.set(True)
    try:
        yield
    finally:
        _MAY_USE_RESERVE.reset(token)


class DiskReserve:
    """The file that reserves the space: a fraction of the file system's size, within bounds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        room = os.statvfs(path.parent)
        self.size = min(_LARGEST, max(_SMALLEST, room.f_blocks * room.f_frsize // _PART))

    @property
    def has_full_size(self) -> bool:
        """Whether the file has its full size."""
        try:
            return self._path.stat().st_blocks * 512 >= self.size
        except FileNotFoundError:
            return False

    def free_or_refill(self) -> None:
        """Free space for a transaction that may use the reserve, or restore the reserve for any other.

        Raises: OperationalError, as for a full disk, if the reserve cannot be restored.
        """
        if _MAY_USE_RESERVE.get():
            self._shrink()
        elif not self.has_full_size and not self._refill():
            full = sqlite3.OperationalError("the disk is full but for what deleting needs")
            raise exc.OperationalError("BEGIN", None, full)

    def _shrink(self) -> None:
        """Shorten the file so that one part of the reserve is free, if it is long enough."""
        part = self.size // _PARTS_GIVEN
        missing = part - self._free_bytes()
        if missing <= 0:
            return
        with suppress(FileNotFoundError):
            os.truncate(self._path, max(0, self._path.stat().st_size - missing))

    def _free_bytes(self) -> int:
        room = os.statvfs(self._path.parent)
        return room.f_bavail * room.f_frsize

    def _refill(self) -> bool:
        """Fill the reserve if twice its size is free; return whether it is filled."""
        if self._free_bytes() < 2 * self.size:
            return False
        try:
            with open(self._path, "wb", opener=open_file) as stream:
                os.posix_fallocate(stream.fileno(), 0, self.size)
        except OSError:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True
