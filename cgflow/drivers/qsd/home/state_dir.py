"""The state directory of a driver: identified by a marker file, used by one process at a time.

Contents: ``homes/<id>/`` for each consistency group or volume outside any; ``run/`` for sockets
(short names: the system limits socket paths to 107 bytes) and pid files; ``files/`` for the exports
that are files of the host; and the marker, which is also the lock file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from cgflow import private_files
from cgflow.drivers.common.fsync import fsync_folder
from cgflow.drivers.qsd.qemu.daemon_process import Sockets
from cgflow.drivers.qsd.qemu.nbdfuse import NbdfuseMounts
from cgflow.errors import ConfigError

_MARKER = "cgflow-qsd.json"
_CONTENT = {"driver": "qsd", "format": 1}


class StateDir:
    """A state directory. Nothing is created or changed before ``open``."""

    def __init__(self, path: Path, trace: Callable[[str], None] = lambda _: None) -> None:
        self.path = path.absolute()
        self.homes = self.path / "homes"
        self.run = self.path / "run"
        self.mounts = NbdfuseMounts(self.path / "files", self.run, trace)
        self._lock: int | None = None

    def sockets(self, home_id: str) -> Sockets:
        """Return the sockets of a home's daemon: always the same for the same home."""
        short = hashlib.sha256(home_id.encode()).hexdigest()[:12]
        return Sockets(qmp=self.run / f"{short}.qmp", nbd=self.run / f"{short}.nbd")

    def home_folder(self, home_id: str) -> Path:
        """Return the folder of a home."""
        return self.homes / home_id

    def open(self) -> None:
        """Create or recognise the directory, and lock it.

        Raises: ConfigError, if it belongs to something else, is in use, is unusable or has too long a path.
        """
        self.sockets("").verify_path_lengths()
        marker = self.path / _MARKER
        try:
            private_files.make_folder(self.path)
            if not marker.exists():
                self._write_marker(marker)
            self._lock_marker(marker)
            _verify_marker(marker)
            private_files.make_folder(self.homes)
            private_files.make_folder(self.run)
        except OSError as error:
            self.close()
            raise ConfigError(f"the state directory {self.path} cannot be used: {error}") from error
        except ConfigError:
            self.close()
            raise

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _write_marker(self, marker: Path) -> None:
        """Write the marker to an empty directory. Raises: ConfigError, if it is not empty; OSError."""
        new = marker.with_suffix(".new")
        foreign_files = sorted(path.name for path in self.path.iterdir() if path != new)
        if foreign_files:
            raise ConfigError(
                f"{self.path} holds {', '.join(foreign_files[:3])} and was not created by this driver: "
                "use an empty directory"
            )
        with open(new, "w", opener=private_files.open_file) as stream:
            json.dump(_CONTENT, stream)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(marker)
        fsync_folder(self.path)

    def _lock_marker(self, marker: Path) -> None:
        self._lock = private_files.open_file(marker, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"another process uses {self.path}: stop it, or use another directory"
            ) from error


def _verify_marker(marker: Path) -> None:
    """Raises: ConfigError, if the marker is not that of this driver; OSError."""
    text = marker.read_text()
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if known != _CONTENT:
        raise ConfigError(
            f"{marker} contains {text[:60]!r}, but this driver expects {json.dumps(_CONTENT)}: "
            "run the program that wrote it, or use another directory"
        )
