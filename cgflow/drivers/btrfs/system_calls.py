"""System calls: subvolumes and shared blocks of btrfs, and write leases on files.

Numbers and layouts are those of ``linux/btrfs.h`` and ``linux/fs.h``. The calls on subvolumes need root. All
functions raise OSError.

The kernel grants a write lease (``F_SETLEASE`` in fcntl(2)) only if no one else has the file open or mapped,
in any process, so it shows exactly whether a client has the file open. While the lease is held, another
``open`` of the file blocks until the lease is released. The kernel takes the lease back after 45 seconds
(``/proc/sys/fs/lease-break-time``).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cgflow.errors import BusyDriverError

_SUBVOL_CREATE_V2 = 0x50009418
_SNAP_CREATE_V2 = 0x50009417
_SNAP_DESTROY = 0x5000940F
_SUBVOL_GETFLAGS = 0x80089419
_SUBVOL_SETFLAGS = 0x4008941A
_SYNC = 0x9408
_FICLONE = 0x40049409

_RDONLY = 1 << 1
_ARGS_BYTES = 4096
_NAME_V2 = 56
_NAME = 8
_MAGIC = 0x9123683E
_STATFS_BYTES = 256
_SUBVOLUME_INODE = 256

VOLUME_FLAGS = os.O_RDWR
"""Open flags for the file of a volume."""

SNAPSHOT_FLAGS = os.O_RDONLY
"""Open flags for a file in a read-only subvolume."""


def is_btrfs(path: Path) -> bool:
    """Whether a path lies on a btrfs."""
    # struct statfs begins with f_type, a long; Python's statvfs does not provide it.
    facts = ctypes.create_string_buffer(_STATFS_BYTES)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statfs(os.fsencode(path), facts) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    (kind,) = struct.unpack_from("l", facts.raw)
    return int(kind) == _MAGIC


def is_subvolume(path: Path) -> bool:
    """Whether a folder of a btrfs is a subvolume: every subvolume root has the same inode number."""
    return path.is_dir() and path.stat().st_ino == _SUBVOLUME_INODE


def create_subvolume(path: Path) -> None:
    """Create an empty subvolume."""
    with _open_folder(path.parent) as parent:
        fcntl.ioctl(parent, _SUBVOL_CREATE_V2, _vol_args_v2(0, 0, path.name))


def snapshot_subvolume(source: int, path: Path) -> None:
    """Take a read-only snapshot of the open subvolume ``source``: all of it at one instant, durably.

    The kernel blocks writers while it commits the transaction that contains the snapshot.
    """
    with _open_folder(path.parent) as parent:
        fcntl.ioctl(parent, _SNAP_CREATE_V2, _vol_args_v2(source, _RDONLY, path.name))


def destroy_subvolume(path: Path) -> None:
    """Remove a subvolume and its content. Its open files stay usable until they are closed."""
    name = os.fsencode(path.name)
    arguments = bytearray(_ARGS_BYTES)
    arguments[_NAME : _NAME + len(name)] = name
    with _open_folder(path.parent) as parent:
        fcntl.ioctl(parent, _SNAP_DESTROY, arguments)


def is_read_only(path: Path) -> bool:
    """Whether a subvolume is read-only."""
    flags = bytearray(8)
    with _open_folder(path) as subvolume:
        fcntl.ioctl(subvolume, _SUBVOL_GETFLAGS, flags)
    return bool(struct.unpack("<Q", flags)[0] & _RDONLY)


def set_read_only(path: Path, *, is_closed: bool) -> None:
    """Make a subvolume read-only or writable."""
    flags = bytearray(struct.pack("<Q", _RDONLY if is_closed else 0))
    with _open_folder(path) as subvolume:
        fcntl.ioctl(subvolume, _SUBVOL_SETFLAGS, flags)


@contextmanager
def writable_subvolume(path: Path) -> Iterator[None]:
    """Make a read-only subvolume writable for a block of code."""
    set_read_only(path, is_closed=False)
    try:
        yield
    finally:
        set_read_only(path, is_closed=True)


def sync_file_system(path: Path) -> None:
    """Make all earlier changes of the file system durable, including which subvolumes exist."""
    with _open_folder(path) as folder:
        fcntl.ioctl(folder, _SYNC)


def share_blocks(source: int, target: int) -> None:
    """Give an open file the content of another one, from its start, by sharing blocks."""
    fcntl.ioctl(target, _FICLONE, source)


@contextmanager
def open_descriptor(path: Path, flags: int) -> Iterator[int]:
    """Open a file. A new file is accessible to root only."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    with open_descriptor(folder, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        yield descriptor


def _vol_args_v2(source: int, flags: int, name: str) -> bytearray:
    """Return a ``btrfs_ioctl_vol_args_v2``, mutable because fcntl takes no immutable buffer of that size."""
    encoded = os.fsencode(name)
    arguments = bytearray(_ARGS_BYTES)
    struct.pack_into("<qQQ", arguments, 0, source, 0, flags)
    arguments[_NAME_V2 : _NAME_V2 + len(encoded)] = encoded
    return arguments


class Leases:
    """Files that only this process has open, by path. ``files`` are its own descriptors."""

    def __init__(self) -> None:
        self.files: dict[Path, int] = {}

    def raise_if_awaited(self, doing: str) -> None:
        """Raises: BusyDriverError, if another process is waiting to open one of the files."""
        for path, file in self.files.items():
            if fcntl.fcntl(file, fcntl.F_GETLEASE) != fcntl.F_WRLCK:
                raise BusyDriverError(f"{doing} while a client opens {path.name}: try again")


@contextmanager
def hold_exclusive_leases(files: Mapping[Path, int], doing: str) -> Iterator[Leases]:
    """Hold files as the only process that has them open. ``files`` maps each path to its open flags.

    ``doing`` describes what cannot be done otherwise, for the message. Raises: BusyDriverError, if another
    process has one of the files open; OSError.
    """
    leases = Leases()
    with ExitStack() as stack:
        for path, flags in files.items():
            file = stack.enter_context(open_descriptor(path, flags))
            _acquire_lease(file, path, doing)
            stack.callback(fcntl.fcntl, file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            leases.files[path] = file
        yield leases


def _acquire_lease(file: int, path: Path, doing: str) -> None:
    # The default signal SIGIO would end a process without a handler. SIGURG is ignored by default.
    fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError as error:
        raise BusyDriverError(
            f"{doing} while a client has {path} open: disconnect it, then try again"
        ) from error
