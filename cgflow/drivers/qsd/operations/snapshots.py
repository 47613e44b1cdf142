"""Prepares, cuts, verifies, exports and deletes the snapshots of a home.

The order of what is made durable, so that recovery from every crash is unambiguous (``recovery``):
the overlay file; the record that it is pending; the intent to cut; the cut, which is one
transaction of the daemon; the record that it happened. Success is reported only after that.
"""

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.contract import JSON
from cgflow.drivers.contract.cut_evidence import CutTimer, build_evidence
from cgflow.drivers.qsd.home.home import Home, oserror_as_final_error
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import Cut, PreparedOverlay, VolumeRecord, file_name, node_name
from cgflow.drivers.qsd.operations import layer_access, merge
from cgflow.drivers.qsd.operations.layer_access import open_needed_layers
from cgflow.drivers.qsd.operations.recovery import lock_and_recover
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.drivers.qsd.qemu.block_graph import BlockGraph
from cgflow.drivers.qsd.qemu.qmp_client import CommandRefused
from cgflow.errors import AmbiguousDriverError, BusyDriverError, FinalDriverError

HARD_LIMIT = 8
"""How many times ``max_chain_depth`` a chain may grow to: its compaction is far behind then."""

MECHANISM = "qemu-storage-daemon transaction of blockdev-snapshot"


def prepare(home: Home, volume_id: str, snapshot_id: str, cgsnapshot_id: str) -> None:
    """Write and open the overlay that the cut will put on a volume's leaf. Prepared or cut is success.

    Raises: FinalDriverError, if the volume is unknown or the disk is full; DriverError.
    """
    with lock_and_recover(home) as graph:
        volume = _get_volume(home, volume_id)
        if snapshot_id in volume.bound or snapshot_id in volume.pending:
            return
        refuse_unfinished_restore(volume)
        _refuse_at_chain_limit(home, volume)
        _prepare_overlay(home, graph, volume, snapshot_id, cgsnapshot_id)


def cut(home: Home, cgsnapshot_id: str, members: dict[str, str]) -> JSON:
    """Freeze the leaves of all members, given as {volume id: snapshot id}, at one instant.

    A cut that has happened returns the same evidence again.

    Raises: FinalDriverError, if a member is not prepared or the daemon refused the transaction;
    AmbiguousDriverError, if the answer was lost, now or earlier.
    """
    with lock_and_recover(home) as graph:
        known = home.manifest.cuts.get(cgsnapshot_id)
        if known is not None:
            return _evidence_of_cut(cgsnapshot_id, known)
        for volume_id, snapshot_id in members.items():
            refuse_unfinished_restore(_get_volume(home, volume_id))
            if snapshot_id not in _get_volume(home, volume_id).pending:
                raise FinalDriverError(
                    f"snapshot {snapshot_id} of volume {volume_id} is not prepared; nothing was cut"
                )
            merge.interrupt(home, volume_id)
            _replace_overlay_if_stale(home, graph, volume_id, snapshot_id)
            layer_access.refuse_damaged_layers(
                home, volume_id, home.manifest.volumes[volume_id].backing_of, "nothing was cut"
            )
        with oserror_as_final_error(f"the cut of {cgsnapshot_id} could not be begun"):
            home.save_manifest(
                replace(home.manifest, cutting={**home.manifest.cutting, cgsnapshot_id: dict(members)})
            )
        volumes = home.manifest.volumes
        overlays = [(volumes[v].leaf, volumes[v].pending[s].layer) for v, s in members.items()]
        home.trace("cut:before-transaction")
        began = CutTimer.start()
        try:
            graph.cut(overlays)
        except CommandRefused as refusal:
            home.save_manifest(
                layer_tree.manifest_without_cut_intent(home.manifest, cgsnapshot_id), releasing=True
            )
            raise FinalDriverError(f"no member of {cgsnapshot_id} was cut: {refusal.reason}") from refusal
        cut_evidence = build_evidence(MECHANISM, len(members), began)
        home.trace("cut:after-transaction")
        done = Cut(members=tuple(sorted(members.values())), evidence=cut_evidence)
        home.save_manifest(layer_tree.manifest_after_cut(home.manifest, cgsnapshot_id, done), releasing=True)
        home.trace("cut:after-record")
        return cut_evidence


def verify(home: Home, volume_id: str, snapshot_id: str) -> JSON:
    """Verify that a snapshot's layer is frozen and readable (it may be closed), and describe it.

    Raises: FinalDriverError, if there is no such snapshot; DriverError.
    """
    with lock_and_recover(home) as graph:
        volume, layer = frozen_layer(home, volume_id, snapshot_id)
        nodes = graph.nodes()
        size = qcow2.read_header(home.layer_path(layer)).size_bytes
        is_frozen = layer in volume.aside or any(node.backing == layer for node in nodes.values())
        if home.problems.has(ProblemKind.VOLUME_NOT_SERVED, volume_id):
            # The layers above it cannot be opened, so nothing can be written through them.
            is_frozen = is_frozen or layer in volume.backing_of.values()
        is_open = layer in nodes and nodes[layer].size_bytes == size
        is_closed = layer not in layer_tree.layers_to_serve(volume, home.layers_being_cloned)
        if not (is_open or is_closed) or not is_frozen or layer == volume.leaf:
            raise FinalDriverError(
                f"layer {layer} of snapshot {snapshot_id} in {home.folder} is not a frozen layer"
            )
        return {"layer": file_name(layer), "node": node_name(layer), "size_bytes": size, "read_only": True}


def export(home: Home, volume_id: str, snapshot_id: str) -> None:
    """Serve a snapshot's layer read-only under the snapshot's id; one that is exported stays exported.

    Raises: FinalDriverError, if there is no such snapshot; DriverError.
    """
    with lock_and_recover(home) as graph:
        volume, layer = frozen_layer(home, volume_id, snapshot_id)
        if snapshot_id in volume.exported:
            return
        merge.interrupt(home, volume_id)
        volume, layer = frozen_layer(home, volume_id, snapshot_id)
        with oserror_as_final_error(f"the export of snapshot {snapshot_id} could not be recorded"):
            exported = (*volume.exported, snapshot_id)
            home.save_manifest(home.manifest.with_volume(replace(volume, exported=exported)))
        home.trace("export:after-manifest")
        open_needed_layers(home, volume_id)
        graph.add_export(snapshot_id, layer, writable=False)
        home.trace("export:after-attach")


def unexport(home: Home, volume_id: str, snapshot_id: str) -> None:
    """Disconnect the readers of a snapshot, then do the merges they blocked. Not exported is success.

    Raises: DriverError.
    """
    with lock_and_recover(home) as graph:
        volume = home.manifest.volumes.get(volume_id)
        if volume is None or snapshot_id not in volume.exported:
            return
        _withdraw_export(home, graph, volume, snapshot_id)
        merge.merge_hidden_layers(home, volume_id)


def delete(home: Home, volume_id: str, snapshot_id: str) -> None:
    """Remove a snapshot in any state. No such snapshot is success. Raises: DriverError."""
    with lock_and_recover(home) as graph:
        volume = home.manifest.volumes.get(volume_id)
        if volume is None:
            return
        if snapshot_id in volume.pending:
            overlay = volume.pending[snapshot_id].layer
            if overlay in graph.nodes():
                graph.close_layer(overlay)
            home.trace("delete:after-close")
            home.save_manifest(
                layer_tree.manifest_without_snapshot(home.manifest, volume_id, snapshot_id), releasing=True
            )
            home.trace("delete:after-record")
            home.remove_layer_files(overlay)
        elif snapshot_id in volume.bound:
            if snapshot_id in volume.exported:
                _withdraw_export(home, graph, volume, snapshot_id)
            home.save_manifest(
                layer_tree.manifest_without_snapshot(home.manifest, volume_id, snapshot_id), releasing=True
            )
            home.trace("delete:after-record")
        merge.merge_hidden_layers(home, volume_id)


def _withdraw_export(home: Home, graph: BlockGraph, volume: VolumeRecord, snapshot_id: str) -> None:
    home.config.mounts.remove(snapshot_id)
    # A snapshot of a volume that could not be served must still be removable.
    if snapshot_id in graph.exports():
        graph.remove_export(snapshot_id)
    home.trace("unexport:after-detach")
    left = tuple(key for key in volume.exported if key != snapshot_id)
    home.save_manifest(home.manifest.with_volume(replace(volume, exported=left)), releasing=True)


def _prepare_overlay(
    home: Home, graph: BlockGraph, volume: VolumeRecord, snapshot_id: str, cgsnapshot_id: str
) -> None:
    """Write an overlay for the leaf, record it as pending and open it, without backing until the cut."""
    layer = home.next_layer_number()
    with oserror_as_final_error(f"snapshot {snapshot_id} could not be prepared"):
        qcow2.create(home.layer_path(layer), volume.size_bytes, file_name(volume.leaf))
        home.trace("prepare:after-file")
        overlay = PreparedOverlay(
            layer, over=volume.leaf, size_bytes=volume.size_bytes, cgsnapshot_id=cgsnapshot_id
        )
        prepared = replace(volume, pending={**volume.pending, snapshot_id: overlay})
        try:
            home.save_manifest(replace(home.manifest, next_layer=layer + 1).with_volume(prepared))
        except OSError:
            home.remove_layer_files(layer)
            raise
    home.trace("prepare:after-manifest")
    graph.open_layer(layer)
    home.trace("prepare:after-open")


def _replace_overlay_if_stale(home: Home, graph: BlockGraph, volume_id: str, snapshot_id: str) -> None:
    """Replace an overlay that is damaged, or was made for another leaf or another size of the volume."""
    volume = home.manifest.volumes[volume_id]
    overlay = volume.pending[snapshot_id]
    fits = overlay.over == volume.leaf and overlay.size_bytes == volume.size_bytes
    if fits and layer_access.is_intact_overlay(home, overlay.layer):
        return
    _prepare_overlay(home, graph, volume, snapshot_id, overlay.cgsnapshot_id)
    if overlay.layer in graph.nodes():
        graph.close_layer(overlay.layer)
    home.remove_layer_files(overlay.layer)


def refuse_unfinished_restore(volume: VolumeRecord) -> None:
    """Raises: FinalDriverError, while a restore of the volume is unfinished."""
    if volume.kept is not None:
        raise FinalDriverError(
            f"restore {volume.kept.restore_id} of volume {volume.id} is unfinished: finish or undo it"
        )


def _get_volume(home: Home, volume_id: str) -> VolumeRecord:
    try:
        return home.manifest.volumes[volume_id]
    except KeyError:
        raise FinalDriverError(f"there is no volume {volume_id} in {home.id}") from None


def frozen_layer(home: Home, volume_id: str, snapshot_id: str) -> tuple[VolumeRecord, int]:
    """Return the volume and the frozen layer of a snapshot.

    Raises: FinalDriverError, if there is no such snapshot, or it has lost a file that it reads through.
    """
    volume = _get_volume(home, volume_id)
    found = layer_tree.cut_of_snapshot(home.manifest, snapshot_id)
    if found is not None and found.is_lost:
        raise FinalDriverError(
            f"snapshot {snapshot_id} cannot be used, because its daemon died during the cut: delete it"
        )
    if snapshot_id not in volume.bound:
        raise FinalDriverError(f"there is no snapshot {snapshot_id} of volume {volume_id}")
    layer = volume.bound[snapshot_id]
    layer_access.refuse_damaged_layers(
        home, volume_id, layer_tree.backing_chain(volume, layer), f"snapshot {snapshot_id} is incomplete"
    )
    return volume, layer


def refuse_smaller_than_snapshot(
    home: Home, copied: tuple[str, str], volume_id: str, size_bytes: int
) -> None:
    """Raises: FinalDriverError, if a volume would be smaller than a (volume id, snapshot id)."""
    _, layer = frozen_layer(home, *copied)
    held_bytes = qcow2.read_header(home.layer_path(layer)).size_bytes
    if held_bytes > size_bytes:
        raise FinalDriverError(
            f"volume {volume_id} of {size_bytes} bytes is too small for snapshot {copied[1]} of {held_bytes}"
        )


def _refuse_at_chain_limit(home: Home, volume: VolumeRecord) -> None:
    """Raises: BusyDriverError, while a chain is so long that another layer would make it very slow."""
    limit = home.config.longest_chain * HARD_LIMIT
    if len(volume.chain) >= limit:
        raise BusyDriverError(
            f"volume {volume.id} has {len(volume.chain)} layers, and none is added until some are merged "
            "in the background: check the flows of volume.compact, then retry"
        )


def _evidence_of_cut(cgsnapshot_id: str, known: Cut) -> JSON:
    if known.is_lost:
        raise AmbiguousDriverError(
            f"the qemu-storage-daemon died during the cut of {cgsnapshot_id}, so it is unknown whether its "
            "snapshots are of one instant: they cannot be used; delete them and take a new cgsnapshot"
        )
    return known.evidence
