"""The driver of the memory backend, which follows the contract strictly.

This module has groups and volumes, their compaction (which has no effect in memory), the inventory, and reads
and writes of clients. A volume counts in full against the capacity: the backend is not thin. The other
abilities are in the other modules.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

import base64
from pathlib import Path

from oslo_config import cfg

from cgflow import __version__
from cgflow.drivers.contract import (
    JSON,
    Connection,
    DetailedInventory,
    DriverPlugin,
    Inventory,
    Report,
    SnapshotDetails,
    StorageDriver,
    SupportsCompaction,
    SupportsDetailedInventory,
    VolumeDetails,
    VolumeSpec,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, capabilities_of_level
from cgflow.drivers.memory.base import CAPACITY_GIB
from cgflow.drivers.memory.cloning import MemoryCloning
from cgflow.drivers.memory.group_snapshots import MemoryGroupSnapshots
from cgflow.drivers.memory.regrouping import MemoryRegrouping
from cgflow.drivers.memory.restoring import MemoryRestoring
from cgflow.drivers.memory.state import GIB, State
from cgflow.errors import FinalDriverError

OPTIONS: list[cfg.Opt] = [
    cfg.FloatOpt(
        "capacity_gib", default=CAPACITY_GIB, min=1, help="Capacity in GiB. The backend is not thin."
    ),
    cfg.StrOpt(
        "cut_level",
        default=CutLevel.CRASH.value,
        choices=[
            (CutLevel.CRASH.value, "all members of a group at one instant"),
            (CutLevel.PER_VOLUME.value, "one after the other, as a backend does that cannot do better"),
        ],
        help="How the volumes of a group are cut.",
    ),
]

MAX_CUTS = 16
"""A volume that was cut more often than this is due for compaction."""


class MemoryDriver(
    MemoryGroupSnapshots,
    MemoryCloning,
    MemoryRegrouping,
    MemoryRestoring,
    SupportsCompaction,
    SupportsDetailedInventory,
    StorageDriver,
):
    """A backend in memory. With a ``state_file``, ``start`` reads the state that earlier processes left.

    Thread-safe. A ``state_file`` can be used by one process at a time.
    """

    def start(self) -> None:
        with self._lock:
            if self._event_log is not None:
                state = State()
                self._event_log.open(state.apply_event, state.events_to_rebuild)
                self._state = state

    def stop(self) -> None:
        with self._lock:
            if self._event_log is not None:
                self._event_log.close()

    def report(self) -> Report:
        with self._lock:
            provisioned = float(self._state.provisioned_gib)
        return Report(
            total_gib=self._capacity_gib,
            free_gib=max(0.0, self._capacity_gib - provisioned),
            provisioned_gib=provisioned,
            thin=False,
            capabilities={
                **capabilities_of_level(self.level),
                "thin_provisioning_support": False,
                "online_extend_support": True,
                "multiattach": True,
                "vendor_name": "cgflow",
                "driver_version": __version__,
                "storage_protocol": "memory",
                "volume_backend_name": self.name,
            },
        )

    def create_group(self, group_id: str) -> None:
        with self._lock:
            if group_id not in self._state.groups:
                self._record_event("create_group", group=group_id)

    def delete_group(self, group_id: str) -> None:
        with self._lock:
            if group_id not in self._state.groups:
                return
            left = sorted(v.id for v in self._state.volumes.values() if v.group_id == group_id)
            if left:
                raise FinalDriverError(
                    f"group {group_id} still has {len(left)} volumes; the first is {left[0]}"
                )
            self._record_event("delete_group", group=group_id)

    def create_volume(self, volume: VolumeSpec) -> None:
        with self._lock:
            if volume.id in self._state.volumes:
                return
            self._require_group(volume.group_id)
            self._require_capacity(volume.id, volume.size_gib, volume.size_gib)
            self._record_event("create_volume", id=volume.id, size_gib=volume.size_gib, group=volume.group_id)

    def delete_volume(self, volume: VolumeSpec) -> None:
        with self._lock:
            existing = self._state.volumes.get(volume.id)
            if existing is None:
                return
            if existing.snapshots:
                left = sorted(existing.snapshots)
                raise FinalDriverError(
                    f"volume {volume.id} still has {len(left)} snapshots; the first is {left[0]}"
                )
            self._record_event("delete_volume", id=volume.id)

    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        with self._lock:
            existing = self._require_volume(volume.id)
            if existing.size_gib == new_size_gib:
                return
            self._require_no_restore(existing)
            self._require_capacity(volume.id, new_size_gib, new_size_gib - existing.size_gib)
            self._record_event("extend_volume", id=volume.id, size_gib=new_size_gib)

    def connection(self, volume: VolumeSpec) -> Connection:
        with self._lock:
            size = self._require_volume(volume.id).size_gib * GIB
        data: JSON = {"backend": self.name, "volume": volume.id, "read_only": False, "size_bytes": size}
        return Connection("memory", data)

    def compactions_due(self, group_id: str | None = None) -> list[VolumeSpec]:
        with self._lock:
            due = [volume for volume in self._state.volumes.values() if volume.cuts > MAX_CUTS]
            due.sort(key=lambda volume: -volume.cuts)
            return [
                VolumeSpec(volume.id, volume.size_gib, volume.group_id)
                for volume in due
                if group_id in (None, volume.group_id)
            ]

    def compact_volume(self, volume: VolumeSpec, seconds: float) -> bool:
        del seconds
        with self._lock:
            existing = self._state.volumes.get(volume.id)
            if existing is not None and existing.cuts > MAX_CUTS:
                self._record_event("compact", id=volume.id)
        return True

    def detail(self) -> DetailedInventory:
        with self._lock:
            cuts = self._state.cuts
            return DetailedInventory(
                self._build_inventory(None),
                {v.id: VolumeDetails(v.size_gib * GIB, v.group_id) for v in self._state.volumes.values()},
                {
                    s.spec.id: SnapshotDetails.from_spec(s.spec, cuts.get(s.spec.cgsnapshot_id))
                    for s in self._state.snapshots.values()
                },
            )

    def inventory(self, group_id: str | None = None) -> Inventory:
        with self._lock:
            return self._build_inventory(group_id)

    def _build_inventory(self, group_id: str | None) -> Inventory:
        snapshots = [s for s in self._state.snapshots.values() if group_id in (None, s.spec.group_id)]
        volumes = [v for v in self._state.volumes.values() if group_id in (None, v.group_id)]
        return Inventory(
            groups=frozenset(group for group in self._state.groups if group_id in (None, group)),
            volumes=frozenset(volume.id for volume in volumes),
            snapshots=frozenset(s.spec.id for s in snapshots),
            exports=frozenset(s.spec.id for s in snapshots if s.is_exported),
            restores=frozenset(v.previous.restore_id for v in volumes if v.previous is not None),
        )

    def write(self, volume_id: str, offset_bytes: int, data: bytes) -> None:
        """Write as a client of a volume.

        Raises: FinalDriverError, past the end or if there is no such volume.
        """
        text = base64.b64encode(data).decode()
        with self._lock:
            _check_range(self._require_volume(volume_id).size_gib, offset_bytes, len(data))
            self._record_event("write", id=volume_id, offset=offset_bytes, data=text)

    def read(self, volume_id: str, offset_bytes: int, length_bytes: int) -> bytes:
        """Read as a client of a volume.

        Raises: FinalDriverError, past the end or if there is no such volume.
        """
        with self._lock:
            volume = self._require_volume(volume_id)
            _check_range(volume.size_gib, offset_bytes, length_bytes)
            return volume.content.read(offset_bytes, length_bytes)

    def read_snapshot(self, snapshot_id: str, offset_bytes: int, length_bytes: int) -> bytes:
        """Read as a client of a snapshot. Raises: FinalDriverError, past the end or if it is not exported."""
        with self._lock:
            snapshot = self._state.snapshots.get(snapshot_id)
            if snapshot is None or snapshot.content is None or not snapshot.is_exported:
                raise FinalDriverError(f"snapshot {snapshot_id} is not exported")
            _check_range(snapshot.size_gib, offset_bytes, length_bytes)
            return snapshot.content.read(offset_bytes, length_bytes)


def _check_range(size_gib: int, offset_bytes: int, length_bytes: int) -> None:
    if offset_bytes < 0 or length_bytes <= 0 or offset_bytes + length_bytes > size_gib * GIB:
        raise FinalDriverError(
            f"bytes {offset_bytes}+{length_bytes} are outside the {size_gib} GiB of the volume"
        )


def make(name: str, state_dir: Path, capacity_gib: float, cut_level: str) -> MemoryDriver:
    """Make a driver whose objects outlive the process, in the file ``<name>.journal`` in ``state_dir``."""
    return MemoryDriver(
        name=name,
        capacity_gib=capacity_gib,
        level=CutLevel(cut_level),
        state_file=state_dir / f"{name}.journal",
    )


PLUGIN = DriverPlugin(OPTIONS, make)
