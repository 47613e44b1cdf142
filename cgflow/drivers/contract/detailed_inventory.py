"""Contract for audits: the details that a driver may report of every object."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from cgflow.drivers.contract import Inventory, SnapshotSpec


@dataclass(frozen=True)
class VolumeDetails:
    """A volume that exists: its size in bytes, and its group, or None outside any group."""

    size_bytes: int
    group_id: str | None


class _Cut(Protocol):
    @property
    def members(self) -> Collection[str]: ...


@dataclass(frozen=True)
class SnapshotDetails:
    """A snapshot that exists, in any state: its volume, and the group that the volume is in.

    ``cgsnapshot_id`` is the cut that the snapshot belongs to; a plain snapshot has its own id there.
    ``cut_members`` is the number of snapshots made by that cut. Both are None if the driver does not know
    them: the audit cannot adopt such a snapshot.
    """

    volume_id: str
    group_id: str | None
    cgsnapshot_id: str | None = field(default=None, compare=False)
    cut_members: int | None = field(default=None, compare=False)

    @classmethod
    def of(cls, spec: SnapshotSpec, cut: _Cut | None) -> SnapshotDetails:
        """Return the details of a prepared snapshot, and of its cut if that has happened."""
        members = None if cut is None else len(cut.members)
        return cls(spec.volume_id, spec.group_id, spec.cgsnapshot_id, members)


@dataclass(frozen=True)
class DetailedInventory:
    """All objects that exist, by id. ``volumes`` and ``copies`` have exactly the ids of ``inventory``."""

    inventory: Inventory
    volumes: Mapping[str, VolumeDetails] = field(default_factory=dict)
    copies: Mapping[str, SnapshotDetails] = field(default_factory=dict)


@runtime_checkable
class SupportsDetailedInventory(Protocol):
    """The ability to report size and group of all objects at once.

    Without this ability an audit compares which objects exist, but not their sizes or groups. It cannot
    remove a snapshot without a record either, because it does not know the snapshot's volume.
    """

    def detail(self) -> DetailedInventory:
        """Return all objects that exist, in one consistent answer. Reads only. Raises: DriverError."""
        ...
