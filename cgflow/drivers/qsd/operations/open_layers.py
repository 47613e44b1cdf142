"""Keeps only those layers of a volume open that are in use; the others are closed.

So the daemon of a volume with hundreds of snapshots does no more work for a cut than that of a
volume with few (``layer_tree.served``).
"""

from __future__ import annotations

from collections.abc import Iterable

from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.operations import missing_layers
from cgflow.drivers.qsd.qemu.block_graph import Opened


def open_served(home: Home, volume_id: str) -> None:
    """Open the closed layers of a volume that are to be open, except over a layer that has lost data.

    Raises: AmbiguousDriverError.
    """
    volume = home.manifest.volumes[volume_id]
    missing = layers_to_open(volume, home.cloned, home.graph.nodes().keys())
    if missing:
        gone = missing_layers.faults(home, volume).keys()
        missing = [one for one in missing if gone.isdisjoint(layer_tree.path(volume, one.layer))]
        for refusal in home.graph.open_all(missing).values():
            raise refusal


def close_unserved(home: Home, volume_id: str) -> None:
    """Close the open layers of a volume that need not be open. Raises: AmbiguousDriverError."""
    volume = home.manifest.volumes[volume_id]
    opened = home.graph.nodes().keys() & volume.backing_of.keys()
    # A layer has a higher number than its backing layer.
    for layer in sorted(opened - layer_tree.layers_to_serve(volume, home.cloned), reverse=True):
        home.graph.close(layer)


def layers_to_open(volume: VolumeRecord, cloned: set[int], opened: Iterable[int]) -> list[Opened]:
    """Return the layers that are still to be opened, lower ones first."""
    wanted = layer_tree.layers_to_serve(volume, cloned) - set(opened)
    return [
        Opened(layer, below, read_only=layer not in volume.writable)
        for layer, below in volume.backing_of.items()
        if layer in wanted
    ]
