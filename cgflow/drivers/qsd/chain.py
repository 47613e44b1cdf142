"""What the layers of a volume mean, and which of them may be merged. Pure: no files, no daemon.

A volume is a chain of layers, base first. The last one, the *leaf*, takes the
writes. A cut puts a new leaf on top; the former leaf is frozen and *bound* to
the snapshot. When the snapshot is deleted its layer becomes *hidden*: nobody
asks for that moment any more, but the layers above still read through it. The
layer right above a hidden one is then merged into it, and the pair becomes one.

A layer may be merged only if nobody but the layer above reads it: QEMU 7.2
allows a commit into a layer that has another reader, and silently changes what
that reader sees. So readers are counted here. Chains are linear; the one other
reader that exists is the read-only export of a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cgflow.drivers.qsd.manifest import Cut, Manifest, Merge, VolumeRecord


def candidates(volume: VolumeRecord) -> Iterator[Merge]:
    """Yield the merges that are allowed now, those under the leaf first, because they disturb nobody."""
    taken = set(volume.bound.values())
    read = {volume.bound[snapshot] for snapshot in volume.exported}
    pairs = list(zip(volume.chain, volume.chain[1:], strict=False))
    for base, top in pairs[:-1]:
        if base not in taken and not {base, top} & read:
            yield Merge(top=top, base=base, active=False)
    for base, top in pairs[-1:]:
        if base not in taken and base not in read:
            yield Merge(top=top, base=base, active=True)


def merged(volume: VolumeRecord, merge: Merge) -> VolumeRecord:
    """Return the volume after a merge: base holds what top held, and top is gone."""
    return replace(
        volume,
        chain=tuple(layer for layer in volume.chain if layer != merge.top),
        bound={key: merge.base if layer == merge.top else layer for key, layer in volume.bound.items()},
        merging=None,
    )


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

    Cuts under way are rolled forward and marked lost. Merges under way are
    dropped: until one is recorded as done, top still lies over base and covers
    whatever the merge has written there.
    """
    for cgsnapshot_id, members in manifest.cutting.items():
        lost = Cut(members=tuple(sorted(members.values())), is_lost=True)
        manifest = after_cut(manifest, cgsnapshot_id, lost)
    volumes = {key: replace(volume, merging=None) for key, volume in manifest.volumes.items()}
    return replace(manifest, volumes=volumes, daemon=None)


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
