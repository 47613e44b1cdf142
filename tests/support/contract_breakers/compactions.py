"""Drivers that compact too much, too little, or forever."""

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.memory.state import Content
from tests.support.contract_breakers.base import BrokenDriver


class EmptiesSnapshotsOnCompaction(BrokenDriver):
    """Removes data that snapshots share with the volume."""

    breaks = {
        "test_compaction_keeps_content_and_address": "compact_volume leaves the snapshots as they are",
        "test_compacted_volume_can_be_cut_restored_and_deleted": "a snapshot older than compact_volume",
    }

    def compact_volume(self, volume, seconds):
        done = super().compact_volume(volume, seconds)
        for snapshot in self._state.snapshots.values():
            if snapshot.spec.volume_id == volume.id:
                snapshot.content = Content()
        return done


class AlwaysReportsCompactionDue(BrokenDriver):
    breaks = {
        "test_completed_compaction_leaves_nothing_due": "compactions_due must name nothing",
    }

    def compactions_due(self, group_id=None):
        volumes = self._state.volumes.values()
        return [
            VolumeSpec(volume.id, volume.size_gib, volume.group_id)
            for volume in volumes
            if len(volume.snapshots) > 16 and group_id in (None, volume.group_id)
        ]


class FailsToCompactAbsentVolume(BrokenDriver):
    breaks = {
        "test_compaction_of_unknown_volume_succeeds": "compact_volume of no volume must succeed; it raised"
    }

    def compact_volume(self, volume, seconds):
        self._require_volume(volume.id)
        return super().compact_volume(volume, seconds)
