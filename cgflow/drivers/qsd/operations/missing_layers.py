"""Layers whose files have lost data: named at once, and refused where they would be relied on.

The file of a layer is gone, or another stands in its place than the one that the daemon has open, or it
ends before what it holds, or its header contradicts the manifest. What a daemon has open it can read
until it ends, and nobody after it can. So a volume is not cut, restored, copied, moved or merged any
more from then on: the loss would spread to what is still whole. It is served as long as it can be, so
that what it holds can be copied away, and it can be deleted, with its copies.

A layer is looked at by one system call as long as its file does not change, so that a cut pays no more
for the frozen layers than for looking whether they are there.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator

from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.model.layer_names import layer_number
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.errors import FinalDriverError


def faults(home: Home, volume: VolumeRecord) -> dict[int, str]:
    """Return what is wrong with the files of a volume's layers, in words, by layer."""
    below = volume.lies_over
    found = ((layer, _fault(home, volume, layer, below[layer])) for layer in below)
    return {layer: words for layer, words in found if words is not None}


def fault(home: Home, volume: VolumeRecord, layer: int) -> str | None:
    """Return what is wrong with the file of a layer, as in "is gone", or None."""
    return _fault(home, volume, layer, volume.lies_over[layer])


def is_whole_overlay(home: Home, layer: int) -> bool:
    """Whether a prepared overlay, which is of no volume yet, is as it was made and opened."""
    path = home.path(layer)
    try:
        found = path.lstat()
        qcow2.check(path)
    except (OSError, ValueError):
        return False
    return home.has_open(layer, (found.st_dev, found.st_ino)) is not False


def refuse(home: Home, volume_id: str, needed: Iterable[int], undone: str) -> None:
    """Refuse what relies on layers of a volume; ``undone`` says what does not come of it.

    Raises: FinalDriverError, if the file of any has lost data.
    """
    for layer in needed:
        words = fault(home, home.manifest.volumes[volume_id], layer)
        if words is not None:
            raise FinalDriverError(
                f"{home.path(layer)} {words}; volume {volume_id} or a copy of it reads through it, and "
                f"{undone}. While its daemon lives the volume can still be read: copy what it holds to "
                "another, and delete it"
            )


def problems(home: Home) -> list[str]:
    """Name in words the volumes that have lost data; never waits behind other work.

    A manifest names no layer before its file is there, and names it no more before the file goes. A
    resize is noted before it changes a header. So what is wrong is a loss only if it is still so by the
    manifest of afterwards: otherwise a merge, a resize or a deletion was at work.
    """
    if not any(faults(home, volume) for volume in home.manifest.volumes.values()):
        return []
    return list(_named(home))


def _named(home: Home) -> Iterator[str]:
    for volume in home.manifest.volumes.values():
        # One that cannot be served any more is named for that already.
        if f"open {volume.id}" in home.problems:
            continue
        for layer, words in list(faults(home, volume).items())[:1]:
            yield (
                f"volume {volume.id} has lost data: {home.path(layer)} {words}, and the volume or a copy "
                "of it reads through it. What its daemon has open can be read until that ends: copy it to "
                "another volume, and delete this one"
            )


def _fault(home: Home, volume: VolumeRecord, layer: int, below: int | None) -> str | None:
    path, sizes = home.path(layer), _sizes(volume, layer)
    try:
        found = path.lstat()
        file = found.st_dev, found.st_ino
        if not stat.S_ISREG(found.st_mode):
            return "is not a file"
        if home.has_open(layer, file) is False:
            return "was replaced: it is not the file that its daemon has open"
        state = (*file, found.st_size, found.st_ctime_ns, below, *sizes)
        if home.whole.get(layer) != state:
            _refuse_contradiction(qcow2.check(path), below, *sizes)
            home.whole[layer] = state
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ValueError as error:
        return str(error)
    return None


def _sizes(volume: VolumeRecord, layer: int) -> tuple[int, int | None]:
    """Return the least and the largest size that the disk of a layer may have, in bytes.

    The leaf has the size of the volume, those below it have no more. What is aside may have any: the
    volume may have been smaller since.
    """
    if volume.resizing or layer not in volume.chain:
        return 0, None
    return volume.size_bytes if layer == volume.leaf else 0, volume.size_bytes


def _refuse_contradiction(
    header: qcow2.Header, below: int | None, least_bytes: int, most_bytes: int | None
) -> None:
    """Raises: ValueError, if a header does not say what the manifest does.

    The name of the layer below is that of the home where it was written: the files of a linked clone
    keep theirs. The daemon is told by the manifest what lies over what.
    """
    size = header.size_bytes
    if size < least_bytes or (most_bytes is not None and size > most_bytes):
        raise ValueError(f"has a disk of {size} bytes, and its volume {most_bytes}")
    named = header.backing_file
    if named is not None and (below is None or layer_number(named) is None):
        raise ValueError(f"lies over {named}, which is not recorded")
