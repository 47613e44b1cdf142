"""The state directory of an embedded service, locked by one process at a time."""

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
    """A directory that this process locks until ``release`` or its end, however it ends.

    It has ``cgflow.db`` (the database), the files of each backend under its name, and the lock
    file, which names the process. All of it is private to this user: while the directory is locked,
    files that the process makes give others no permissions, whatever the umask was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = -1
        self._former_umask: int | None = None

    def acquire(self) -> None:
        """Make the directory if needed, and lock it.

        Raises: ConfigError, if it has foreign files, is locked by another process, or is open to
        others.
        """
        try:
            private_files.make_folder(self.path)
            foreign = [entry.name for entry in self.path.iterdir() if not _is_cgflow_file(entry.name)]
            if foreign and not (self.path / _LOCK).exists():
                raise ConfigError(
                    f"{self.path} is not a state directory of cgflow: it holds "
                    f"{', '.join(sorted(foreign)[:3])}. "
                    "Name an empty directory, or one that does not exist yet."
                )
            self._lock = private_files.open_file(self.path / _LOCK, os.O_RDWR | os.O_CREAT)
            for name in _DATABASE_FILES:
                private_files.make_file_private(self.path / name)
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
        self._write_process_id()
        self._former_umask = os.umask(0o077)

    def release(self) -> None:
        """Unlock the directory."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if self._former_umask is not None:
            os.umask(self._former_umask)
            self._former_umask = None

    def _write_process_id(self) -> None:
        """Write this process's id to the lock file. Raises: ConfigError, if that fails."""
        name = f"{os.getpid()}\n".encode()
        try:
            # Overwrite before truncating, so that a full disk needs no new block.
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
        """Delete the database, which no process may have open."""
        for name in _DATABASE_FILES:
            (self.path / name).unlink(missing_ok=True)

    @property
    def reserve_path(self) -> Path:
        """The path of the disk space reserve of the embedded database."""
        return self.path / _RESERVE

    @property
    def database_url(self) -> URL:
        """The URL of the embedded database."""
        # Imported here, so that commands that never open a database do not load the library.
        from sqlalchemy import URL

        # Built from parts: in a URL string, a question mark or percent sign in the path would change it.
        return URL.create("sqlite", database=str(self.path / DATABASE))


def _is_cgflow_file(name: str) -> bool:
    return name.startswith(_OURS)
