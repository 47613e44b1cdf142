"""The address of a volume or snapshot, and what a cut guarantees for the writes of its clients."""

from __future__ import annotations

from pathlib import Path

from cgflow.drivers.contract import JSON, Connection

GIB = 1024**3

MECHANISM = "btrfs read-only snapshot of one subvolume"

PROMISE = (
    "Writes made with O_DIRECT, O_DSYNC or O_SYNC are in the cut in their order: all that were acknowledged "
    "before it, none that were issued after it. Buffered writes get what a power failure would leave: "
    "those that fsync had returned for, and of later ones any, in any order."
)

OPEN_WITH = ["O_DIRECT", "O_DSYNC"]
"""Flags with which a write that has returned is in the next cut and survives a power failure."""


def local(file: Path, size_bytes: int, *, read_only: bool) -> Connection:
    """Return the address of a file on this host, as Cinder's ``local`` protocol."""
    data: JSON = {"device_path": str(file), "size_bytes": size_bytes, "read_only": read_only}
    if not read_only:
        data |= {"open_with": OPEN_WITH, "promise": PROMISE}
    return Connection("local", data)
