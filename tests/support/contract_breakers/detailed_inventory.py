"""Drivers that support the detailed inventory and return wrong details."""

from dataclasses import replace

from cgflow.drivers.contract import VolumeDetails
from tests.support.contract_breakers.base import BrokenDriver


class ReportsWrongVolumeSizes(BrokenDriver):
    breaks = {"test_detail_lists_each_object": "detail must report size and group of each volume"}

    def detail(self):
        told = super().detail()
        small = {id: VolumeDetails(1024**3, held.group_id) for id, held in told.volumes.items()}
        return replace(told, volumes=small)


class ReportsFormerGroupOfMovedSnapshots(BrokenDriver):
    breaks = {
        "test_detail_has_the_new_group_of_a_moved_volume": (
            "detail must report volume and group of each snapshot"
        )
    }

    def __init__(self):
        super().__init__()
        self.first = {}

    def detail(self):
        told = super().detail()
        return replace(told, snapshots={id: self.first[id] for id in told.snapshots})

    def cut(self, cgsnapshot_id, group_id, snapshots):
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        self.first |= super().detail().snapshots
        return evidence
