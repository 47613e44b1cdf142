"""Layers whose files are gone, by whatever hand: named at once, and refused where they would be relied on.

A daemon that has such a file open reads it until it ends, and nobody after it
can. So a volume is not cut, copied, moved or merged any more from then on: the
loss would spread to what still seems whole. It is served as long as it can be,
so that what it holds can be copied away, and it can be deleted, with its copies.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from cgflow.drivers.qsd.home import Home
from cgflow.drivers.qsd.names import file_name
from cgflow.drivers.qsd.records import VolumeRecord
from cgflow.errors import FinalDriverError


def layers(home: Home, volume: VolumeRecord) -> set[int]:
    """Return the layers of a volume whose files are gone."""
    return {layer for layer in volume.lies_over if not home.path(layer).exists()}


def refuse(home: Home, volume_id: str, needed: Iterable[int], undone: str) -> None:
    """Refuse what relies on layers of a volume; ``undone`` says what does not come of it.

    Raises: FinalDriverError, if the file of any is gone.
    """
    for layer in needed:
        path = home.path(layer)
        if not path.exists():
            raise FinalDriverError(
                f"{path} is gone, which volume {volume_id} or a copy of it reads through; {undone}. While "
                "its daemon lives the volume can still be read: copy what it holds to another, and delete it"
            )


def problems(home: Home) -> list[str]:
    """Name in words the volumes that have lost a layer; never waits behind other work.

    A manifest names no layer before its file is there, and names it no more
    before the file goes. So what is gone is lost only if it is still named
    afterwards: otherwise a merge or a deletion was at work.
    """
    there = _files(home)
    missing = [layer for layer in _named(home) if file_name(layer) not in there]
    gone = {layer for layer in missing if not home.path(layer).exists()}
    return list(_told(home, gone)) if gone else []


def _told(home: Home, gone: set[int]) -> Iterator[str]:
    for volume in home.manifest.volumes.values():
        lost = sorted(gone & volume.lies_over.keys())
        # One that cannot be served any more is named for that already.
        if lost and f"open {volume.id}" not in home.problems:
            yield (
                f"volume {volume.id} has lost {home.path(lost[0])}, which it or a copy of it reads through. "
                "What its daemon has open can be read until that ends: copy it to another volume, and delete "
                "this one"
            )


def _named(home: Home) -> list[int]:
    return [layer for volume in home.manifest.volumes.values() for layer in volume.lies_over]


def _files(home: Home) -> set[str]:
    """Return the names in a home's folder, by one call: there may be very many layers."""
    try:
        return set(os.listdir(home.folder))
    except OSError:
        return set()
