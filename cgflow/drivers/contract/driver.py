"""The interface of a storage driver: its calls, their idempotency, and the errors they may raise.

These rules hold for every call:

* cgflow chooses all ids before the call. A call that is repeated with the same ids and values must find its
  work done and return as it did the first time. Undo uses the same ids and succeeds if there is nothing to
  undo.
* A failed call raises one of three errors. ``FinalDriverError``: nothing was made or changed.
  ``AmbiguousDriverError``: something may have been made or changed. ``BusyDriverError``: nothing was changed,
  and the call should be retried. Any other exception is treated as ambiguous.
* Calls come from several threads at once. The driver serialises calls where that is necessary. For several
  processes see ``fencing``.
* A driver keeps what it needs to find its objects again on its own durable storage. It never reads the
  database and does not know other drivers.
* No call blocks the I/O of clients after it has returned.
* After a client is disconnected, nothing that it does changes a volume. A client that opened a file directly
  cannot be forced to close it. It is cut off instead: the file that it holds open no longer belongs to a
  volume.

Sizes are in GiB if the name contains ``gib``, and in bytes if it contains ``bytes``.
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
    """A volume, as a driver sees it. ``group_id`` is None outside any consistency group."""

    id: str
    size_gib: int
    group_id: str | None = None


@dataclass(frozen=True)
class SnapshotSpec:
    """The snapshot of one volume, as a member of a cgsnapshot.

    ``group_id`` is the group that the volume is in now, or None. A plain snapshot is a cut of one volume with
    the snapshot's own id as ``cgsnapshot_id``.
    """

    id: str
    volume_id: str
    cgsnapshot_id: str
    group_id: str | None


@dataclass(frozen=True)
class Incident:
    """A past event that disconnected clients, such as a data service that died and was restarted.

    ``number`` counts from 1 since the start of the driver, so that each incident is reported once. ``at`` is
    a time in UTC, as ISO 8601. ``subject`` is the id of a group, or of a volume outside any group. ``words``
    describes the incident.
    """

    number: int
    at: str
    subject: str
    words: str


@dataclass(frozen=True)
class Report:
    """Capabilities and capacity of a backend, as the scheduler uses them.

    ``capabilities`` are facts that extra specs may demand, such as ``consistencygroup_support``.
    ``provisioned_gib`` is the sum of the sizes of all volumes. On thin storage (``thin``) it may exceed
    ``total_gib``, by a factor of up to ``max_over_subscription_ratio``.
    ``problems`` are the problems of the inventory that are known without reading the whole storage.
    ``incidents`` are the latest incidents since the start of the driver, oldest first.
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
        """Read a stored report, which another version may have written. Incidents are not stored."""
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**{**known, "problems": tuple(stored.get("problems", ())), "incidents": ()})


@dataclass(frozen=True)
class Connection:
    """How a client reaches a volume or a snapshot; the answer of ``os-initialize_connection``.

    ``protocol`` is Cinder's ``driver_volume_type``, such as ``nbd``. ``data`` is JSON. It contains
    ``size_bytes`` (the actual size) and ``read_only``, and for NBD also ``uri``, ``export`` and ``socket``.
    ``format`` is always ``raw``: a client can write data that looks like an image with a file of the host as
    its backing file, so no program may probe the format.
    """

    protocol: str
    data: JSON

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", {"format": RAW, **self.data})


@dataclass(frozen=True)
class Inventory:
    """The objects that exist on the backend, for audits against records and quota.

    ``exports`` are the snapshots that are exported; volumes always are. ``restores`` are the restores that
    are unfinished: they still keep the previous content of volumes. ``problems`` describe what was found but
    not understood, such as a corrupt file or a daemon that cannot be started.
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
        """Adopt what earlier processes left: running data services and unfinished work.

        Idempotency: may follow a crash of any earlier process at any point.
        Raises: ConfigError, if the driver cannot work here at all (a program is missing, a directory belongs
          to something else); the message says what to do.
        """

    @abstractmethod
    def stop(self) -> None:
        """Release everything that this process holds. Volumes keep serving I/O."""

    @abstractmethod
    def report(self) -> Report:
        """Return the current capabilities and capacity. Raises: DriverError, if the backend is down."""

    @abstractmethod
    def create_group(self, group_id: str) -> None:
        """Create a consistency group: a place in which volumes can be cut together.

        Idempotency: an existing group is left as it is.
        Raises: DriverError.
        """

    @abstractmethod
    def delete_group(self, group_id: str) -> None:
        """Remove a consistency group, which must not contain volumes.

        Idempotency: an unknown group is success.
        Raises: FinalDriverError, if the group contains volumes; DriverError.
        """

    @abstractmethod
    def create_volume(self, volume: VolumeSpec) -> None:
        """Create an empty volume, in its group if it has one, and export it.

        Idempotency: an existing volume with this id is left as it is; a partly created one is completed.
        Raises: FinalDriverError, if the group is unknown or the storage is full; DriverError.
        """

    @abstractmethod
    def delete_volume(self, volume: VolumeSpec) -> None:
        """Disconnect the clients of a volume and remove it.

        Idempotency: an unknown volume is success; a partly removed one is removed completely.
        Raises: FinalDriverError, if the volume has snapshots; BusyDriverError while a client is connected, if
          the backend does not disconnect clients; DriverError.
        """

    @abstractmethod
    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        """Set the size of a volume. The undo of an extend is the same call with the old size.

        Idempotency: a volume of that size is left as it is.
        Raises: BusyDriverError while a client is connected, if the backend cannot resize a connected volume;
          DriverError.
        """

    @abstractmethod
    def connection(self, volume: VolumeSpec) -> Connection:
        """Return the address of a volume. Raises: FinalDriverError, if there is no such volume.

        The call must be cheap: cgflow makes it after every change of a volume, to verify the change.
        """

    @abstractmethod
    def inventory(self, group_id: str | None = None) -> Inventory:
        """Return all objects that exist, or those of one group. Raises: DriverError."""


@runtime_checkable
class GroupSnapshots(Protocol):
    """The ability to cut volumes at one instant: all or some members of a group, or one volume outside any.

    A driver with this ability reports the capability ``cut_level`` (see ``cut_evidence``). A driver that cuts
    members one after the other, with the level ``per-volume``, keeps all rules below except the one instant.
    """

    def prepare(self, snapshot: SnapshotSpec) -> None:
        """Do the slow part of one member's snapshot, before the cut.

        Idempotency: a prepared or cut snapshot is left as it is.
        Undone by ``delete_snapshot``.
        Raises: FinalDriverError, if the volume is unknown or the storage is full; DriverError.
        """

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        """Take the prepared snapshots of the given members at one instant: all of them, or none.

        The instant lies between the call and its return. Every write acknowledged before the call is in the
        snapshots, and no write issued after the return is.

        Idempotency: a cut that has happened is reported again and never repeated.
        Returns: evidence as JSON (see ``cut_evidence``).
        Undone by ``delete_snapshot`` of each member.
        Raises: FinalDriverError, if a member is not prepared or the backend refused the whole cut;
          AmbiguousDriverError, if the answer was lost.
        """

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        """Verify that the snapshot of one member exists, is immutable and can be read, and describe it.

        Idempotency: reads only.
        Returns: facts about the snapshot, as JSON.
        Raises: FinalDriverError, if there is no such snapshot; DriverError.
        """

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        """Remove a snapshot in any state: prepared, cut, exported or partly removed.

        Clients of the volume keep working; readers of the snapshot itself are disconnected.

        Idempotency: an unknown snapshot is success.
        Raises: DriverError.
        """

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        """Return whether anything is left of a snapshot, in any state.

        The call must be cheap, however many snapshots there are: cgflow makes it after every removal of a
        snapshot, to verify the removal.

        Raises: DriverError, also if the backend cannot read its state.
        """
        ...

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        """Make a snapshot readable, never writable, and return its address.

        Idempotency: an exported snapshot stays exported.
        Raises: FinalDriverError, if there is no such snapshot; DriverError.
        """

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        """Disconnect the readers of a snapshot and withdraw its address.

        Idempotency: a snapshot that is not exported is success.
        Raises: DriverError.
        """


@runtime_checkable
class Cloning(Protocol):
    """The ability to create a volume with the content of a snapshot."""

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        """Create a volume with the content of a snapshot, in its group if it has one, and export it.

        ``volume.size_gib`` is at least the size of the snapshot; the rest reads as zeros. The clone and its
        source are independent: the source may be deleted afterwards, and ``volume.group_id`` may be another
        group than the source's, or None.

        Idempotency: an existing volume with this id is left as it is, even if the source no longer exists; a
          partly made clone is made again.
        Undone by ``delete_volume``.
        Raises: FinalDriverError, if there is no such snapshot, it is larger than the volume, the group is
          unknown or the storage is full; DriverError.
        """


@runtime_checkable
class Regrouping(Protocol):
    """The ability to move a volume from one group to another, into a group or out of it."""

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        """Move a volume and all its snapshots from ``volume.group_id`` to another group, or to none.

        Addresses may change; exported snapshots stay exported. Afterwards the specs of the volume and its
        snapshots name the new group.

        Idempotency: a volume that is already there is success; a partly moved one is moved completely.
        Undone by moving it back.
        Raises: BusyDriverError while a client of the volume or a reader of a snapshot is connected;
          FinalDriverError, if the volume or the group is unknown, or a restore of the volume is unfinished;
          DriverError.
        """


@runtime_checkable
class Restoring(Protocol):
    """The ability to restore volumes to their snapshots, all or none, with an undo until it is finished.

    Until ``finish_restore`` or ``undo_restore``, the volumes cannot be resized, moved, prepared, cut or
    restored under another id: such calls raise FinalDriverError.
    """

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Restore the volume of each snapshot to that snapshot: all of them, or none.

        All snapshots belong to one group, or there is one of a volume outside any. The previous content is
        kept until ``finish_restore``. A volume keeps its size; what lies beyond the size of the snapshot
        reads as zeros. All snapshots stay valid, newer ones too.

        Idempotency: a restore that has happened is left as it is.
        Raises: BusyDriverError while a client is connected to any of the volumes, if the backend does not
          disconnect clients; FinalDriverError, if there is no such snapshot, or it is larger than its volume
          is now; DriverError.
        """

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Disconnect clients and put the previous content back, of all volumes or none.

        Idempotency: a restore that keeps nothing is success.
        Raises: BusyDriverError as ``restore`` does; DriverError.
        """

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Discard the previous content of a restore.

        Idempotency: a restore that keeps nothing is success.
        Raises: DriverError; a repeated call then completes the work.
        """
