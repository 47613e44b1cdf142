"""The state directory of an embedded service: one process at a time, and only in a directory of ours."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cgflow import private_files
from cgflow.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL

DATABASE = "cgflow.db"
_LOCK = "cgflow.lock"
_OURS = (_LOCK, DATABASE, "qsd", "memory", "faults.json", "cgflow.conf")
_RESERVE = f"{DATABASE}.reserve"
_DATABASE_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal", _RESERVE)


class StateDir:
    """A directory held by this process until ``release`` or its end, however it ends.

    Layout: ``cgflow.db`` (rows and flows), what each backend keeps under its own
    name, and the lock file, which names the process that holds it. All of it is
    for this user alone: while the directory is held, what the process makes
    gives nobody else any rights, whatever the umask was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = -1
        self._former_umask: int | None = None

    def acquire(self) -> None:
        """Make the directory if needed and hold it.

        Raises: ConfigError, if it is foreign, held, or open to others.
        """
        try:
            private_files.make_folder(self.path)
            foreign = [entry.name for entry in self.path.iterdir() if not _is_ours(entry.name)]
            if foreign and not (self.path / _LOCK).exists():
                raise ConfigError(
                    f"{self.path} is not a state directory of cgflow: it holds "
                    f"{', '.join(sorted(foreign)[:3])}. "
                    "Name an empty directory, or one that does not exist yet."
                )
            self._lock = private_files.open_file(self.path / _LOCK, os.O_RDWR | os.O_CREAT)
            for name in _DATABASE_FILES:
                private_files.check_file(self.path / name)
        except NotADirectoryError as error:
            raise ConfigError(f"{self.path} cannot be the state directory: it is not a directory.") from error
        except OSError as error:
            raise ConfigError(
                f"The state directory {self.path} cannot be used: {error.strerror or error}."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "unknown"
            self.release()
            raise ConfigError(
                f"The state directory {self.path} is in use by another cgflow (process {holder}). "
                "Stop that one first, or name another directory."
            ) from None
        self._sign()
        self._former_umask = os.umask(0o077)

    def release(self) -> None:
        """Let go of the directory."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if self._former_umask is not None:
            os.umask(self._former_umask)
            self._former_umask = None

    def _sign(self) -> None:
        """Write down who holds the directory. Raises: ConfigError, if it cannot be written to."""
        name = f"{os.getpid()}\n".encode()
        try:
            # Written over before it is cut, so that a full disk has to give nothing for it.
            os.pwrite(self._lock, name, 0)
            os.ftruncate(self._lock, len(name))
        except OSError as error:
            self.release()
            raise ConfigError(f"The state directory {self.path} cannot be used: {error.strerror}.") from error

    @property
    def has_database(self) -> bool:
        """Whether there is a database."""
        return (self.path / DATABASE).exists()

    def remove_database(self) -> None:
        """Remove the database, which nobody has open any more."""
        for name in _DATABASE_FILES:
            (self.path / name).unlink(missing_ok=True)

    @property
    def reserve_path(self) -> Path:
        """Where room is kept aside for the embedded database."""
        return self.path / _RESERVE

    @property
    def database_url(self) -> URL:
        """The URL of the embedded database."""
        # Here, because commands that never open a database should not pay for loading the library.
        from sqlalchemy import URL

        # From parts: in a text, a question mark or a percent sign of the path would end or change it.
        return URL.create("sqlite", database=str(self.path / DATABASE))


def _is_ours(name: str) -> bool:
    return name.startswith(_OURS)
