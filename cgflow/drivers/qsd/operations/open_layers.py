"""Which layers of a volume are open in its daemon: those that are served. The others rest as files.

So the daemon of a volume with hundreds of snapshots has no more to do for a cut
than that of one with few (``chain.served``).
"""

from __future__ import annotations

from collections.abc import Iterable

from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.operations import missing_layers
from cgflow.drivers.qsd.qemu.block_graph import Opened


def open_served(home: Home, volume_id: str) -> None:
    """Open what is to be served of a volume and rests, but for what has lost a layer.

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
    """Close what is open of a volume and no longer served. Raises: AmbiguousDriverError."""
    volume = home.manifest.volumes[volume_id]
    opened = home.graph.nodes().keys() & volume.lies_over.keys()
    # What lies over another has the higher number.
    for layer in sorted(opened - layer_tree.served(volume, home.cloned), reverse=True):
        home.graph.close(layer)


def layers_to_open(volume: VolumeRecord, cloned: set[int], opened: Iterable[int]) -> list[Opened]:
    """Return the layers that are to be opened, lower ones first."""
    wanted = layer_tree.served(volume, cloned) - set(opened)
    return [
        Opened(layer, below, read_only=layer not in volume.writable)
        for layer, below in volume.lies_over.items()
        if layer in wanted
    ]
