"""How clients reach volumes and copies, by the addresses that drivers give: NBD, a file, an image of Ceph."""

import mmap
import os
import sys
from pathlib import Path

CGFLOW = Path(__file__).resolve().parents[3] / "cgflow"
sys.path.append(str(CGFLOW))

from nbd import NbdClient  # noqa: E402 - where it is found is said above

SLOT = 512
"""Bytes of a write, and of the place that it has."""

BLOCK = 4096
"""Bytes that a file is written by, one write in each: what O_DIRECT takes without falling back to buffers."""


class File:
    """A file that is written as its storage asks for, direct and synchronous."""

    def __init__(self, path, *, read_only):
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_DIRECT | os.O_DSYNC
        self._descriptor = os.open(path, flags)

    def write(self, offset, data):
        """Write a slot to the block that stands for it."""
        # Memory for O_DIRECT has to be aligned, which that of mmap is.
        with mmap.mmap(-1, BLOCK) as buffer:
            buffer[: len(data)] = data
            os.pwritev(self._descriptor, [buffer], offset // SLOT * BLOCK)

    def read(self, offset, length):
        """Read slots out of their blocks."""
        held = os.pread(self._descriptor, length // SLOT * BLOCK, offset // SLOT * BLOCK)
        return b"".join(held[place : place + SLOT] for place in range(0, len(held), BLOCK))

    def close(self):
        """Close the file."""
        os.close(self._descriptor)


class Image:
    """An image of Ceph, or a snapshot of one; a client writes without a cache."""

    _pools = {}

    def __init__(self, address):
        import rbd

        snap = address.get("snap_id")
        self._image = rbd.Image(self._pool(address), address["image"], read_only=snap is not None)
        if snap is not None:
            self._image.set_snap_by_id(snap)

    def write(self, offset, data):
        """Write, and return when the storage has it."""
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


def opened(address):
    """Connect to a volume or a copy: something with ``write``, ``read`` and ``close``."""
    if "uri" in address:
        return NbdClient.from_uri(address["uri"])
    if "device_path" in address:
        return File(address["device_path"], read_only=address["read_only"])
    return Image(address)
