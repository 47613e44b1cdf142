"""Room on the disk that is kept aside for the embedded database, so that a full disk never prevents deleting.

The room is a file. Transactions that lead to freed space may have it: the file
is shortened when little is free, by a part at a time, because whoever filled
the disk takes what is given. All others are refused until it is whole again, so
that they cannot take what was given for deleting.
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

_FREES_SPACE: ContextVar[bool] = ContextVar("frees_space", default=False)


@contextmanager
def freeing_space() -> Iterator[None]:
    """Let transactions of this thread have the reserve: they free space, or finish what was begun."""
    token = _FREES_SPACE.set(True)
    try:
        yield
    finally:
        _FREES_SPACE.reset(token)


class Reserve:
    """The file that takes the room: a part of the file system's size, within bounds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        room = os.statvfs(path.parent)
        self.size = min(_LARGEST, max(_SMALLEST, room.f_blocks * room.f_frsize // _PART))

    @property
    def is_whole(self) -> bool:
        """Whether the room is kept."""
        try:
            return self._path.stat().st_blocks * 512 >= self.size
        except FileNotFoundError:
            return False

    def check(self) -> None:
        """Make room for a transaction that may have it, or keep the room.

        Raises: OperationalError, as for a full disk, for a transaction that may not have the room.
        """
        if _FREES_SPACE.get():
            self._give()
        elif not self.is_whole and not self._keep():
            full = sqlite3.OperationalError("the disk is full but for what deleting needs")
            raise exc.OperationalError("BEGIN", None, full)

    def _give(self) -> None:
        """Shorten the file so far that a part is free, if it is long enough."""
        part = self.size // _PARTS_GIVEN
        missing = part - self._free()
        if missing <= 0:
            return
        with suppress(FileNotFoundError):
            os.truncate(self._path, max(0, self._path.stat().st_size - missing))

    def _free(self) -> int:
        room = os.statvfs(self._path.parent)
        return room.f_bavail * room.f_frsize

    def _keep(self) -> bool:
        """Take the room if there is twice as much; return whether it is kept."""
        if self._free() < 2 * self.size:
            return False
        try:
            with open(self._path, "wb", opener=open_file) as stream:
                os.posix_fallocate(stream.fileno(), 0, self.size)
        except OSError:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True
