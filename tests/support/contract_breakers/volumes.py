"""Drivers that break the rules for groups and volumes."""

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.conformance.volumes import ONLINE_EXTEND
from cgflow.drivers.contract import Connection
from cgflow.drivers.memory.state import Content
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.contract_breakers.base import BrokenDriver


class ReportsZeroCapacity(BrokenDriver):
    breaks = {"test_report_is_plausible": "total_gib must be above zero"}

    def report(self):
        return replace(super().report(), total_gib=0)


class ExtendsNothing(BrokenDriver):
    breaks = {
        "test_provisioned_capacity_follows_volumes": "from 1 to 3 GiB, provisioned_gib must be 4, not 2"
    }

    def extend_volume(self, volume, new_size_gib):
        self.connection(volume)


class NeverDeletesGroups(BrokenDriver):
    breaks = {
        "test_create_and_delete_group": (
            r"after delete_group, inventory\(\) is not exact in its groups: too many"
        )
    }

    def delete_group(self, group_id):
        pass


class NeverDeletesVolumes(BrokenDriver):
    breaks = {"test_create_and_delete_volume_in_group": "after delete_volume, .* in its volumes: too many"}

    def delete_volume(self, volume):
        pass


class OmitsVolumesInNoGroupFromInventory(BrokenDriver):
    breaks = {"test_create_and_delete_volume_without_group": r"in its volumes: too many \[\], missing \['"}

    def inventory(self, group_id=None):
        found = super().inventory(group_id)
        return replace(
            found, volumes=frozenset(id for id in found.volumes if self._state.volumes[id].group_id)
        )


class IgnoresGroupFilterOfInventory(BrokenDriver):
    breaks = {"test_groups_are_independent": r"inventory\(group_id\) is not exact in its groups: too many"}

    def inventory(self, group_id=None):
        return super().inventory()


class SharesContentBetweenVolumes(BrokenDriver):
    breaks = {
        "test_volume_keeps_what_is_written": "a volume keeps what is written: the volume at byte 0 must read"
    }
    one = None

    def create_volume(self, volume):
        super().create_volume(volume)
        self.one = self.one or Content()
        self._state.volumes[volume.id].content = self.one


class CreatesVolumesWithOldData(BrokenDriver):
    breaks = {
        "test_new_volume_reads_as_zeros": r"a new volume is empty: .* reads 4096 bytes with \['x'\] in them"
    }

    def create_volume(self, volume):
        super().create_volume(volume)
        self.write(volume.id, 700 << 20, b"x")


class ReusesContentOfDeletedVolume(BrokenDriver):
    breaks = {"test_recreated_volume_is_empty": "under the id of a deleted one is empty"}

    def delete_volume(self, volume):
        self.old = self._state.volumes.get(volume.id)
        super().delete_volume(volume)

    def create_volume(self, volume):
        super().create_volume(volume)
        if hasattr(self, "old"):
            self._state.volumes[volume.id].content = self.old.content


class RefusesToDeleteWrittenVolume(BrokenDriver):
    breaks = {"test_connected_volume_can_be_deleted": "when the clients are gone must succeed; it raised"}

    def delete_volume(self, volume):
        if self._state.volumes[volume.id].content.allocated_bytes:
            raise BusyDriverError("a client is connected")
        super().delete_volume(volume)


class DeletesVolumeAndRaisesBusy(BrokenDriver):
    breaks = {"test_connected_volume_can_be_deleted": "which was refused as busy, inventory"}

    def delete_volume(self, volume):
        super().delete_volume(volume)
        raise BusyDriverError("a client is connected")


class EmptiesVolumeOnExtend(BrokenDriver):
    breaks = {"test_extend_and_shrink_back_keep_content": "extend_volume keeps content: the volume at byte 0"}

    def extend_volume(self, volume, new_size_gib):
        super().extend_volume(volume, new_size_gib)
        self._state.volumes[volume.id].content = Content()


class ReturnsAddressesThatAreNotJson(BrokenDriver):
    breaks = {
        "test_connection_is_json_and_names_a_protocol": "connection: data as JSON must succeed; it raised",
        "test_connection_has_the_volume_size": "after create_volume size_bytes must be 1073741824, not None",
        "test_export_and_unexport": "export_snapshot: data as JSON must succeed; it raised TypeError",
    }

    def connection(self, volume):
        return Connection("memory", {"volume": b"raw"})

    export_snapshot = connection


EXTEND_RULE = "test_extend_while_a_client_writes"


class ReportsOnlineExtendAndRefusesIt(BrokenDriver):
    breaks = {EXTEND_RULE: "extend_volume while a client writes must succeed; it raised BusyDriverError"}

    def extend_volume(self, volume, new_size_gib):
        raise BusyDriverError("a client is connected")


class ReportsNoOnlineExtend(BrokenDriver):
    """Reports that it does not extend volumes in use."""

    def report(self):
        report = super().report()
        return replace(report, capabilities={**report.capabilities, ONLINE_EXTEND: False})


class ExtendsOnlineWithoutReportingIt(ReportsNoOnlineExtend):
    breaks = {EXTEND_RULE: "a volume grew under its client: online_extend_support is not false"}


class ExtendsVolumeAndRaisesBusy(ReportsNoOnlineExtend):
    breaks = {
        EXTEND_RULE: "of a volume that was refused as busy size_bytes must be 1073741824, not 2147483648"
    }

    def extend_volume(self, volume, new_size_gib):
        super().extend_volume(volume, new_size_gib)
        raise BusyDriverError("a client is connected")


class RefusesEveryExtendAsBusy(ReportsNoOnlineExtend):
    breaks = {EXTEND_RULE: "extend_volume when the client is gone must succeed; it raised BusyDriverError"}

    def extend_volume(self, volume, new_size_gib):
        raise BusyDriverError("a client is connected")


class DisconnectsClientsOnExtend(BrokenDriver):
    breaks = {EXTEND_RULE: "after extend_volume a client that writes must get on: it was told"}

    def extend_volume(self, volume, new_size_gib):
        super().extend_volume(volume, new_size_gib)
        self.grown = volume.id

    def write(self, volume_id, offset_bytes, data):
        if getattr(self, "grown", None) == volume_id:
            raise FinalDriverError("disconnected")
        super().write(volume_id, offset_bytes, data)


class LosesWritesDuringExtend(BrokenDriver):
    breaks = {EXTEND_RULE: "what was acknowledged while the volume grew: the volume at byte"}

    def extend_volume(self, volume, new_size_gib):
        super().extend_volume(volume, new_size_gib)
        self.grown = volume.id

    def write(self, volume_id, offset_bytes, data):
        if getattr(self, "grown", None) != volume_id or offset_bytes > 1 << 20:
            super().write(volume_id, offset_bytes, data)
            return
        with self.wrote:
            self.writes[volume_id] += 1


_MAGIC = b"QFI\xfb"


class ReportsWrongFormat(BrokenDriver):
    breaks = {"test_connection_names_the_format": "must say that the format is raw, not 'qcow2'"}

    def connection(self, volume):
        found = super().connection(volume)
        return replace(found, data={**found.data, "format": "qcow2"})


class ProbesImageHeaders(BrokenDriver):
    """Replaces a volume's content by what an image header in it describes, which is zeros here."""

    def probe(self, volume_id):
        content = self._state.volumes[volume_id].content
        if content.read(0, 4) == _MAGIC:
            content.write(0, bytes(4096))


class ProbesImageHeaderOnClone(ProbesImageHeaders):
    breaks = {
        "test_content_that_looks_like_an_image_is_copied": "a clone holds what the snapshot holds: the header"
    }

    def clone_volume(self, volume, source):
        super().clone_volume(volume, source)
        self.probe(volume.id)


class ProbesImageHeaderOnRestore(ProbesImageHeaders):
    breaks = {
        "test_content_that_looks_like_an_image_is_restored": "a restored volume holds what the snapshot holds"
    }

    def restore(self, restore_id, snapshots):
        super().restore(restore_id, snapshots)
        for snapshot in snapshots:
            self.probe(snapshot.volume_id)


class ProbesImageHeaderOnMove(ProbesImageHeaders):
    breaks = {
        "test_content_that_looks_like_an_image_is_moved_and_extended": "a volume holds what was written"
    }

    def move_volume(self, volume, group_id):
        super().move_volume(volume, group_id)
        self.probe(volume.id)
