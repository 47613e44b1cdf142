"""Moves of volumes between groups on a memory backend. Its clients hold no connections, so none is busy."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from cgflow.drivers.contract import Regrouping, VolumeSpec
from cgflow.drivers.memory.base import MemoryBase
from cgflow.errors import FinalDriverError


class MemoryRegrouping(MemoryBase, Regrouping):
    """The ability to move volumes between groups."""

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        with self._lock:
            self._require_group(group_id)
            existing = self._require_volume(volume.id)
            if existing.group_id == group_id:
                return
            if existing.group_id != volume.group_id:
                raise FinalDriverError(f"volume {volume.id} is not in group {volume.group_id}")
            self._require_no_restore(existing)
            self._record_event("move_volume", id=volume.id, group=group_id)
