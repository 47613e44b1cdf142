"""The inventory: the records, and a comparison of the disk with them.

Mismatches are reported and left unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cgflow.drivers.btrfs import system_calls
from cgflow.drivers.btrfs.base import BtrfsBase
from cgflow.drivers.btrfs.layout import Layout, list_names
from cgflow.drivers.btrfs.state import State, Volume
from cgflow.drivers.contract import (
    DetailedInventory,
    Inventory,
    SnapshotDetails,
    SupportsDetailedInventory,
    VolumeDetails,
)
from cgflow.errors import DriverError

_REMOVE = "examine it, then remove it with 'btrfs subvolume delete'"


class BtrfsInventory(BtrfsBase, SupportsDetailedInventory):
    """The calls ``inventory`` and ``detail``."""

    def inventory(self, group_id: str | None = None) -> Inventory:
        """See the contract. Every home is checked on the disk."""
        self._mount.require_mounted()
        problems: list[str] = []
        for home in sorted(recorded_homes(self._state) if group_id is None else {group_id}):
            problems += self._find_home_problems(home)
        if group_id is None:
            problems += _find_orphaned_homes(self._layout, self._state)
        with self._lock:
            state = self._state
            volumes = [v for v in state.volumes.values() if group_id in (None, v.group_id)]
            copies = [c for c in state.snapshots.values() if group_id in (None, c.spec.group_id)]
            return Inventory(
                groups=frozenset(group for group in state.groups if group_id in (None, group)),
                volumes=frozenset(volume.id for volume in volumes),
                snapshots=frozenset(copy.spec.id for copy in copies),
                exports=frozenset(copy.spec.id for copy in copies if copy.is_exported),
                restores=frozenset(v.kept.restore_id for v in volumes if v.kept is not None),
                problems=tuple(problems),
            )

    def detail(self) -> DetailedInventory:
        """See the contract. The size of a volume is that of its file, which a client may have changed."""
        inventory = self.inventory()
        with self._lock:
            volumes, copies = list(self._state.volumes.values()), list(self._state.snapshots.values())
            cuts = dict(self._state.cuts)
        return DetailedInventory(
            inventory,
            {
                v.id: VolumeDetails(self._volume_file_size(v), v.group_id)
                for v in volumes
                if v.id in inventory.volumes
            },
            {
                copy.spec.id: SnapshotDetails.from_spec(copy.spec, cuts.get(copy.spec.cgsnapshot_id))
                for copy in copies
                if copy.spec.id in inventory.snapshots
            },
        )

    def _volume_file_size(self, volume: Volume) -> int:
        try:
            return self._layout.volume_file(volume.home, volume.id).stat().st_size
        except FileNotFoundError:
            # The inventory reports the missing file as a problem.
            return volume.size_bytes

    def _find_home_problems(self, home: str) -> list[str]:
        try:
            with self._lock_homes(home) as state:
                return (
                    list(_compare_home_with_records(self._layout, state, home))
                    if home in recorded_homes(state)
                    else []
                )
        except DriverError as error:
            return [error.message]


def recorded_homes(state: State) -> set[str]:
    """Return the homes that have records."""
    volumes, groups = list(state.volumes.values()), set(state.groups)
    return groups | {volume.home for volume in volumes}


def _compare_home_with_records(layout: Layout, state: State, home: str) -> Iterator[str]:
    """Report the mismatches in a locked home. Raises: OSError."""
    live = layout.live_subvolume(home)
    if not system_calls.is_subvolume(live):
        yield f"{live} is missing: the volumes of {home} are lost; restore them from a backup"
        return
    volumes = {volume.id: volume for volume in list(state.volumes.values()) if volume.home == home}
    yield from _compare_names(live / "volumes", set(volumes), "volume")
    yield from _compare_names(
        live / "kept", {v.id for v in volumes.values() if v.kept is not None}, "previous content"
    )
    for folder in ("new", "away"):
        yield from _compare_names(live / folder, set(), "partly created file")
    for volume in volumes.values():
        file = layout.volume_file(home, volume.id)
        if file.is_symlink() or (file.exists() and not file.is_file()):
            yield f"{file} is not a regular file: volume {volume.id} is lost; restore it from a backup"
        elif file.is_file() and file.stat().st_size != volume.size_bytes:
            yield (
                f"{file} has {file.stat().st_size} bytes instead of {volume.size_bytes}: "
                "a client has changed the size; extend the volume to the size that is wanted"
            )
    copies = [copy for id in volumes for copy in state.snapshots_of(id) if copy.size_bytes is not None]
    cuts = {copy.spec.cgsnapshot_id for copy in copies}
    yield from _compare_names(layout.home_folder(home) / "cuts", cuts, "cgsnapshot", _REMOVE)
    for id in sorted(cuts & list_names(layout.home_folder(home) / "cuts")):
        cut = layout.cut_subvolume(home, id)
        members = {copy.spec.volume_id for copy in copies if copy.spec.cgsnapshot_id == id}
        yield from _compare_names(cut / "volumes", members, "snapshot")
        if not system_calls.is_read_only(cut):
            yield f"{cut} is writable: make it read-only with 'btrfs property set {cut} ro true'"


def _find_orphaned_homes(layout: Layout, state: State) -> Iterator[str]:
    """Report the homes that no record and no intent names. Raises: OSError."""
    known = recorded_homes(state) | {home for intent in list(state.intents.values()) for home in intent.homes}
    for home in sorted(list_names(layout.homes) - known):
        yield f"{layout.home_folder(home)} belongs to no group and no volume: {_REMOVE}"


def _compare_names(folder: Path, known: set[str], what: str, then: str = "move it away") -> Iterator[str]:
    present = list_names(folder)
    for name in sorted(known - present):
        yield f"{what} {name} is missing from {folder}: restore it from a backup, or delete it"
    for name in sorted(present - known):
        yield f"{folder / name} is a {what} without a record: {then}"
