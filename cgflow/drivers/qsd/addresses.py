"""Where a volume or a copy is found: its home on the backend, its address for a client."""

from __future__ import annotations

from cgflow.drivers.contract import Connection, SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.home import Home

GIB = 1024**3


def place(thing: VolumeSpec | SnapshotSpec) -> str:
    """Return the id of the home that a volume or a copy is in: its group, or the volume itself."""
    volume_id = thing.volume_id if isinstance(thing, SnapshotSpec) else thing.id
    return thing.group_id or volume_id


def uri(home: Home, export: str) -> str:
    """Return the address of an export in one word."""
    return f"nbd+unix:///{export}?socket={home.sockets.nbd}"


def nbd(home: Home, export: str, size_bytes: object, *, read_only: bool) -> Connection:
    """Return the address of an export."""
    return Connection(
        protocol="nbd",
        data={
            "uri": uri(home, export),
            "export": export,
            "socket": str(home.sockets.nbd),
            "read_only": read_only,
            "size_bytes": size_bytes,
        },
    )
