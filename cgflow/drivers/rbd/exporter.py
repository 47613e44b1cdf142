"""The process that serves the exported snapshots of this service over NBD.

The images themselves are not exported for two reasons: librbd cannot disconnect a reader, and librbd 16
cannot open a group snapshot by a name that other programs could use. This server reads one snapshot and never
writes.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

from cgflow.drivers.contract import Connection
from cgflow.drivers.rbd.records import OBJECT
from cgflow.drivers.rbd.session import (
    BindingsProcess,
    ChildDied,
    ChildSilent,
    ConnectionOptions,
    connect_child,
    start_child,
)
from cgflow.errors import AmbiguousDriverError, ConfigError
from cgflow.private_files import make_folder

_LONGEST_PATH = 107


class Exporter:
    """A server on its own socket. It is started when needed, and again after it died."""

    def __init__(self, access: ConnectionOptions, folder: Path) -> None:
        self._access = access
        # Another process, or another start of this one, uses another socket.
        self._path = folder.absolute() / f"{os.getpid()}-{token_hex(3)}.nbd"
        self._lock = threading.Lock()
        self._child: BindingsProcess | None = None

    def check_socket_path(self) -> None:
        """Raise ConfigError if the socket cannot be created at its path."""
        if len(os.fsencode(self._path)) > _LONGEST_PATH:
            raise ConfigError(f"the path of the socket {self._path} is too long: set a shorter state_dir")
        try:
            make_folder(self._path.parent)
        except OSError as error:
            raise ConfigError(f"the directory {self._path.parent} cannot be created: {error}") from error

    def ensure_running(self) -> None:
        """Make sure that the server runs. Raises: ConfigError; AmbiguousDriverError."""
        with self._lock:
            if self._child is not None and not self._child.is_dead:
                return
            self.check_socket_path()
            child = start_child(self._access)
            try:
                connect_child(child, self._access)
                args = {"path": str(self._path), "object": OBJECT}
                child.call("exports_serve", args, self._access.timeout_s)
            except (ChildDied, ChildSilent) as error:
                child.kill()
                raise AmbiguousDriverError(
                    f"The server of exported copies did not start: {error}."
                ) from error
            except BaseException:
                child.kill()
                raise
            self._child = child

    def stop(self) -> None:
        """Disconnect all readers of this server, and end it."""
        with self._lock:
            child, self._child = self._child, None
            if child is not None:
                child.finish()
            self._path.unlink(missing_ok=True)

    def connection(self, volume_id: str, snapshot_id: str, size_bytes: int) -> Connection:
        """Return the address of a snapshot. ``size_bytes`` is its size."""
        export = f"{volume_id}/{snapshot_id}"
        return Connection(
            "nbd",
            {
                "uri": f"nbd+unix:///{quote(export, safe='')}?socket={quote(str(self._path))}",
                "export": export,
                "socket": str(self._path),
                "read_only": True,
                "size_bytes": size_bytes,
            },
        )
