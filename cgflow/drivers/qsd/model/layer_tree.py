"""What the layers of a volume mean, and which of them may be merged or go. Pure: no files, no daemon.

A volume is a chain of layers, base first. The last one, the *leaf*, takes the
writes. A cut puts a new leaf on top; the former leaf is frozen and *bound* to
the snapshot. When the snapshot is deleted its layer becomes *hidden*: nobody
asks for that moment any more, but the layers above still read through it. The
layer right above a hidden one is then merged into it, and the pair becomes one.

A restore puts a new leaf on the layer of a snapshot. What lay above is then
*aside*: the layers of newer snapshots, and until the restore is finished the
former leaf. So layers are a tree, and a layer under two others is a *fork*. A
layer aside that nothing lies over and nobody wants is dropped.

A chain that has become long is *flattened*: the highest frozen layer takes in
all that it reads through and lies over nothing from then on; what was below is
aside, a tree of its own, for the sake of the snapshots in it.

A layer may be merged only if nobody but the layer above reads it: QEMU 7.2
allows a commit into a layer that has another reader, and silently changes what
that reader sees. So readers are counted here: other layers, the read-only
export of a snapshot, and a copy that is being made. A layer may be *shared* too:
its file has a name in the home of a linked clone. It is never written to again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from cgflow.drivers.qsd.model.records import Cut, Kept, Manifest, Merge, VolumeRecord


def candidates(
    volume: VolumeRecord, cloned: Collection[int] = (), shared: Collection[int] = ()
) -> Iterator[Merge]:
    """Yield the merges that are allowed now, those under the leaf first, because they disturb nobody.

    ``cloned`` are layers that are being copied, ``shared`` those whose files
    have other names. A layer that nothing lies over is merged only if it is the
    leaf; aside it waits for its snapshot to go.
    """
    taken = {*volume.bound.values(), *shared}
    above = Counter(volume.lies_over.values())
    read = {volume.bound[snapshot] for snapshot in volume.exported} | set(cloned)
    read |= {layer for layer in volume.lies_over if above[layer] > 1}
    if volume.flattening is not None:
        read |= set(path(volume, volume.flattening))
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


def path(volume: VolumeRecord, layer: int) -> tuple[int, ...]:
    """Return a layer with all that it reads through, base first."""
    below, found = volume.lies_over, [layer]
    while (under := below[found[0]]) is not None:
        found.insert(0, under)
    return tuple(found)


def served(volume: VolumeRecord, cloned: Collection[int] = ()) -> set[int]:
    """Return the layers that must be open: the chain, and what is read or merged beside it. The others rest.

    A layer costs every cut of its daemon time, so that a snapshot which nobody
    reads is not open: it is a file, and opened when it is exported or copied.
    """
    wanted = {*volume.writable, *(volume.bound[snapshot] for snapshot in volume.exported)}
    wanted |= {layer for layer in cloned if layer in volume.lies_over}
    if volume.merging is not None:
        wanted.add(root(volume, volume.merging.top))
    return {layer for tip in wanted for layer in path(volume, tip)}


def to_flatten(volume: VolumeRecord, longest: int, shared: Collection[int] = ()) -> int | None:
    """Return the layer that is to take in all below it, if the chain is longer than ``longest``; or None.

    It is the highest frozen one, so that neither the writers nor a cut meet the
    work. None as well while all frozen layers are shared: a cut makes one that is not.
    """
    if len(volume.chain) <= longest:
        return None
    own = [layer for layer in volume.chain[1:-1] if layer not in shared]
    return own[-1] if own else None


def hidden(volume: VolumeRecord) -> set[int]:
    """Return the layers that no snapshot is of and no client writes to."""
    return volume.lies_over.keys() - volume.writable - set(volume.bound.values())


def flattened(volume: VolumeRecord) -> VolumeRecord:
    """Return the volume after its flattening: the chain begins there, and what was below is aside."""
    if volume.flattening is None:
        return volume
    below = {**volume.lies_over, volume.flattening: None}
    return replace(_with_leaf(volume, below, volume.leaf), flattening=None)


def root(volume: VolumeRecord, layer: int) -> int:
    """Return a layer that reads through this one and that nothing lies over: what QEMU merges beneath."""
    if layer in volume.chain:
        return volume.leaf
    for top, base in volume.aside.items():
        if base == layer:
            return root(volume, top)
    return layer


def merged(volume: VolumeRecord, merge: Merge) -> VolumeRecord:
    """Return the volume after a merge: base holds what top held, and top is gone."""
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


def pruned(volume: VolumeRecord, cloned: Collection[int] = ()) -> VolumeRecord:
    """Return the volume without the layers aside that serve nothing."""
    wanted = {*volume.bound.values(), *volume.writable, *cloned}
    for tip in sorted(volume.aside, reverse=True):
        if tip not in wanted and tip not in volume.aside.values():
            left = {layer: over for layer, over in volume.aside.items() if layer != tip}
            return pruned(replace(volume, aside=left), cloned)
    return volume


def kept_by(manifest: Manifest, restore_id: str) -> dict[str, str]:
    """Return {volume id: snapshot id} of an unfinished restore; nothing, if there is no such restore."""
    return {
        volume.id: volume.kept.snapshot_id
        for volume in manifest.volumes.values()
        if volume.kept is not None and volume.kept.restore_id == restore_id
    }


def after_restore(
    manifest: Manifest, restore_id: str, snapshots: Mapping[str, str], overlays: Mapping[str, int]
) -> Manifest:
    """Return the manifest in which each volume's overlay is its leaf, over the layer of its snapshot."""
    for volume_id, snapshot_id in snapshots.items():
        volume = manifest.volumes[volume_id]
        kept = Kept(restore_id, snapshot_id, volume.leaf)
        on_copy = _with_leaf(volume, volume.lies_over, volume.bound[snapshot_id])
        chain = (*on_copy.chain, overlays[volume_id])
        manifest = manifest.with_volume(replace(on_copy, chain=chain, kept=kept))
    return replace(manifest, next_layer=max(overlays.values()) + 1)


def after_undo(manifest: Manifest, restore_id: str) -> Manifest:
    """Return the manifest in which what a restore kept is the leaf again, and its overlays are gone."""
    for volume_id in kept_by(manifest, restore_id):
        volume = manifest.volumes[volume_id]
        if volume.kept is not None:
            below = {layer: over for layer, over in volume.lies_over.items() if layer != volume.leaf}
            manifest = manifest.with_volume(replace(_with_leaf(volume, below, volume.kept.leaf), kept=None))
    return manifest


def after_finish(manifest: Manifest, restore_id: str) -> Manifest:
    """Return the manifest in which nothing is kept for a restore."""
    for volume_id in kept_by(manifest, restore_id):
        manifest = manifest.with_volume(replace(manifest.volumes[volume_id], kept=None))
    return manifest


def _with_leaf(volume: VolumeRecord, below: Mapping[int, int | None], leaf: int) -> VolumeRecord:
    """Return a volume of the layers in ``below`` whose chain ends in ``leaf``; the others are aside."""
    chain: list[int] = []
    layer: int | None = leaf
    while layer is not None:
        chain.insert(0, layer)
        layer = below[layer]
    aside = {top: over for top, over in below.items() if top not in chain}
    return replace(volume, chain=tuple(chain), aside=aside)


def after_cut(manifest: Manifest, cgsnapshot_id: str, cut: Cut) -> Manifest:
    """Return the manifest after the cut whose intent it holds: every prepared overlay is the leaf.

    The same serves for a cut that may have happened (``cut.is_lost``): an
    overlay that was not used is empty, so that making it the leaf loses nothing.
    """
    for volume_id, snapshot_id in manifest.cutting[cgsnapshot_id].items():
        volume = manifest.volumes[volume_id]
        overlay = volume.pending[snapshot_id].layer
        manifest = manifest.with_volume(
            replace(
                volume,
                chain=(*volume.chain, overlay),
                bound={**volume.bound, snapshot_id: volume.leaf},
                pending={key: held for key, held in volume.pending.items() if key != snapshot_id},
            )
        )
    return replace(without_intent(manifest, cgsnapshot_id), cuts={**manifest.cuts, cgsnapshot_id: cut})


def without_intent(manifest: Manifest, cgsnapshot_id: str) -> Manifest:
    """Return the manifest without the intent of a cut."""
    return replace(manifest, cutting={k: v for k, v in manifest.cutting.items() if k != cgsnapshot_id})


def after_death(manifest: Manifest) -> Manifest:
    """Return what is true once the daemon is dead, whatever was under way.

    Cuts under way are rolled forward and marked lost. Merges and flattenings
    under way are dropped: until one is recorded as done, every layer still lies
    over what it did, and covers or equals whatever was written there.
    """
    before = manifest.volumes
    for cgsnapshot_id, members in manifest.cutting.items():
        lost = Cut(members=tuple(sorted(members.values())), is_lost=True)
        manifest = after_cut(manifest, cgsnapshot_id, lost)
    volumes = {key: _after_death(before[key], volume) for key, volume in manifest.volumes.items()}
    return replace(manifest, volumes=volumes, daemon=None)


def _after_death(before: VolumeRecord, volume: VolumeRecord) -> VolumeRecord:
    """Return a volume with nothing under way, and what its daemon was writing to noted as leaky."""
    written = {*before.writable, *volume.writable, *before.leaky}
    written |= set() if before.merging is None else {before.merging.base}
    written |= set() if before.flattening is None else {before.flattening}
    leaky = tuple(sorted(written & volume.lies_over.keys()))
    return replace(volume, merging=None, flattening=None, leaky=leaky)


def without_snapshot(manifest: Manifest, volume_id: str, snapshot_id: str) -> Manifest:
    """Return the manifest without a snapshot; its layer, if it has one, becomes hidden."""
    volume = manifest.volumes[volume_id]
    manifest = manifest.with_volume(
        replace(
            volume,
            bound={key: layer for key, layer in volume.bound.items() if key != snapshot_id},
            pending={key: held for key, held in volume.pending.items() if key != snapshot_id},
            exported=tuple(key for key in volume.exported if key != snapshot_id),
        )
    )
    cuts = {key: replace(cut, members=tuple(m for m in cut.members if m != snapshot_id)) for key, cut in
            manifest.cuts.items()}  # fmt: skip
    return replace(manifest, cuts={key: cut for key, cut in cuts.items() if cut.members})


def cut_of(manifest: Manifest, snapshot_id: str) -> Cut | None:
    """Return the cut that a snapshot belongs to, if it was cut."""
    return next((cut for cut in manifest.cuts.values() if snapshot_id in cut.members), None)
