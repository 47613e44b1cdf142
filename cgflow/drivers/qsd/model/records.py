"""The durable records of one home: its volumes, their layers, and the operations in progress.

A *home* is the folder of one consistency group, or of one volume outside any. Records are frozen; a
change makes a new record.

*Intents* (``cutting``, ``merging``, ``flattening``, ``resizing``, ``leaving``, ``arriving``) are
written before the effect and removed after it. From them recovery knows what to query from the
daemon, or what to assume if the daemon is dead too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from cgflow.drivers.contract import JSON


@dataclass(frozen=True)
class PreparedOverlay:
    """An overlay prepared for a cut: its layer, and the leaf and size that it was made for."""

    layer: int
    over: int
    size_bytes: int
    cgsnapshot_id: str


@dataclass(frozen=True)
class Merge:
    """Layer ``top`` is being merged into its backing layer ``base``; ``active`` if top is the leaf."""

    top: int
    base: int
    active: bool


@dataclass(frozen=True)
class UnfinishedRestore:
    """The leaf that a volume had before a restore that is not finished yet."""

    restore_id: str
    snapshot_id: str
    leaf: int


@dataclass(frozen=True)
class VolumeRecord:
    """One volume. ``chain`` runs from base to leaf; ``bound`` maps snapshots to their layers.

    ``aside`` maps the layers off the chain, which a restore or a flattening leaves because other
    snapshots need them, to their backing layer, or None. ``flattening`` is the layer that is being
    flattened. ``leaky`` has the layers in which a dead daemon may have left allocated clusters that
    nothing uses.
    """

    id: str
    size_bytes: int
    chain: tuple[int, ...]
    bound: dict[str, int] = field(default_factory=dict)
    pending: dict[str, PreparedOverlay] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    merging: Merge | None = None
    resizing: bool = False
    aside: dict[int, int | None] = field(default_factory=dict)
    kept: UnfinishedRestore | None = None
    flattening: int | None = None
    leaky: tuple[int, ...] = ()

    @property
    def leaf(self) -> int:
        """The layer that takes the writes."""
        return self.chain[-1]

    @property
    def backing_of(self) -> dict[int, int | None]:
        """Every layer with its backing layer or None, lower ones first.

        A layer has a higher number than its backing layer.
        """
        below: dict[int, int | None] = dict(zip(self.chain, (None, *self.chain), strict=False))
        return dict(sorted((below | self.aside).items()))

    @property
    def writable_layers(self) -> set[int]:
        """The layers that must be open for writing: the leaf, and the leaf kept by an unfinished restore."""
        return {self.leaf} if self.kept is None else {self.leaf, self.kept.leaf}


@dataclass(frozen=True)
class Cut:
    """A cgsnapshot after its cut, until its last member is deleted.

    ``is_lost`` says that the daemon died during the cut, so that it is unknown whether the frozen
    layers are of one instant. Such snapshots are never handed out.
    """

    members: tuple[str, ...]
    evidence: JSON = field(default_factory=dict)
    is_lost: bool = False


@dataclass(frozen=True)
class OutgoingMove:
    """A volume being moved to the home ``to``, as it will be recorded there, with the cuts of its snapshots.

    ``files`` maps the layer numbers here to those there. Once this is recorded the move will be
    finished, whatever crashes; ``arriving`` in the target home only reserves the numbers.
    """

    to: str
    files: dict[int, int]
    volume: VolumeRecord
    cuts: dict[str, Cut]


@dataclass(frozen=True)
class DaemonRecord:
    """The process that serves the home.

    ``start_time`` (clock ticks since boot) distinguishes it from a later process with the same pid.
    """

    pid: int
    start_time: int


@dataclass(frozen=True)
class Manifest:
    """The complete state of a home. ``cutting`` maps a cgsnapshot to {volume id: snapshot id}.

    ``leaving`` and ``arriving`` are keyed by volume id; the latter has the layer numbers reserved for a
    volume. ``nbd_port`` is the port that the daemon serves at, if the backend serves over TCP.
    """

    home_id: str
    is_group: bool
    created_at: str
    next_layer: int = 1
    nbd_port: int | None = None
    daemon: DaemonRecord | None = None
    volumes: dict[str, VolumeRecord] = field(default_factory=dict)
    cuts: dict[str, Cut] = field(default_factory=dict)
    cutting: dict[str, dict[str, str]] = field(default_factory=dict)
    leaving: dict[str, OutgoingMove] = field(default_factory=dict)
    arriving: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def is_vacant(self) -> bool:
        """Whether the home has no volume, and none is being moved from or to it."""
        return not (self.volumes or self.leaving or self.arriving)

    def with_volume(self, volume: VolumeRecord) -> Manifest:
        """Return the manifest with one volume added or replaced."""
        return replace(self, volumes={**self.volumes, volume.id: volume})

    def without_volume(self, volume_id: str) -> Manifest:
        """Return the manifest without one volume."""
        return replace(
            self, volumes={key: volume for key, volume in self.volumes.items() if key != volume_id}
        )

    def volumes_including_outgoing(self) -> list[VolumeRecord]:
        """Return the volumes that are here or being moved from here."""
        return [*self.volumes.values(), *(leaving.volume for leaving in self.leaving.values())]

    def layers_in_daemon(self) -> set[int]:
        """Return every layer that may be open in the daemon, including pending overlays."""
        chains = {layer for volume in self.volumes.values() for layer in volume.backing_of}
        return chains | {
            overlay.layer for volume in self.volumes.values() for overlay in volume.pending.values()
        }

    def layers_with_files(self) -> set[int]:
        """Return every layer whose file must not be removed, including those of volumes being moved."""
        moving = {layer for leaving in self.leaving.values() for layer in leaving.files}
        return (
            self.layers_in_daemon()
            | moving
            | {layer for layers in self.arriving.values() for layer in layers}
        )


_LAYER = re.compile(r"L([1-9][0-9]*)(?:\.qcow2)?")


def node_name(layer: int) -> str:
    """Return the name of a layer's node (QEMU allows 31 characters)."""
    return f"L{layer}"


def file_name(layer: int) -> str:
    """Return the name of a layer's file in its home."""
    return f"L{layer}.qcow2"


def layer_number(name: str) -> int | None:
    """Return the number of the layer that a node or file name stands for, or None."""
    match = _LAYER.fullmatch(name)
    return int(match[1]) if match else None
