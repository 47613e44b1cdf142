"""The interface of a storage driver: its mandatory calls, their idempotency, and the errors they may raise.

These rules hold for every call:

* cgflow chooses all ids before the call. A call that is repeated with the same ids and values must find its
  work done and return as it did the first time. Undo uses the same ids and succeeds if there is nothing to
  undo.
* A failed call raises one of three errors. ``FinalDriverError``: nothing was made or changed.
  ``AmbiguousDriverError``: something may have been made or changed. ``BusyDriverError``: nothing was changed,
  and the call should be retried. Any other exception is treated as ambiguous.
* Calls come from several threads at once. The driver serialises calls where that is necessary. For several
  processes see ``SupportsFencing``.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oslo_config import cfg

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


@dataclass(frozen=True)
class DriverPlugin:
    """A driver that is not yet configured.

    ``options`` are the options that an operator may set in the section of a backend; the sample configuration
    is generated from them. ``make`` gets the value of every option as a keyword argument, and with them
    ``name`` (the name of the backend, of letters, digits and ``_.-``) and ``state_dir`` (the directory in
    which the driver may keep files).
    The types, limits and defaults of ``options`` apply already, and an option with ``required`` has a value.
    Another option without a default is None if it is not set. ``make`` raises ConfigError for values that do
    not fit each other or this host.
    """

    options: Sequence[cfg.Opt]
    make: Callable[..., StorageDriver]
