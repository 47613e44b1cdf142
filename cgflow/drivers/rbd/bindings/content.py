"""What a snapshot holds, carried to another image or back into its own.

librbd 16 can neither clone a group's snapshot, nor put a single image back to
its part of one, so the data goes through here, some pieces at a time. Only what
is allocated is read.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import rbd

from .cluster import Cluster

Progress = Callable[[], None]

PIECE_BYTES = 4 << 20

_AT_ONCE = 8
"""Pieces that are under way at a time: a cluster serves many as fast as one."""


def copy_out(cluster: Cluster, progress: Progress, name: str, id: int, to: str, size: int) -> None:
    """Make an image of a size in bytes with the content of a snapshot; ``to`` must not be there."""
    cluster.rbd.create(cluster.io, to, size, old_format=False, features=cluster.features())
    with rbd.Image(cluster.io, name, read_only=True) as source, rbd.Image(cluster.io, to) as target:
        source.set_snap_by_id(id)

        def carry(offset: int) -> None:
            piece = source.read(offset, PIECE_BYTES)
            if any(piece):
                target.write(piece, offset)

        _each(_allocated(source), carry, progress)
        target.flush()


def put_back(cluster: Cluster, progress: Progress, name: str, id: int) -> None:
    """Give an image the content of a snapshot of it; past the snapshot's end it is zeros."""
    with rbd.Image(cluster.io, name, read_only=True) as source, rbd.Image(cluster.io, name) as target:
        source.set_snap_by_id(id)
        end = source.size()

        def carry(offset: int) -> None:
            wanted = source.read(offset, min(PIECE_BYTES, end - offset)) if offset < end else b""
            wanted = wanted.ljust(PIECE_BYTES, b"\0")
            if target.read(offset, PIECE_BYTES) != wanted:
                if any(wanted):
                    target.write(wanted, offset)
                else:
                    target.write_zeroes(offset, PIECE_BYTES)

        _each(_allocated(source) | _allocated(target), carry, progress)
        target.flush()


def _allocated(image: Any) -> set[int]:
    """Return the numbers of the pieces in which an image may hold something."""
    found: set[int] = set()

    def note(offset: int, length: int, exists: bool) -> None:
        if exists:
            found.update(range(offset // PIECE_BYTES, (offset + length - 1) // PIECE_BYTES + 1))

    size = image.size()
    if size:
        image.diff_iterate(0, size, None, note, whole_object=True)
    return found


def _each(numbers: set[int], carry: Callable[[int], None], progress: Progress) -> None:
    """Carry pieces, each given by its offset; after one that fails no more are begun, and it is raised."""
    offsets = [number * PIECE_BYTES for number in sorted(numbers)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # What is left is cancelled when this is left with an error.
        for _ in pool.map(carry, offsets):
            progress()
