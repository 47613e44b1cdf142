"""Write leases on files: they show whether another process has a file open, and keep others out.

The kernel grants a write lease (``F_SETLEASE`` in fcntl(2)) only if no one else has the file open or mapped,
in any process, so the answer is exact. While the lease is held, another ``open`` of the file blocks until the
lease is released. The kernel takes the lease back after 45 seconds (``/proc/sys/fs/lease-break-time``).
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cgflow.drivers.btrfs.btrfs_ioctl import opened
from cgflow.errors import BusyDriverError


class Leases:
    """Files that only this process has open, by path. ``files`` are its own descriptors."""

    def __init__(self) -> None:
        self.files: dict[Path, int] = {}

    def raise_if_awaited(self, doing: str) -> None:
        """Raises: BusyDriverError, if another process is waiting to open one of the files."""
        for path, file in self.files.items():
            if fcntl.fcntl(file, fcntl.F_GETLEASE) != fcntl.F_WRLCK:
                raise BusyDriverError(f"{doing} while {path.name} is being opened: ask again")


@contextmanager
def exclusive_leases(files: Mapping[Path, int], doing: str) -> Iterator[Leases]:
    """Hold files as the only process that has them open. ``files`` maps each path to its open flags.

    ``doing`` describes what cannot be done otherwise, for the message. Raises: BusyDriverError, if another
    process has one of the files open; OSError.
    """
    leases = Leases()
    with ExitStack() as held:
        for path, flags in files.items():
            file = held.enter_context(opened(path, flags))
            _lease(file, path, doing)
            held.callback(fcntl.fcntl, file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            leases.files[path] = file
        yield leases


def _lease(file: int, path: Path, doing: str) -> None:
    # The default signal SIGIO would end a process without a handler. SIGURG is ignored by default.
    fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError as error:
        raise BusyDriverError(
            f"{doing} while a client has {path} open: disconnect it, then ask again"
        ) from error


LIVE = os.O_RDWR
"""Open flags for the file of a volume."""

COPY = os.O_RDONLY
"""Open flags for a file in a read-only subvolume."""
