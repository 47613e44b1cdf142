"""Moves a volume with all its layers between homes; after any crash it is in exactly one of them.

The order of what is made durable:

1. the layer numbers reserved in the target (``arriving``);
2. in the source, the volume as it will be in the target (``leaving``): from here on the move is
   always completed, also after a crash;
3. the renamed files;
4. the volume in the target;
5. the removal of ``leaving`` in the source.

Every step after 2 may be repeated and needs no daemon, because both daemons have closed the layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cgflow.drivers.common.fsync import fsync_folder
from cgflow.drivers.qsd.home.home import Home, oserror_as_final_error
from cgflow.drivers.qsd.model.records import Cut, Manifest, OutgoingMove, VolumeRecord, file_name
from cgflow.drivers.qsd.operations import flatten, layer_access, merge
from cgflow.drivers.qsd.operations.recovery import lock_and_recover_both, match_daemon_to_manifest
from cgflow.drivers.qsd.operations.snapshots import refuse_unfinished_restore
from cgflow.drivers.qsd.operations.volumes import refuse_volume_being_cloned
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.drivers.qsd.qemu.block_graph import BlockGraph
from cgflow.errors import BusyDriverError, FinalDriverError


def move(source: Home, target: Home, volume_id: str) -> None:
    """Move a volume. A volume already moved is success; a move in progress is completed first.

    Raises: BusyDriverError, while a client is connected to it or to a snapshot of it; FinalDriverError,
    if there is no such volume; DriverError.
    """
    with lock_and_recover_both(source, target) as (here, _):
        _refuse_unfinished_move_to_third_home(source, target, volume_id)
        _refuse_unfinished_move_to_third_home(target, source, volume_id)
        if volume_id in target.manifest.leaving:
            finish(target, source, volume_id)
            match_daemon_to_manifest(source)
        if volume_id not in source.manifest.leaving:
            if volume_id in target.manifest.volumes:
                return
            _record_departure(source, target, here, volume_id)
        finish(source, target, volume_id)
        match_daemon_to_manifest(target)
        target.trace("move:after-open")


def finish(source: Home, target: Home, volume_id: str) -> None:
    """Complete a move that is recorded as ``leaving``. The caller holds both homes. Raises: OSError."""
    leaving = source.manifest.leaving[volume_id]
    if volume_id not in target.manifest.volumes:
        for here, there in leaving.files.items():
            if source.layer_path(here).exists():
                source.layer_path(here).rename(target.layer_path(there))
            source.trace("move:after-rename")
        shared = target.shared_layers(leaving.volume)
        for layer, below in leaving.volume.backing_of.items():
            # The name in the file is informative: the daemon gets the backing layer from the manifest.
            if below is not None and layer not in shared:
                qcow2.set_backing_file_name(target.layer_path(layer), file_name(below))
        fsync_folder(target.folder)
        fsync_folder(source.folder)
        source.trace("move:after-files")
        target.save_manifest(_manifest_with_arrived_volume(target.manifest, leaving), releasing=True)
        source.trace("move:after-record")
    left = {key: move for key, move in source.manifest.leaving.items() if key != volume_id}
    source.save_manifest(replace(source.manifest, leaving=left), releasing=True)
    source.trace("move:after-forget")


def release_reserved_layers(target: Home, volume_id: str) -> None:
    """Release the layer numbers reserved for a volume that will not arrive. Raises: OSError."""
    left = {key: layers for key, layers in target.manifest.arriving.items() if key != volume_id}
    target.save_manifest(replace(target.manifest, arriving=left), releasing=True)


def _refuse_unfinished_move_to_third_home(one: Home, other: Home, volume_id: str) -> None:
    """Raises: FinalDriverError, if a move of the volume from one home to a third is unfinished."""
    leaving = one.manifest.leaving.get(volume_id)
    if leaving is not None and leaving.to != other.id:
        raise FinalDriverError(
            f"the move of volume {volume_id} from {one.id} to {leaving.to} is unfinished: finish it first"
        )


def _record_departure(source: Home, target: Home, graph: BlockGraph, volume_id: str) -> None:
    """Close a volume and record that it is leaving. Raises: DriverError, and it has not left."""
    if volume_id not in source.manifest.volumes:
        raise FinalDriverError(f"there is no volume {volume_id} in {source.id}")
    refuse_unfinished_restore(source.manifest.volumes[volume_id])
    merge.interrupt(source, volume_id)
    flatten.interrupt(source, volume_id)
    volume = source.manifest.volumes[volume_id]
    refuse_volume_being_cloned(source, volume)
    layer_access.refuse_damaged_layers(source, volume_id, volume.backing_of, "it was not moved")
    layers = sorted({*volume.backing_of, *(overlay.layer for overlay in volume.pending.values())})
    numbers = dict(
        zip(layers, range(target.next_layer_number(), target.next_layer_number() + len(layers)), strict=True)
    )
    with oserror_as_final_error(f"room for volume {volume_id} in {target.id} could not be recorded"):
        target.save_manifest(
            replace(
                target.manifest,
                next_layer=target.next_layer_number() + len(layers),
                arriving={**target.manifest.arriving, volume_id: tuple(numbers.values())},
            )
        )
    target.trace("move:after-arriving")
    try:
        _withdraw_exports(graph, volume)
        source.trace("move:after-detach")
        opened = graph.nodes()
        for layer in reversed(layers):
            if layer in opened:
                graph.close_layer(layer)
        source.trace("move:after-close")
        with oserror_as_final_error(f"the move of volume {volume_id} could not be recorded"):
            source.save_manifest(
                _manifest_with_outgoing_move(source.manifest, target.id, volume, numbers), releasing=True
            )
    except (BusyDriverError, FinalDriverError):
        match_daemon_to_manifest(source)
        release_reserved_layers(target, volume_id)
        raise
    source.trace("move:after-leaving")


def _withdraw_exports(graph: BlockGraph, volume: VolumeRecord) -> None:
    """Raises: BusyDriverError, if a client is connected; some exports may be withdrawn then."""
    exports = graph.exports()
    for name in (volume.id, *volume.exported):
        if name in exports and not graph.remove_export(name, only_if_idle=True):
            raise BusyDriverError(
                f"volume {volume.id} cannot be moved while a client is connected to {name}: "
                "disconnect that client, or unmount the file, then retry"
            )


def _manifest_with_outgoing_move(
    manifest: Manifest, to: str, volume: VolumeRecord, numbers: Mapping[int, int]
) -> Manifest:
    moved = {cut_id: _filter_cut_members(cut, volume, is_in=True) for cut_id, cut in manifest.cuts.items()}
    stay = {cut_id: _filter_cut_members(cut, volume, is_in=False) for cut_id, cut in manifest.cuts.items()}
    leaving = OutgoingMove(
        to=to,
        files=dict(numbers),
        volume=_renumber_layers(volume, numbers),
        cuts={cut_id: cut for cut_id, cut in moved.items() if cut.members},
    )
    return replace(
        manifest.without_volume(volume.id),
        leaving={**manifest.leaving, volume.id: leaving},
        cuts={cut_id: cut for cut_id, cut in stay.items() if cut.members},
    )


def _manifest_with_arrived_volume(manifest: Manifest, leaving: OutgoingMove) -> Manifest:
    cuts = dict(manifest.cuts)
    for cut_id, cut in leaving.cuts.items():
        known = cuts.get(cut_id, cut)
        cuts[cut_id] = replace(known, members=tuple(sorted({*known.members, *cut.members})))
    arriving = {key: layers for key, layers in manifest.arriving.items() if key != leaving.volume.id}
    return replace(manifest.with_volume(leaving.volume), cuts=cuts, arriving=arriving)


def _filter_cut_members(cut: Cut, volume: VolumeRecord, *, is_in: bool) -> Cut:
    """Return a cut with only those members that are, or are not, snapshots of a volume."""
    return replace(cut, members=tuple(key for key in cut.members if (key in volume.bound) == is_in))


def _renumber_layers(volume: VolumeRecord, numbers: Mapping[int, int]) -> VolumeRecord:
    return replace(
        volume,
        chain=tuple(numbers[layer] for layer in volume.chain),
        bound={key: numbers[layer] for key, layer in volume.bound.items()},
        # An overlay that was made for a former leaf stays stale: there is no layer 0.
        pending={
            key: replace(overlay, layer=numbers[overlay.layer], over=numbers.get(overlay.over, 0))
            for key, overlay in volume.pending.items()
        },
        aside={
            numbers[layer]: None if over is None else numbers[over] for layer, over in volume.aside.items()
        },
        leaky=tuple(numbers[layer] for layer in volume.leaky if layer in numbers),
    )
