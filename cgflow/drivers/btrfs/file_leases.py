"""Who has a file open: asked of the kernel, and held so while something is done to it.

A write lease (``F_SETLEASE`` in fcntl(2)) is granted only if nobody else has
the file open or mapped, in whatever process; so it tells exactly. While it is
held, whoever opens the file waits in ``open`` until it is given back; the
kernel takes it back by itself after 45 seconds (``/proc/sys/fs/lease-break-time``).
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
    """Files that this process alone has open, by path; ``files`` are its own descriptors."""

    def __init__(self) -> None:
        self.files: dict[Path, int] = {}

    def refuse_awaited(self, doing: str) -> None:
        """Raises: BusyDriverError, if somebody has begun to open one of the files and waits for us."""
        for path, file in self.files.items():
            if fcntl.fcntl(file, fcntl.F_GETLEASE) != fcntl.F_WRLCK:
                raise BusyDriverError(f"{doing} while {path.name} is being opened: ask again")


@contextmanager
def alone_with(files: Mapping[Path, int], doing: str) -> Iterator[Leases]:
    """Hold files, given with the flags to open them with, as the only one who has them open.

    ``doing`` says in words what cannot be done otherwise. Raises:
    BusyDriverError, if anybody has one open; OSError.
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
    # Told by SIGIO that somebody waits, a process without a handler would end. SIGURG is ignored by default.
    fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError as error:
        raise BusyDriverError(
            f"{doing} while a client has {path} open: disconnect it, then ask again"
        ) from error


LIVE = os.O_RDWR
"""Flags for the file of a volume."""

COPY = os.O_RDONLY
"""Flags for a file in a read-only subvolume."""
