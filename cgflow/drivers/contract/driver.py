"""What a storage driver is: the calls, their idempotency, and what they may raise.

Ground rules, for every call below:

* Ids are chosen by cgflow before the call. A call repeated with the same ids
  and values is the same call: it finds the work done and returns as it did the
  first time. Undo uses the same ids and succeeds when there is nothing to undo.
* A failure is one of three: ``FinalDriverError`` (nothing was made or
  changed), ``AmbiguousDriverError`` (it may have been), ``BusyDriverError``
  (nothing changed, ask again). Anything else that escapes counts as ambiguous.
* Calls come from several threads at once. A driver orders what it must. (Processes: ``fencing``.)
* A driver keeps what it needs to find its objects again by itself, on its own
  durable storage; it never reads the database and knows no other driver.
* No call holds I/O of a client back beyond its own return.
* To disconnect a client is to see to it that nothing it does shows in a volume any more. What
  opened a file by itself cannot be made to close it, and is cut off: the file is no volume then.

Sizes are in GiB where the name says ``gib`` and in bytes where it says ``bytes``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

JSON = dict[str, object]
RAW = "raw"


@dataclass(frozen=True)
class VolumeSpec:
    """A volume as a driver sees it. ``group_id`` is None outside any consistency group."""

    id: str
    size_gib: int
    group_id: str | None = None


@dataclass(frozen=True)
class SnapshotSpec:
    """One volume's copy inside a cgsnapshot.

    ``group_id`` is the group that the volume is in now, None if it is in none.
    A plain snapshot is a cut of one volume, with its own id as ``cgsnapshot_id``.
    """

    id: str
    volume_id: str
    cgsnapshot_id: str
    group_id: str | None


@dataclass(frozen=True)
class Incident:
    """Something that cut clients off and is over, as a data service that died and was started again.

    ``number`` counts from 1 at the driver's start, so that each is told once;
    ``subject`` is the id of a group, or of a volume outside any.
    """

    number: int
    at: str
    subject: str
    words: str


@dataclass(frozen=True)
class Report:
    """What a backend can do and how full it is, as the scheduler sees it.

    ``capabilities`` are facts that extra specs may ask for, such as
    ``consistencygroup_support``. ``provisioned_gib`` is what has been promised
    to volumes, which on thin storage may pass ``total_gib``. ``problems`` are
    those of the inventory that are known without looking at all there is;
    ``incidents`` the last ones since the driver's start, oldest first.
    """

    total_gib: float
    free_gib: float
    provisioned_gib: float
    thin: bool
    max_over_subscription_ratio: float = 1.0
    capabilities: JSON = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    incidents: tuple[Incident, ...] = ()

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Report:
        """Read a report that was stored, be it by another version. Incidents are not stored."""
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**{**known, "problems": tuple(stored.get("problems", ())), "incidents": ()})


@dataclass(frozen=True)
class Connection:
    """How a client reaches a volume or a snapshot: what ``os-initialize_connection`` returns.

    ``protocol`` is the field's ``driver_volume_type`` (``nbd``); ``data`` is
    JSON with ``size_bytes``, the size that really is, and ``read_only``, and
    for NBD ``uri``, ``export`` and ``socket``. It always says that the ``format``
    is raw: what a client has written may look like an image that lies over a file
    of the host, and nobody must find that out by looking.
    """

    protocol: str
    data: JSON

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", {"format": RAW, **self.data})


@dataclass(frozen=True)
class Inventory:
    """What really exists on the backend, for audit against rows and quota.

    ``exports`` are the snapshots that are exported; volumes always are. ``restores``
    still keep aside what volumes held. ``problems`` names in words what was found
    and is not understood (a corrupt file, a daemon that cannot be started).
    """

    groups: frozenset[str]
    volumes: frozenset[str]
    snapshots: frozenset[str]
    exports: frozenset[str] = frozenset()
    restores: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


class StorageDriver(ABC):
    """The mandatory part of a driver."""

    @abstractmethod
    def start(self) -> None:
        """Adopt whatever earlier processes left: running data services, half-done work.

        Idempotency: may follow a crash of any earlier process at any point.
        Raises: ConfigError, if the driver cannot work here at all (a missing
        program, a directory that is not ours); the message says what to do.
        """

    @abstractmethod
    def stop(self) -> None:
        """Let go of everything this process holds. Volumes go on serving I/O."""

    @abstractmethod
    def report(self) -> Report:
        """Return capabilities and capacity now. Raises: DriverError, if the backend is down."""

    @abstractmethod
    def create_group(self, group_id: str) -> None:
        """Make ready a place in which the volumes of a group can be cut together.

        Idempotency: an existing group is left as it is. Raises: DriverError.
        """

    @abstractmethod
    def delete_group(self, group_id: str) -> None:
        """Remove the place of a group, which must be empty of volumes.

        Idempotency: no such group is success. Raises: FinalDriverError if
        volumes are left in it; DriverError.
        """

    @abstractmethod
    def create_volume(self, volume: VolumeSpec) -> None:
        """Make an empty volume and export it, in its group if it has one.

        Idempotency: a volume that exists with this id is left as it is; one
        that was half made is finished. Raises: FinalDriverError if the group
        is unknown or the storage is full; DriverError.
        """

    @abstractmethod
    def delete_volume(self, volume: VolumeSpec) -> None:
        """Disconnect the clients of a volume, and remove it.

        Idempotency: no such volume is success; a half-removed one is finished.
        Raises: FinalDriverError if snapshots of it are left; BusyDriverError while
        a client is connected, if the backend does not disconnect it; DriverError.
        """

    @abstractmethod
    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        """Set the size of a volume; also how an extend is undone, with the old size.

        Idempotency: a volume of that size is left as it is. Raises:
        BusyDriverError while a client is connected, if the backend cannot
        resize under it; DriverError.
        """

    @abstractmethod
    def connection(self, volume: VolumeSpec) -> Connection:
        """Return the address of a volume. Raises: FinalDriverError if there is no such volume.

        Cheap: it is asked after each change of a volume, to see that it happened.
        """

    @abstractmethod
    def inventory(self, group_id: str | None = None) -> Inventory:
        """Return all that exists, or all that exists of one group. Raises: DriverError."""


@runtime_checkable
class GroupSnapshots(Protocol):
    """The ability to cut volumes at one instant: members of a group, all or some, or one outside any.

    A driver that has it reports the capability ``cut_level`` (see ``cut_evidence``). One that cuts
    members one after the other, level ``per-volume``, keeps all but the one instant.
    """

    def prepare(self, snapshot: SnapshotSpec) -> None:
        """Do the slow work for one member's copy, ahead of the cut and outside it.

        Idempotency: prepared is left prepared; already cut is success.
        Undone by ``delete_snapshot``. Raises: FinalDriverError if the volume
        is unknown or the storage is full; DriverError.
        """

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        """Freeze the content of the members named at one instant: all of them, or none.

        The instant lies between call and return. Every write acknowledged
        before the call is in the copies, none issued after the return is.
        Idempotency: a cut that has happened is reported again, never repeated.
        Returns: evidence as JSON (see ``cut_evidence``).
        Undone by ``delete_snapshot`` of each member. Raises: FinalDriverError
        if a member is not prepared, or the backend refused as a whole;
        AmbiguousDriverError if the answer was lost.
        """

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        """Verify that the copy of one member exists, is immutable and can be read, and describe it.

        Idempotency: reads only. Returns: JSON facts about the copy.
        Raises: FinalDriverError if there is no such copy; DriverError.
        """

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        """Remove a copy in whatever state it is: prepared, cut, exported, half removed.

        Clients of the volume keep working throughout; readers of the copy
        itself are disconnected. Idempotency: no such copy is success.
        Raises: DriverError.
        """

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        """Return whether anything is left of a copy, in whatever state.

        Cheap, however many copies there are: it is asked after each removal of
        one, to see that it happened. Raises: DriverError, also if the backend
        cannot read what it has.
        """
        ...

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        """Make a copy readable, never writable, and return its address.

        Idempotency: exported is left exported. Raises: FinalDriverError if
        there is no such copy; DriverError.
        """

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        """Disconnect the readers of a copy and withdraw its address.

        Idempotency: not exported is success. Raises: DriverError.
        """


@runtime_checkable
class Cloning(Protocol):
    """The ability to make a volume that holds what a copy holds."""

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        """Make a volume with the content of a copy, and export it, in its group if it has one.

        ``volume.size_gib`` is the size of the copy or more; the rest reads as
        zeros. The two are independent: the source may be deleted afterwards,
        and ``volume.group_id`` may be another group than its own, or None.
        Idempotency: a volume that exists with this id is left as it is, even if
        the source is gone; a half-made clone is made again. Undone by
        ``delete_volume``. Raises: FinalDriverError if there is no such copy, it
        is larger, the group is unknown or the storage is full; DriverError.
        """


@runtime_checkable
class Regrouping(Protocol):
    """The ability to move a volume from one group to another, or out of any."""

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        """Move a volume with all its copies from ``volume.group_id`` to another group, or to none.

        Addresses may change; copies that are exported stay so. Afterwards the
        specs of volume and copies name the new group. Idempotency: a volume
        that is there already is success; a half-moved one is finished. Undone
        by moving it back. Raises: BusyDriverError while a client or a reader of
        a copy is connected; FinalDriverError if volume or group are unknown, or
        a restore of the volume is unfinished; DriverError.
        """


@runtime_checkable
class Restoring(Protocol):
    """The ability to put volumes back to copies of them, all or none, with a way back until it is finished.

    Until ``finish_restore`` or ``undo_restore`` the volumes cannot be resized,
    moved, prepared, cut or restored under another id: that is refused as final.
    """

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Put the volume of each copy back to that copy: all of them, or none.

        All are of one group, or it is one volume outside any. What they held is
        kept aside until ``finish_restore``. A volume keeps its size; what lies
        past the copy's reads as zeros. All copies stay valid, newer ones too.
        Idempotency: a restore that has happened is left as it is. Raises:
        BusyDriverError while a client is connected to any, if the backend does
        not disconnect it; FinalDriverError if there is no such copy, or it is
        larger than its volume is now; DriverError.
        """

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Put back what was kept, all or none, and disconnect clients; nothing kept is success.

        Raises: BusyDriverError as ``restore`` does; DriverError.
        """

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Forget what was kept aside; nothing kept is success. Raises: DriverError; then a repeat ends it."""
