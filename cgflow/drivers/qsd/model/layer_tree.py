"""The rules for the layers of a volume: which may be merged, flattened or removed. Pure functions.

A volume is a chain of layers, base first. The last one, the *leaf*, takes the writes. A cut puts a
new leaf on top; the former leaf is frozen and *bound* to the snapshot. When the snapshot is
deleted, its layer becomes *hidden*: no snapshot needs it any more, but the layers above still read
through it. The layer directly above a hidden one is then merged into it.

A restore puts a new leaf on the layer of a snapshot. The layers that were above are then *aside*
(off the chain): the layers of newer snapshots, and until the restore is finished the former leaf.
So the layers form a tree. A layer aside is removed when no layer has it as backing and nothing
needs it.

A chain that has become too long is *flattened*: the data of all lower layers is copied into the
highest frozen layer, which then has no backing. The lower layers are aside then, as a tree of their
own, because of the snapshots in them.

A layer may be merged only if the layer above is its only reader: QEMU 7.2 allows a commit into a
layer that has another reader, and silently changes what that reader sees. Readers are other layers,
the read-only export of a snapshot, and a clone that is being made. A layer may also be *shared*:
its file has a second name in the home of a linked clone. A shared layer is never written to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from cgflow.drivers.qsd.model.records import Cut, Manifest, Merge, UnfinishedRestore, VolumeRecord


def allowed_merges(
    volume: VolumeRecord, cloned: Collection[int] = (), shared: Collection[int] = ()
) -> Iterator[Merge]:
    """Yield the merges that are allowed now, first those under the leaf, which do not disturb clients.

    ``cloned`` are the layers that are being cloned, ``shared`` those whose files have other names. A
    layer that is the backing of no other is merged only if it is the leaf; aside it stays until its
    snapshot is deleted.
    """
    taken = {*volume.bound.values(), *shared}
    above = Counter(volume.backing_of.values())
    read = {volume.bound[snapshot] for snapshot in volume.exported} | set(cloned)
    read |= {layer for layer in volume.backing_of if above[layer] > 1}
    if volume.flattening is not None:
        read |= set(backing_chain(volume, volume.flattening))
    pairs = list(zip(volume.chain, volume.chain[1:], strict=False))
    beside = [
        (base, top)
        for top, base in volume.aside.items()
        if base is not None and base in volume.aside and above[top]
    ]
    for base, top in (*pairs[:-1], *beside):
        if base not in taken and not {base, top} & read:
            yield Merge(top=top, base=base, active=False)
    for base, top in pairs[-1:]:
        if base not in taken and base not in read:
            yield Merge(top=top, base=base, active=True)


def backing_chain(volume: VolumeRecord, layer: int) -> tuple[int, ...]:
    """Return a layer and all layers that it reads through, base first."""
    below, chain = volume.backing_of, [layer]
    while (under := below[chain[0]]) is not None:
        chain.insert(0, under)
    return tuple(chain)


def layers_to_serve(volume: VolumeRecord, cloned: Collection[int] = ()) -> set[int]:
    """Return the layers that must be open: the chain, and those aside that are read or merged.

    Every open layer slows its daemon's cuts down. So the layer of a snapshot that nobody reads is
    closed, and is opened when the snapshot is exported or cloned.
    """
    tips = {*volume.writable_layers, *(volume.bound[snapshot] for snapshot in volume.exported)}
    tips |= {layer for layer in cloned if layer in volume.backing_of}
    if volume.merging is not None:
        tips.add(topmost_reader(volume, volume.merging.top))
    return {layer for tip in tips for layer in backing_chain(volume, tip)}


def layer_to_flatten(volume: VolumeRecord, longest: int, shared: Collection[int] = ()) -> int | None:
    """Return the layer to flatten if the chain is longer than ``longest``, or None.

    It is the highest frozen layer that is not shared, so that neither writers nor cuts are affected.
    None also if all frozen layers are shared: the next cut makes one that is not.
    """
    if len(volume.chain) <= longest:
        return None
    own = [layer for layer in volume.chain[1:-1] if layer not in shared]
    return own[-1] if own else None


def hidden_layers(volume: VolumeRecord) -> set[int]:
    """Return the layers that belong to no snapshot and take no writes."""
    return volume.backing_of.keys() - volume.writable_layers - set(volume.bound.values())


def volume_after_flattening(volume: VolumeRecord) -> VolumeRecord:
    """Return the volume after its flattening: the flattened layer is the base, the lower layers are aside."""
    if volume.flattening is None:
        return volume
    below = {**volume.backing_of, volume.flattening: None}
    return replace(_volume_with_leaf(volume, below, volume.leaf), flattening=None)


def topmost_reader(volume: VolumeRecord, layer: int) -> int:
    """Return the uppermost layer that reads through ``layer``: the root node of its merge for QEMU."""
    if layer in volume.chain:
        return volume.leaf
    for top, base in volume.aside.items():
        if base == layer:
            return topmost_reader(volume, top)
    return layer


def volume_after_merge(volume: VolumeRecord, merge: Merge) -> VolumeRecord:
    """Return the volume after a merge: base has the content of top, and top is gone."""
    return replace(
        volume,
        chain=tuple(layer for layer in volume.chain if layer != merge.top),
        bound={key: merge.base if layer == merge.top else layer for key, layer in volume.bound.items()},
        aside={
            layer: merge.base if over == merge.top else over
            for layer, over in volume.aside.items()
            if layer != merge.top
        },
        merging=None,
    )


def volume_without_unneeded_layers(volume: VolumeRecord, cloned: Collection[int] = ()) -> VolumeRecord:
    """Return the volume without the layers aside that nothing needs."""
    needed = {*volume.bound.values(), *volume.writable_layers, *cloned}
    for tip in sorted(volume.aside, reverse=True):
        if tip not in needed and tip not in volume.aside.values():
            left = {layer: over for layer, over in volume.aside.items() if layer != tip}
            return volume_without_unneeded_layers(replace(volume, aside=left), cloned)
    return volume


def snapshots_of_unfinished_restore(manifest: Manifest, restore_id: str) -> dict[str, str]:
    """Return {volume id: snapshot id} of an unfinished restore; empty, if there is no such restore."""
    return {
        volume.id: volume.kept.snapshot_id
        for volume in manifest.volumes.values()
        if volume.kept is not None and volume.kept.restore_id == restore_id
    }


def manifest_after_restore(
    manifest: Manifest, restore_id: str, snapshots: Mapping[str, str], overlays: Mapping[str, int]
) -> Manifest:
    """Return the manifest in which each volume's overlay is its leaf, on the layer of its snapshot."""
    for volume_id, snapshot_id in snapshots.items():
        volume = manifest.volumes[volume_id]
        kept = UnfinishedRestore(restore_id, snapshot_id, volume.leaf)
        on_copy = _volume_with_leaf(volume, volume.backing_of, volume.bound[snapshot_id])
        chain = (*on_copy.chain, overlays[volume_id])
        manifest = manifest.with_volume(replace(on_copy, chain=chain, kept=kept))
    return replace(manifest, next_layer=max(overlays.values()) + 1)


def manifest_after_undo_restore(manifest: Manifest, restore_id: str) -> Manifest:
    """Return the manifest in which the leaves that a restore kept are leaves again, without the overlays."""
    for volume_id in snapshots_of_unfinished_restore(manifest, restore_id):
        volume = manifest.volumes[volume_id]
        if volume.kept is not None:
            below = {layer: over for layer, over in volume.backing_of.items() if layer != volume.leaf}
            manifest = manifest.with_volume(
                replace(_volume_with_leaf(volume, below, volume.kept.leaf), kept=None)
            )
    return manifest


def manifest_after_finish_restore(manifest: Manifest, restore_id: str) -> Manifest:
    """Return the manifest in which nothing is kept for a restore."""
    for volume_id in snapshots_of_unfinished_restore(manifest, restore_id):
        manifest = manifest.with_volume(replace(manifest.volumes[volume_id], kept=None))
    return manifest


def _volume_with_leaf(volume: VolumeRecord, below: Mapping[int, int | None], leaf: int) -> VolumeRecord:
    """Return a volume of the layers in ``below`` whose chain ends in ``leaf``; the other layers are aside."""
    chain: list[int] = []
    layer: int | None = leaf
    while layer is not None:
        chain.insert(0, layer)
        layer = below[layer]
    aside = {top: over for top, over in below.items() if top not in chain}
    return replace(volume, chain=tuple(chain), aside=aside)


def manifest_after_cut(manifest: Manifest, cgsnapshot_id: str, cut: Cut) -> Manifest:
    """Return the manifest after the cut whose intent it holds: every prepared overlay is the leaf.

    This also serves for a cut of which it is unknown whether it happened (``cut.is_lost``): an overlay
    that was not used is empty, so that making it the leaf loses nothing.
    """
    for volume_id, snapshot_id in manifest.cutting[cgsnapshot_id].items():
        volume = manifest.volumes[volume_id]
        overlay = volume.pending[snapshot_id].layer
        manifest = manifest.with_volume(
            replace(
                volume,
                chain=(*volume.chain, overlay),
                bound={**volume.bound, snapshot_id: volume.leaf},
                pending={key: other for key, other in volume.pending.items() if key != snapshot_id},
            )
        )
    return replace(
        manifest_without_cut_intent(manifest, cgsnapshot_id), cuts={**manifest.cuts, cgsnapshot_id: cut}
    )


def manifest_without_cut_intent(manifest: Manifest, cgsnapshot_id: str) -> Manifest:
    """Return the manifest without the intent of a cut."""
    return replace(manifest, cutting={k: v for k, v in manifest.cutting.items() if k != cgsnapshot_id})


def manifest_after_daemon_death(manifest: Manifest) -> Manifest:
    """Return the manifest that holds once the daemon is dead, whatever was in progress.

    Cuts in progress are rolled forward and marked lost. Merges and flattenings in progress are dropped:
    until one is recorded as done, every layer still has its former backing, and covers or equals what
    was written there.
    """
    before = manifest.volumes
    for cgsnapshot_id, members in manifest.cutting.items():
        lost = Cut(members=tuple(sorted(members.values())), is_lost=True)
        manifest = manifest_after_cut(manifest, cgsnapshot_id, lost)
    volumes = {
        key: _volume_after_daemon_death(before[key], volume) for key, volume in manifest.volumes.items()
    }
    return replace(manifest, volumes=volumes, daemon=None)


def _volume_after_daemon_death(before: VolumeRecord, volume: VolumeRecord) -> VolumeRecord:
    """Return a volume with no work in progress; layers that the daemon wrote to are noted as leaky."""
    written = {*before.writable_layers, *volume.writable_layers, *before.leaky}
    written |= set() if before.merging is None else {before.merging.base}
    written |= set() if before.flattening is None else {before.flattening}
    leaky = tuple(sorted(written & volume.backing_of.keys()))
    return replace(volume, merging=None, flattening=None, leaky=leaky)


def manifest_without_snapshot(manifest: Manifest, volume_id: str, snapshot_id: str) -> Manifest:
    """Return the manifest without a snapshot; its layer, if it has one, becomes hidden."""
    volume = manifest.volumes[volume_id]
    manifest = manifest.with_volume(
        replace(
            volume,
            bound={key: layer for key, layer in volume.bound.items() if key != snapshot_id},
            pending={key: other for key, other in volume.pending.items() if key != snapshot_id},
            exported=tuple(key for key in volume.exported if key != snapshot_id),
        )
    )
    cuts = {key: replace(cut, members=tuple(m for m in cut.members if m != snapshot_id)) for key, cut in
            manifest.cuts.items()}  # fmt: skip
    return replace(manifest, cuts={key: cut for key, cut in cuts.items() if cut.members})


def cut_of_snapshot(manifest: Manifest, snapshot_id: str) -> Cut | None:
    """Return the cut that a snapshot belongs to, or None if it has not been cut."""
    return next((cut for cut in manifest.cuts.values() if snapshot_id in cut.members), None)
