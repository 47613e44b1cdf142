"""Creates, resizes and deletes the volumes of a home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cgflow.drivers.qsd.home.home import Home, oserror_as_final_error
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.operations import flatten, layer_access, merge
from cgflow.drivers.qsd.operations.recovery import lock_and_recover
from cgflow.drivers.qsd.operations.snapshots import refuse_unfinished_restore
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.drivers.qsd.qemu.qmp_client import CommandRefused
from cgflow.errors import BusyDriverError, FinalDriverError


def create(home: Home, volume_id: str, size_bytes: int) -> None:
    """Create an empty volume and export it under its id; an existing volume is left unchanged.

    Raises: FinalDriverError, on a full disk; DriverError.
    """
    create_with_writer(home, volume_id, size_bytes, lambda file: qcow2.create(file, size_bytes))


def create_with_writer(home: Home, volume_id: str, size_bytes: int, write: Callable[[Path], None]) -> None:
    """Create a volume of one layer, whose file ``write`` creates durably, unless the volume exists.

    Raises: FinalDriverError, on a full disk; DriverError.
    """
    with lock_and_recover(home) as graph:
        if volume_id in home.manifest.volumes:
            return
        layer = home.next_layer_number()
        with oserror_as_final_error(f"volume {volume_id} could not be written"):
            write(home.layer_path(layer))
            home.trace("volume:after-file")
            volume = VolumeRecord(id=volume_id, size_bytes=size_bytes, chain=(layer,))
            _save_volume_or_remove_layer(home, layer, volume)
        home.trace("volume:after-manifest")
        graph.open_layer(layer)
        home.trace("volume:after-open")
        graph.add_export(volume_id, layer, writable=True)
        home.trace("volume:after-attach")


def delete(home: Home, volume_id: str) -> None:
    """Disconnect the clients of a volume, and remove it with its files. No such volume is success.

    Raises: FinalDriverError, if it still has snapshots; DriverError.
    """
    with lock_and_recover(home) as graph:
        volume = home.manifest.volumes.get(volume_id)
        if volume is None:
            return
        left = sorted({*volume.bound, *volume.pending})
        if left:
            raise FinalDriverError(f"volume {volume_id} has snapshots: {', '.join(left)}; delete them first")
        merge.interrupt(home, volume_id)
        flatten.interrupt(home, volume_id)
        volume = home.manifest.volumes[volume_id]
        refuse_volume_being_cloned(home, volume)
        home.config.mounts.remove(volume_id)
        # A volume that could not be served must still be removable.
        if volume_id in graph.exports():
            graph.remove_export(volume_id)
        home.trace("remove:after-detach")
        opened = graph.nodes()
        for layer in reversed(volume.backing_of):
            if layer in opened:
                graph.close_layer(layer)
        home.trace("remove:after-close")
        home.save_manifest(home.manifest.without_volume(volume_id), releasing=True)
        home.trace("remove:after-manifest")
        home.remove_layer_files(*volume.backing_of)
        home.problems.clear(ProblemKind.VOLUME_NOT_SERVED, volume_id)
        home.problems.clear(ProblemKind.MERGE_FAILED, volume_id)
        for layer in volume.backing_of:
            home.problems.clear(ProblemKind.IMAGE_DAMAGED, layer)


def resize(home: Home, volume_id: str, size_bytes: int) -> None:
    """Set the size of a volume; a volume of that size is left unchanged.

    QEMU does not resize an exported node, so the export is withdrawn for a moment.

    Raises: BusyDriverError, while a client is connected; FinalDriverError, if a snapshot of it is
    larger than that; DriverError.
    """
    with lock_and_recover(home) as graph:
        volume = home.manifest.volumes.get(volume_id)
        if volume is None:
            raise FinalDriverError(f"there is no volume {volume_id} to extend")
        if volume.size_bytes == size_bytes:
            return
        refuse_unfinished_restore(volume)
        layer_access.refuse_damaged_layers(home, volume_id, volume.backing_of, "it was not resized")
        merge.interrupt(home, volume_id)
        if size_bytes < volume.size_bytes:
            merge.merge_hidden_layers(home, volume_id)
        volume = home.manifest.volumes[volume_id]
        _refuse_size_below_snapshots(home, volume, size_bytes)
        if not graph.remove_export(volume_id, only_if_idle=True):
            raise BusyDriverError(
                f"volume {volume_id} cannot be resized while a client is connected: "
                "disconnect that client, or unmount the file, then retry"
            )
        home.trace("extend:after-detach")
        try:
            with oserror_as_final_error(f"volume {volume_id} could not be resized"):
                home.save_manifest(home.manifest.with_volume(replace(volume, resizing=True)))
            graph.resize_layer(volume.leaf, size_bytes)
        except CommandRefused as refusal:
            home.save_manifest(home.manifest.with_volume(volume), releasing=True)
            raise FinalDriverError(f"volume {volume_id} was not resized: {refusal.reason}") from refusal
        finally:
            if home.is_served:
                graph.add_export(volume_id, volume.leaf, writable=True)
        home.trace("extend:after-resize")
        home.save_manifest(home.manifest.with_volume(replace(volume, size_bytes=size_bytes)), releasing=True)
        home.trace("extend:after-record")


def refuse_volume_being_cloned(home: Home, volume: VolumeRecord) -> None:
    """Raises: BusyDriverError, while a layer of the volume is being cloned."""
    if home.layers_being_cloned & volume.backing_of.keys():
        raise BusyDriverError(f"a snapshot of volume {volume.id} is being cloned: retry when that is done")


def _refuse_size_below_snapshots(home: Home, volume: VolumeRecord, size_bytes: int) -> None:
    """Raises: FinalDriverError, if a frozen layer is larger: a merge could not undo that.

    From base to leaf, layers never get smaller.
    """
    for layer in volume.chain[:-1]:
        frozen = qcow2.read_header(home.layer_path(layer)).size_bytes
        if frozen > size_bytes:
            raise FinalDriverError(
                f"volume {volume.id} cannot be made smaller than its snapshots ({frozen} bytes); "
                "delete them first"
            )


def _save_volume_or_remove_layer(home: Home, layer: int, volume: VolumeRecord) -> None:
    """Record a volume with a new layer, or remove the layer's file. Raises: OSError."""
    try:
        home.save_manifest(replace(home.manifest, next_layer=layer + 1).with_volume(volume))
    except OSError:
        home.remove_layer_files(layer)
        raise
