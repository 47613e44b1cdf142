"""Client access to volumes and snapshots by the addresses of drivers: NBD, a file, or a Ceph image."""

import mmap
import os
import sys
from pathlib import Path

CGFLOW = Path(__file__).resolve().parents[3] / "cgflow"
sys.path.append(str(CGFLOW.parent / "tests" / "support"))

from nbd_client import NbdClient  # noqa: E402 - needs the path added above

SLOT = 512
"""Size of a write in bytes, and of its place in a volume."""

BLOCK = 4096
"""Bytes per write to a file, with one slot in each: O_DIRECT takes this without falling back to buffers."""


class File:
    """A file that is written with direct and synchronous I/O."""

    def __init__(self, path, *, read_only):
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_DIRECT | os.O_DSYNC
        self._descriptor = os.open(path, flags)

    def write(self, offset, data):
        """Write a slot to its block."""
        # O_DIRECT needs aligned memory, which mmap provides.
        with mmap.mmap(-1, BLOCK) as buffer:
            buffer[: len(data)] = data
            os.pwritev(self._descriptor, [buffer], offset // SLOT * BLOCK)

    def read(self, offset, length):
        """Read slots from their blocks."""
        held = os.pread(self._descriptor, length // SLOT * BLOCK, offset // SLOT * BLOCK)
        return b"".join(held[place : place + SLOT] for place in range(0, len(held), BLOCK))

    def close(self):
        """Close the file."""
        os.close(self._descriptor)


class Image:
    """A Ceph image or a snapshot of one, without a client cache."""

    _pools = {}

    def __init__(self, address):
        import rbd

        snap = address.get("snap_id")
        self._image = rbd.Image(self._pool(address), address["image"], read_only=snap is not None)
        if snap is not None:
            self._image.set_snap_by_id(snap)

    def write(self, offset, data):
        """Write, and return when the storage has acknowledged the write."""
        self._image.write(data, offset)

    def read(self, offset, length):
        """Read."""
        return self._image.read(offset, length)

    def close(self):
        """Close the image."""
        self._image.close()

    @classmethod
    def _pool(cls, address):
        import rados

        key = (address["conf"], address["pool"])
        if key not in cls._pools:
            user = f"client.{address['auth_username']}"
            cluster = rados.Rados(conffile=address["conf"], name=user, conf={"rbd_cache": "false"})
            cluster.connect()
            cls._pools[key] = (cluster, cluster.open_ioctx(address["pool"]))
        return cls._pools[key][1]


def connect(address):
    """Connect to a volume or a snapshot; return an object with ``write``, ``read`` and ``close``."""
    if "uri" in address:
        return NbdClient.from_uri(address["uri"])
    if "device_path" in address:
        return File(address["device_path"], read_only=address["read_only"])
    return Image(address)
