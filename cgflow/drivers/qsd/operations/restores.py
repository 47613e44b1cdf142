"""Restores volumes of a home to their snapshots, all or none; can be undone until it is finished.

A restore puts an empty overlay on the layer of each snapshot. Before anything changes, every export
of the volumes is withdrawn, so that no client is connected. Then one new manifest makes all
overlays the leaves and keeps the former leaves aside. So after a crash either none or all of the
volumes are restored.
"""

from __future__ import annotations

from collections.abc import Mapping

from cgflow.drivers.qsd.home.home import Home, oserror_as_final_error
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import file_name
from cgflow.drivers.qsd.operations import flatten, layer_access, merge
from cgflow.drivers.qsd.operations.layer_access import open_needed_layers
from cgflow.drivers.qsd.operations.recovery import lock_and_recover
from cgflow.drivers.qsd.operations.snapshots import frozen_layer, refuse_unfinished_restore
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.drivers.qsd.qemu.block_graph import BlockGraph
from cgflow.errors import BusyDriverError, FinalDriverError


def restore(home: Home, restore_id: str, snapshots: Mapping[str, str]) -> None:
    """Restore volumes to their snapshots, given as {volume id: snapshot id}: all of them, or none.

    A restore that has been done is left as it is.

    Raises: BusyDriverError, while a client is connected to one; FinalDriverError, if there is no such
    snapshot, it is larger than its volume, or the disk is full; DriverError.
    """
    with lock_and_recover(home) as graph:
        kept = layer_tree.snapshots_of_unfinished_restore(home.manifest, restore_id)
        if kept == snapshots:
            return
        if kept:
            raise FinalDriverError(
                f"restore {restore_id} was made from other snapshots: {sorted(kept.values())}"
            )
        for volume_id, snapshot_id in snapshots.items():
            _refuse_unrestorable(home, volume_id, snapshot_id)
            merge.interrupt(home, volume_id)
            flatten.interrupt(home, volume_id)
        with oserror_as_final_error(f"restore {restore_id} could not be prepared"):
            overlays = _write_overlays(home, snapshots)
        home.trace("restore:after-files")
        try:
            _withdraw_exports(graph, list(snapshots))
            home.trace("restore:after-detach")
            with oserror_as_final_error(f"restore {restore_id} could not be recorded"):
                home.save_manifest(
                    layer_tree.manifest_after_restore(home.manifest, restore_id, snapshots, overlays)
                )
        except (BusyDriverError, FinalDriverError):
            _export_open_leaves(home, graph, snapshots)
            home.remove_layer_files(*overlays.values())
            raise
        home.trace("restore:after-record")
        for volume_id in snapshots:
            open_needed_layers(home, volume_id)
        home.trace("restore:after-open")
        _export_open_leaves(home, graph, snapshots)
        home.trace("restore:after-attach")


def undo(home: Home, restore_id: str) -> None:
    """Bring back the leaves that a restore kept, all or none; disconnects clients. Nothing kept is success.

    Raises: DriverError.
    """
    with lock_and_recover(home) as graph:
        volumes = list(layer_tree.snapshots_of_unfinished_restore(home.manifest, restore_id))
        exports = graph.exports()
        for volume_id in volumes:
            merge.interrupt(home, volume_id)
            flatten.interrupt(home, volume_id)
            home.config.mounts.remove(volume_id)
            # A volume that could not be served can still be undone.
            if volume_id in exports:
                graph.remove_export(volume_id)
        home.trace("undo:after-detach")
        overlays = [home.manifest.volumes[volume_id].leaf for volume_id in volumes]
        home.save_manifest(layer_tree.manifest_after_undo_restore(home.manifest, restore_id), releasing=True)
        home.trace("undo:after-record")
        opened = graph.nodes()
        for layer in overlays:
            if layer in opened:
                graph.close_layer(layer)
        home.trace("undo:after-close")
        home.remove_layer_files(*overlays)
        _export_open_leaves(home, graph, volumes)
        for volume_id in volumes:
            merge.merge_hidden_layers(home, volume_id)


def finish(home: Home, restore_id: str, volumes: list[str]) -> None:
    """Remove the leaves that a restore kept, and all unneeded layers. Nothing kept is success.

    Raises: DriverError.
    """
    with lock_and_recover(home):
        home.save_manifest(
            layer_tree.manifest_after_finish_restore(home.manifest, restore_id), releasing=True
        )
        home.trace("finish:after-record")
        for volume_id in volumes:
            if volume_id in home.manifest.volumes:
                merge.merge_hidden_layers(home, volume_id)


def _refuse_unrestorable(home: Home, volume_id: str, snapshot_id: str) -> None:
    """Raises: FinalDriverError, if a volume cannot be restored to that snapshot."""
    volume, layer = frozen_layer(home, volume_id, snapshot_id)
    refuse_unfinished_restore(volume)
    if volume.leaf in home.graph.nodes():
        # A layer that the daemon can still read must not be closed. A volume that is not open loses nothing.
        layer_access.refuse_damaged_layers(home, volume_id, volume.backing_of, "nothing was restored")
    size = qcow2.read_header(home.layer_path(layer)).size_bytes
    if size > volume.size_bytes:
        raise FinalDriverError(
            f"snapshot {snapshot_id} of {size} bytes is larger than volume {volume_id} "
            f"of {volume.size_bytes} bytes: extend the volume first"
        )


def _write_overlays(home: Home, snapshots: Mapping[str, str]) -> dict[str, int]:
    """Write an empty overlay for each volume. Raises: OSError, and none is left."""
    overlays: dict[str, int] = {}
    try:
        for layer, (volume_id, snapshot_id) in enumerate(snapshots.items(), start=home.next_layer_number()):
            volume = home.manifest.volumes[volume_id]
            qcow2.create(home.layer_path(layer), volume.size_bytes, file_name(volume.bound[snapshot_id]))
            overlays[volume_id] = layer
    except OSError:
        home.remove_layer_files(*overlays.values())
        raise
    return overlays


def _withdraw_exports(graph: BlockGraph, volumes: list[str]) -> None:
    """Raises: BusyDriverError, if a client is connected to one; some may be withdrawn then."""
    exports = graph.exports()
    for volume_id in volumes:
        if volume_id in exports and not graph.remove_export(volume_id, only_if_idle=True):
            raise BusyDriverError(
                f"volume {volume_id} cannot be restored while a client is connected: "
                "disconnect that client, or unmount the file, then retry"
            )


def _export_open_leaves(home: Home, graph: BlockGraph, volumes: Mapping[str, str] | list[str]) -> None:
    """Export the leaves that are open; one that has lost a layer cannot be open."""
    exports, opened = graph.exports(), graph.nodes()
    for volume_id in volumes:
        leaf = home.manifest.volumes[volume_id].leaf
        if volume_id not in exports and leaf in opened:
            graph.add_export(volume_id, leaf, writable=True)
            home.problems.clear(ProblemKind.VOLUME_NOT_SERVED, volume_id)
