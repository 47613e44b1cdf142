"""Drivers that cut correctly, and return no evidence or wrong evidence."""

from dataclasses import replace

from cgflow.drivers.contract.cut_evidence import CutLevel
from tests.support.contract_breakers.base import Broken


class Misreporting(Broken):
    """Cuts, and changes the returned evidence."""

    changes = {}

    def cut(self, cgsnapshot_id, group_id, snapshots):
        told = {**super().cut(cgsnapshot_id, group_id, snapshots), **self.changes}
        return {key: value for key, value in told.items() if value is not ...}


class GivesNoEvidence(Misreporting):
    breaks = {
        "test_cut_gives_evidence": "evidence must tell its mechanism in words",
        "test_evidence_tells_the_level_that_is_reported": "must be that of the report, 'crash', not None",
        "test_evidence_is_told_again": "a second call must tell the level of the first, None, not None",
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        super().cut(cgsnapshot_id, group_id, snapshots)
        return {}


class MakesAnEmptyPromise(Misreporting):
    breaks = {"test_cut_gives_evidence": "evidence must tell its promise in words"}
    changes = {"promise": ""}


class CountsOneMember(Misreporting):
    breaks = {"test_cut_gives_evidence": "evidence must count 2 members, not 1"}
    changes = {"members": 1}


class SaysThatItCutPerVolume(Misreporting):
    breaks = {
        "test_evidence_tells_the_level_that_is_reported": "of the report, 'crash', not 'per-volume'",
        "test_one_member_alone_is_cut_at_one_instant": "must be 'crash', not 'per-volume'",
    }
    changes = {"level": "per-volume"}


class TellsOfAnOldCut(Misreporting):
    breaks = {
        "test_evidence_tells_when_the_cut_was_made_and_how_long_it_took": "cut_at must lie within the call"
    }
    changes = {"cut_at": "2020-02-02T20:20:20.000000"}


class TellsTheTimeOfAnotherZone(Misreporting):
    breaks = {
        "test_evidence_tells_when_the_cut_was_made_and_how_long_it_took": "cut_at must be a moment in UTC"
    }
    changes = {"cut_at": "2020-02-02T20:20:20.000000+01:00"}


class TellsNoTime(Misreporting):
    breaks = {
        "test_evidence_tells_when_the_cut_was_made_and_how_long_it_took": "cut_at must be a .*, not 'soon'"
    }
    changes = {"cut_at": "soon"}


class TookForever(Misreporting):
    breaks = {
        "test_evidence_tells_when_the_cut_was_made_and_how_long_it_took": "must not be longer than the call"
    }
    changes = {"duration_ms": 1e9}


class DidNotMeasure(Misreporting):
    breaks = {
        "test_evidence_tells_when_the_cut_was_made_and_how_long_it_took": "duration_ms must be a number",
        "test_evidence_tells_by_how_much_members_are_apart": "skew_ms must be a number of",
    }
    changes = {"duration_ms": None, "skew_ms": True}


class IsLongerApartThanItTook(Misreporting):
    breaks = {"test_evidence_tells_by_how_much_members_are_apart": "skew_ms must not be longer than the cut"}
    changes = {"skew_ms": 1e9}


class CutsPerVolume(Misreporting):
    """Cuts the members one after the other, and reports so."""

    def __init__(self):
        super().__init__()
        self.level = CutLevel.PER_VOLUME


class HidesItsSkew(CutsPerVolume):
    breaks = {"test_evidence_tells_by_how_much_members_are_apart": "skew_ms must say by how much, not 0"}
    changes = {"skew_ms": 0.0}


class LosesWhatWasAcknowledged(CutsPerVolume):
    breaks = {"test_cut_keeps_the_order_of_writes": "must be of the time of the call; .* lost: .* writes"}

    def __init__(self):
        super().__init__()
        self.early = {}

    def prepare(self, snapshot):
        super().prepare(snapshot)
        self.early[snapshot.id] = self.frozen(snapshot.volume_id)
        self.await_writes(50)

    def cut(self, cgsnapshot_id, group_id, snapshots):
        told = super().cut(cgsnapshot_id, group_id, snapshots)
        for snapshot in snapshots:
            self._state.snapshots[snapshot.id].content = self.early[snapshot.id]
        return told


class ForgetsWhenItCut(Misreporting):
    breaks = {"test_evidence_is_told_again": "a second call must tell the cut_at of the first"}
    calls = 0

    def cut(self, cgsnapshot_id, group_id, snapshots):
        self.calls += 1
        self.changes = {"cut_at": f"2020-02-02T20:20:20.{self.calls:06}"}
        return super().cut(cgsnapshot_id, group_id, snapshots)


class DeniesThatItCanCut(Broken):
    breaks = {"test_ability_to_cut_is_reported": "cut_level must be per-volume or crash for .*, not None"}

    def report(self):
        return replace(super().report(), capabilities={})


class ClaimsSupportAtALowerLevel(CutsPerVolume):
    breaks = {"test_ability_to_cut_is_reported": "consistencygroup_support must be False for .*, not True"}

    def report(self):
        said = super().report()
        return replace(said, capabilities=said.capabilities | {"consistencygroup_support": True})
