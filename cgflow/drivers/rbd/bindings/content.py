"""Copies of the content of a snapshot to another image or back into its own image.

librbd 16 can neither clone from a group snapshot nor roll a single image back to its part of one. The data is
therefore copied by this process, several pieces in parallel. Only allocated data is read.
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
"""Pieces copied in parallel; a cluster serves many about as fast as one."""


def copy_out(cluster: Cluster, progress: Progress, name: str, id: int, to: str, size: int) -> None:
    """Create an image of ``size`` bytes with the content of a snapshot; ``to`` must not exist."""
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
    """Restore the content of an image to its snapshot. Beyond the snapshot's size it becomes zeros."""
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
    """Return the numbers of the pieces in which an image may have data."""
    found: set[int] = set()

    def note(offset: int, length: int, exists: bool) -> None:
        if exists:
            found.update(range(offset // PIECE_BYTES, (offset + length - 1) // PIECE_BYTES + 1))

    size = image.size()
    if size:
        image.diff_iterate(0, size, None, note, whole_object=True)
    return found


def _each(numbers: set[int], carry: Callable[[int], None], progress: Progress) -> None:
    """Copy pieces, each given by its offset. After a failure no more are started, and the error is raised."""
    offsets = [number * PIECE_BYTES for number in sorted(numbers)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # An error here cancels the remaining pieces.
        for _ in pool.map(carry, offsets):
            progress()
