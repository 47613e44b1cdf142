"""The part of the contract for audits: what a driver may tell of each object that it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from cgflow.drivers.contract import Inventory, SnapshotSpec


@dataclass(frozen=True)
class HeldVolume:
    """A volume that exists: its size, and the group in whose place it is, None if it is in none."""

    size_bytes: int
    group_id: str | None


class _Cut(Protocol):
    @property
    def members(self) -> Collection[str]: ...


@dataclass(frozen=True)
class HeldCopy:
    """A copy that exists, in whatever state: whose it is, and the group in whose place that volume is.

    ``cgsnapshot_id`` is the cut that it belongs to, its own id for a plain
    snapshot, and ``cut_members`` with how many copies that was made. A driver
    that does not know them leaves them out: such a copy cannot be adopted.
    """

    volume_id: str
    group_id: str | None
    cgsnapshot_id: str | None = field(default=None, compare=False)
    cut_members: int | None = field(default=None, compare=False)

    @classmethod
    def of(cls, spec: SnapshotSpec, cut: _Cut | None) -> HeldCopy:
        """Return what is told of a copy that was prepared, and of its cut if that has happened."""
        members = None if cut is None else len(cut.members)
        return cls(spec.volume_id, spec.group_id, spec.cgsnapshot_id, members)


@dataclass(frozen=True)
class DetailedInventory:
    """All that exists, by id. What the inventory lists is here, and the other way round."""

    inventory: Inventory
    volumes: Mapping[str, HeldVolume] = field(default_factory=dict)
    copies: Mapping[str, HeldCopy] = field(default_factory=dict)


@runtime_checkable
class SupportsDetailedInventory(Protocol):
    """The ability to tell sizes and places of everything at once.

    Without it an audit compares what exists and not how large it is or where,
    and cannot remove a copy that no record knows, for it does not know whose it is.
    """

    def detail(self) -> DetailedInventory:
        """Return all that exists, in one answer. Reads only. Raises: DriverError."""
        ...
