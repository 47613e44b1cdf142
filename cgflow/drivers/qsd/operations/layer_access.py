"""Access to the layers of a volume: opens those in use, and detects those whose files have lost data.

Only those layers are open in the daemon that are in use (``layer_tree.layers_to_serve``). So the daemon
of a volume with hundreds of snapshots does no more work for a cut than that of a volume with few.

A layer has lost data if its file is missing, is another file than the one that the daemon has open,
ends before its content does, or has a header that contradicts the manifest. A daemon can read what
it has open until it ends; a later daemon cannot. So such a volume is not cut, restored, cloned,
moved or merged: the loss would spread to layers that are intact. It is served as long as possible,
so that its data can be copied away, and it can be deleted with its snapshots.

While a layer's file does not change, a check costs one system call. So a cut pays no more for
the frozen layers than for a check whether they exist.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator

from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import VolumeRecord, layer_number
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.drivers.qsd.qemu.block_graph import LayerToOpen
from cgflow.errors import FinalDriverError


def damaged_layers(home: Home, volume: VolumeRecord) -> dict[int, str]:
    """Return the layers of a volume that have lost data, each with a message such as "is gone"."""
    found = {layer: _find_damage(home, volume, layer, below) for layer, below in volume.backing_of.items()}
    return {layer: damage for layer, damage in found.items() if damage is not None}


def layer_damage(home: Home, volume: VolumeRecord, layer: int) -> str | None:
    """Return what is wrong with a layer's file as a message, as in "is gone", or None if it is intact."""
    return _find_damage(home, volume, layer, volume.backing_of[layer])


def _find_damage(home: Home, volume: VolumeRecord, layer: int, below: int | None) -> str | None:
    path, sizes = home.layer_path(layer), _allowed_disk_sizes(volume, layer)
    try:
        found = path.lstat()
        file = found.st_dev, found.st_ino
        if not stat.S_ISREG(found.st_mode):
            return "is not a file"
        if home.has_file_open(layer, file) is False:
            return "was replaced: its daemon has another file open"
        state = (*file, found.st_size, found.st_ctime_ns, below, *sizes)
        if home.intact_states.get(layer) != state:
            _verify_header_against_manifest(qcow2.check_references(path), below, *sizes)
            home.intact_states[layer] = state
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ValueError as error:
        return str(error)
    return None


def is_intact_overlay(home: Home, layer: int) -> bool:
    """Return whether a prepared overlay, which is not yet a layer of a volume, is intact."""
    path = home.layer_path(layer)
    try:
        found = path.lstat()
        qcow2.check_references(path)
    except (OSError, ValueError):
        return False
    return home.has_file_open(layer, (found.st_dev, found.st_ino)) is not False


def refuse_damaged_layers(home: Home, volume_id: str, needed: Iterable[int], undone: str) -> None:
    """Refuse an operation that needs these layers of a volume; ``undone`` says what was not done.

    Raises: FinalDriverError, if the file of one has lost data.
    """
    for layer in needed:
        damage = layer_damage(home, home.manifest.volumes[volume_id], layer)
        if damage is not None:
            raise FinalDriverError(
                f"{home.layer_path(layer)} {damage}, and volume {volume_id} or a snapshot of it reads "
                f"through that file; {undone}. The volume can be read while its daemon runs: copy its "
                "content to another volume, and delete it"
            )


def lost_data_problems(home: Home) -> list[str]:
    """Return a message for each volume that has lost data; never waits for other operations.

    A manifest names no layer before its file exists, and no longer names it when the file is removed. A
    resize is recorded before it changes a header. So damage counts only if it is also found with the
    manifest read afterwards: otherwise it came from a merge, a resize or a deletion in progress.
    """
    if not any(damaged_layers(home, volume) for volume in home.manifest.volumes.values()):
        return []
    return list(_lost_data_messages(home))


def _lost_data_messages(home: Home) -> Iterator[str]:
    for volume in home.manifest.volumes.values():
        # A volume that cannot be served has a problem for that already.
        if home.problems.has(ProblemKind.VOLUME_NOT_SERVED, volume.id):
            continue
        for layer, damage in list(damaged_layers(home, volume).items())[:1]:
            yield (
                f"volume {volume.id} has lost data: {home.layer_path(layer)} {damage}, and the volume or a "
                "snapshot of it reads through that file. The volume can be read while its daemon runs: copy "
                "its content to another volume, and delete this one"
            )


def _allowed_disk_sizes(volume: VolumeRecord, layer: int) -> tuple[int, int | None]:
    """Return the smallest and the largest size that the disk of a layer may have, in bytes.

    The leaf has the size of the volume, and the layers below it have at most that size. A layer aside
    may have any size: the volume may have been made smaller since.
    """
    if volume.resizing or layer not in volume.chain:
        return 0, None
    return volume.size_bytes if layer == volume.leaf else 0, volume.size_bytes


def _verify_header_against_manifest(
    header: qcow2.Header, below: int | None, least_bytes: int, most_bytes: int | None
) -> None:
    """Raises: ValueError, if a header contradicts the manifest.

    The name of the backing file is the one in the home where it was written: the files of a linked
    clone keep it. The daemon gets the backing layers from the manifest.
    """
    size = header.size_bytes
    if size < least_bytes or (most_bytes is not None and size > most_bytes):
        raise ValueError(f"has a virtual size of {size} bytes, but its volume has {most_bytes}")
    named = header.backing_file
    if named is not None and (below is None or layer_number(named) is None):
        raise ValueError(f"has the backing file {named}, which is not recorded")


def open_needed_layers(home: Home, volume_id: str) -> None:
    """Open the closed layers of a volume that are to be open, except over a layer that has lost data.

    Raises: AmbiguousDriverError.
    """
    volume = home.manifest.volumes[volume_id]
    missing = missing_layers_to_open(volume, home.layers_being_cloned, home.graph.nodes())
    if missing:
        damaged = damaged_layers(home, volume).keys()
        missing = [one for one in missing if damaged.isdisjoint(layer_tree.backing_chain(volume, one.layer))]
        for refusal in home.graph.open_layers(missing).values():
            raise refusal


def close_unneeded_layers(home: Home, volume_id: str) -> None:
    """Close the open layers of a volume that need not be open. Raises: AmbiguousDriverError."""
    volume = home.manifest.volumes[volume_id]
    opened = home.graph.nodes().keys() & volume.backing_of.keys()
    # A layer has a higher number than its backing layer.
    for layer in sorted(opened - layer_tree.layers_to_serve(volume, home.layers_being_cloned), reverse=True):
        home.graph.close_layer(layer)


def missing_layers_to_open(
    volume: VolumeRecord, cloned: set[int], opened: Iterable[int]
) -> list[LayerToOpen]:
    """Return the layers that are still to be opened, lower ones first."""
    missing = layer_tree.layers_to_serve(volume, cloned) - set(opened)
    return [
        LayerToOpen(layer, below, read_only=layer not in volume.writable_layers)
        for layer, below in volume.backing_of.items()
        if layer in missing
    ]
