"""The durable truth about one home: its volumes, their layers, and what was under way.

A *home* is the folder of one consistency group, or of one volume outside any.
Records are frozen; a change is a new record.

*Intents* (``cutting``, ``merging``, ``flattening``, ``resizing``, ``leaving``,
``arriving``) are written before the effect and removed after it, so that whoever comes next
knows what to ask the daemon, or what to assume when the daemon is gone too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cgflow.drivers.contract import JSON


@dataclass(frozen=True)
class Pending:
    """An overlay that is ready for a cut: its layer, the leaf and the size that it was made for."""

    layer: int
    over: int
    size_bytes: int
    cgsnapshot_id: str


@dataclass(frozen=True)
class Merge:
    """Layer ``top`` is being folded into layer ``base`` right below it; ``active`` if top is the leaf."""

    top: int
    base: int
    active: bool


@dataclass(frozen=True)
class Kept:
    """What a volume held before a restore that is not finished: the layer that was its leaf."""

    restore_id: str
    snapshot_id: str
    leaf: int


@dataclass(frozen=True)
class VolumeRecord:
    """One volume. ``chain`` runs from base to leaf; ``bound`` says which layer holds which snapshot.

    ``aside`` has the layers off the chain, which a restore or a flattening
    leaves for the sake of other snapshots, and for each the layer that it lies
    over, or None. ``flattening`` is the layer that is being made to lie over
    nothing; ``leaky`` has those that a dead daemon may have left clusters in
    that nothing uses.
    """

    id: str
    size_bytes: int
    chain: tuple[int, ...]
    bound: dict[str, int] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    merging: Merge | None = None
    resizing: bool = False
    aside: dict[int, int | None] = field(default_factory=dict)
    kept: Kept | None = None
    flattening: int | None = None
    leaky: tuple[int, ...] = ()

    @property
    def leaf(self) -> int:
        """The layer that takes the writes."""
        return self.chain[-1]

    @property
    def lies_over(self) -> dict[int, int | None]:
        """Every layer with the one below it, lower ones first: what is above has the higher number."""
        below: dict[int, int | None] = dict(zip(self.chain, (None, *self.chain), strict=False))
        return dict(sorted((below | self.aside).items()))

    @property
    def writable(self) -> set[int]:
        """The layers that must be open for writing: the leaf, and the one that an undo would put back."""
        return {self.leaf} if self.kept is None else {self.leaf, self.kept.leaf}


@dataclass(frozen=True)
class Cut:
    """A cgsnapshot after its cut, until its last member is deleted.

    ``is_lost`` says that the daemon died around the cut, so that nobody can
    tell whether the frozen layers are of one instant. They are never given out.
    """

    members: tuple[str, ...]
    evidence: JSON = field(default_factory=dict)
    is_lost: bool = False


@dataclass(frozen=True)
class Leaving:
    """A volume on its way to the home ``to``, as it is to be there, with the cuts that its copies are of.

    ``files`` maps the layers here to their numbers there. What stands here is
    moved, whatever crashes; ``arriving`` over there only keeps the numbers.
    """

    to: str
    files: dict[int, int]
    volume: VolumeRecord
    cuts: dict[str, Cut]


@dataclass(frozen=True)
class DaemonRecord:
    """The process that serves the home; the start time (clock ticks since boot) tells it from a later one."""

    pid: int
    start_time: int


@dataclass(frozen=True)
class Manifest:
    """All that is known of a home. ``cutting`` maps a cgsnapshot to {volume id: snapshot id}.

    ``leaving`` and ``arriving`` are by volume id; the latter has the layers kept free for a volume.
    ``nbd_port`` is where the daemon serves, if the backend serves over TCP.
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
    leaving: dict[str, Leaving] = field(default_factory=dict)
    arriving: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def is_vacant(self) -> bool:
        """Whether no volume is here, or on its way from here or to here."""
        return not (self.volumes or self.leaving or self.arriving)

    def with_volume(self, volume: VolumeRecord) -> Manifest:
        """Return the manifest with one volume added or replaced."""
        return replace(self, volumes={**self.volumes, volume.id: volume})

    def without_volume(self, volume_id: str) -> Manifest:
        """Return the manifest without one volume."""
        return replace(self, volumes={key: held for key, held in self.volumes.items() if key != volume_id})

    def held(self) -> list[VolumeRecord]:
        """Return the volumes that are here, or on their way from here."""
        return [*self.volumes.values(), *(leaving.volume for leaving in self.leaving.values())]

    def layers(self) -> set[int]:
        """Return every layer that may be open in the daemon, pending overlays included."""
        chains = {layer for volume in self.volumes.values() for layer in volume.lies_over}
        return chains | {held.layer for volume in self.volumes.values() for held in volume.pending.values()}

    def files(self) -> set[int]:
        """Return every layer whose file must not be removed: those of volumes on their way too."""
        moving = {layer for leaving in self.leaving.values() for layer in leaving.files}
        return self.layers() | moving | {layer for layers in self.arriving.values() for layer in layers}
