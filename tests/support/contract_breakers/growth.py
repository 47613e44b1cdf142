"""Drivers that extend a volume in use differently from what they report."""

from dataclasses import replace

from cgflow.drivers.conformance.volumes import ONLINE_EXTEND
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.contract_breakers.base import Broken

RULE = "test_extend_while_a_client_writes"


class GrowsLessThanItSays(Broken):
    breaks = {RULE: "extend_volume while a client writes must succeed; it raised BusyDriverError"}

    def extend_volume(self, volume, new_size_gib):
        raise BusyDriverError("a client is connected")


class Modest(Broken):
    """Reports that it does not extend volumes in use."""

    def report(self):
        report = super().report()
        return replace(report, capabilities={**report.capabilities, ONLINE_EXTEND: False})


class GrowsMoreThanItSays(Modest):
    breaks = {RULE: "a volume grew under its client: online_extend_support is not false"}


class GrowsAndSaysBusy(Modest):
    breaks = {RULE: "of a volume that was refused as busy size_bytes must be 1073741824, not 2147483648"}

    def extend_volume(self, volume, new_size_gib):
        super().extend_volume(volume, new_size_gib)
        raise BusyDriverError("a client is connected")


class IsBusyForEver(Modest):
    breaks = {RULE: "extend_volume when the client is gone must succeed; it raised BusyDriverError"}

    def extend_volume(self, volume, new_size_gib):
        raise BusyDriverError("a client is connected")


class TurnsItsClientsOut(Broken):
    breaks = {RULE: "after extend_volume a client that writes must get on: it was told"}

    def extend_volume(self, volume, new_size_gib):
        super().extend_volume(volume, new_size_gib)
        self.grown = volume.id

    def write(self, volume_id, offset_bytes, data):
        if getattr(self, "grown", None) == volume_id:
            raise FinalDriverError("disconnected")
        super().write(volume_id, offset_bytes, data)


class ForgetsWhatCameMeanwhile(Broken):
    breaks = {RULE: "what was acknowledged while the volume grew: the volume at byte"}

    def extend_volume(self, volume, new_size_gib):
        super().extend_volume(volume, new_size_gib)
        self.grown = volume.id

    def write(self, volume_id, offset_bytes, data):
        if getattr(self, "grown", None) != volume_id or offset_bytes > 1 << 20:
            super().write(volume_id, offset_bytes, data)
            return
        with self.wrote:
            self.writes[volume_id] += 1
