"""Moves of volumes between groups of images."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.contract import Regrouping, VolumeSpec
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.base import require_intact_image, require_no_restore
from cgflow.drivers.rbd.records import VolumeRecord
from cgflow.drivers.rbd.volumes import RbdVolumes
from cgflow.errors import FinalDriverError


class RbdRegrouping(RbdVolumes, Regrouping):
    """The ability to move volumes between groups."""

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        key = VolumeRecord.key(volume.id)
        with self._locks.acquire(f"volume {volume.id}"):
            if group_id is not None:
                self._records.require_group(group_id)
            record = self._records.require_volume(volume.id)
            if record.group == group_id and record.doing is None:
                return
            if record.group not in (volume.group_id, group_id):
                raise FinalDriverError(f"volume {volume.id} is not in {volume.group_id or 'no group'}")
            require_no_restore(volume.id, record)
            require_intact_image(volume.id, record, self._image_stat(names.image(volume.id)))
            moved = replace(record, group=group_id, doing="move")
            self._records.write({key: moved})
            self._join_recorded_group(volume.id, moved)
