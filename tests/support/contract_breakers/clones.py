"""Drivers whose clones have the wrong content or depend on their source."""

from dataclasses import replace

from cgflow.drivers.memory.state import Content
from tests.support.contract_breakers.base import BrokenDriver


class ClonesCurrentContentOfVolume(BrokenDriver):
    """Snapshots the volume's current content instead of the snapshot's."""

    breaks = {
        "test_clone_has_content_of_snapshot": "a clone holds what the snapshot holds: the volume at",
        "test_clone_into_no_group": "a clone in no group holds what the snapshot holds: the volume",
        "test_clone_of_a_plain_snapshot": "a clone of a volume in no group holds what the snapshot holds",
        "test_clone_of_an_exported_snapshot": "a clone of an exported snapshot: the volume at byte 0",
    }

    def clone_volume(self, volume, source):
        super().clone_volume(volume, source)
        self._state.volumes[volume.id].content = self.frozen(source.volume_id)


class ClonesOneLayer(BrokenDriver):
    """Snapshots only what was written since the previous snapshot, as if reading one file of a chain."""

    breaks = {
        "test_clone_includes_data_of_older_snapshots": (
            "a clone holds what is in an older snapshot only: the volume"
        )
    }

    def clone_volume(self, volume, source):
        super().clone_volume(volume, source)
        content = self._state.volumes[volume.id].content
        self._state.volumes[volume.id].content = Content({0: content.read(0, 4096)})


class LosesCloneContentWithSnapshot(BrokenDriver):
    breaks = {
        "test_clone_outlives_its_source": "a clone outlives the snapshot: the volume at byte 0 must read"
    }

    def clone_volume(self, volume, source):
        super().clone_volume(volume, source)
        self._state.volumes[volume.id].content = self.content_of(source)

    def delete_snapshot(self, snapshot):
        self.content_of(snapshot).truncate(0)
        super().delete_snapshot(snapshot)


class ClonesIntoGroupOfSource(BrokenDriver):
    breaks = {"test_clone_into_another_group": "after clone_volume, inventory.* is not exact in its volumes"}

    def clone_volume(self, volume, source):
        super().clone_volume(replace(volume, group_id=source.group_id), source)


class IgnoresRequestedSizeOfClone(BrokenDriver):
    breaks = {"test_clone_larger_than_the_snapshot": "a read must succeed; it raised FinalDriverError: bytes"}

    def clone_volume(self, volume, source):
        super().clone_volume(replace(volume, size_gib=1), source)


class RecreatesCloneOnRepeatedCall(BrokenDriver):
    breaks = {"test_clone_twice": "a second clone_volume leaves the volume as it is: the volume at byte 0"}

    def clone_volume(self, volume, source):
        self.delete_volume(volume)
        super().clone_volume(volume, source)


class NeverDeletesClones(BrokenDriver):
    breaks = {
        "test_clone_is_undone_by_delete_volume": (
            "after delete_volume of a clone, inventory.* in its volumes: too many"
        )
    }

    def __init__(self):
        super().__init__()
        self.clones = set()

    def clone_volume(self, volume, source):
        self.clones.add(volume.id)
        super().clone_volume(volume, source)

    def delete_volume(self, volume):
        if volume.id not in self.clones:
            super().delete_volume(volume)


class UnexportsSnapshotOnClone(BrokenDriver):
    breaks = {
        "test_clone_of_an_exported_snapshot": "after clone_volume, inventory.* in its exports: .* missing"
    }

    def clone_volume(self, volume, source):
        super().clone_volume(volume, source)
        self.unexport_snapshot(source)


class EnlargesCloneThatIsTooSmall(BrokenDriver):
    breaks = {
        "test_invalid_clones_are_refused": "clone_volume of a larger snapshot must raise Final.*success"
    }

    def clone_volume(self, volume, source):
        snapshot = self._state.snapshots.get(source.id)
        whole = volume.size_gib if snapshot is None else max(volume.size_gib, snapshot.size_gib)
        super().clone_volume(replace(volume, size_gib=whole), source)
