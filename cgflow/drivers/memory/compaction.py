"""Compaction on a memory backend, where it has no effect: a volume is due after a number of cuts."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from cgflow.drivers.contract import SupportsCompaction, VolumeSpec
from cgflow.drivers.memory.base import MemoryBase

MAX_CUTS = 16
"""A volume that was cut more often than this is due for compaction."""


class Compaction(MemoryBase, SupportsCompaction):
    """The ability to compact volumes that were cut often."""

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
                self._do("compact", id=volume.id)
        return True
