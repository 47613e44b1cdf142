"""Drivers whose cut is not at one instant for all members, or not all-or-nothing."""

from __future__ import annotations

import threading
from dataclasses import replace

from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.errors import FinalDriverError
from tests.support.contract_breakers.base import BrokenDriver


class CutsMemberByMember(BrokenDriver):
    breaks = {
        "test_cut_keeps_the_order_of_writes": "must be one instant .* order: .* writes are missing although"
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        early = {}
        for snapshot in snapshots:
            early[snapshot.id] = self.frozen(snapshot.volume_id)
            self.await_writes(50)
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        for id, content in early.items():
            self._state.snapshots[id].content = content
        return evidence


class CutsAtPrepare(BrokenDriver):
    breaks = {
        "test_write_after_prepare_is_in_the_cut": "the cut is the instant, not prepare: the snapshot at",
        "test_cut_keeps_the_order_of_writes": "lost: .* acknowledged before the call are not there",
    }

    def __init__(self):
        super().__init__()
        self.early = {}

    def prepare(self, snapshot):
        super().prepare(snapshot)
        self.early[snapshot.id] = self.frozen(snapshot.volume_id)
        if threading.current_thread() is not threading.main_thread():
            # Only the rule for write order has running clients.
            self.await_writes(50)

    def cut(self, cgsnapshot_id, group_id, snapshots):
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        for snapshot in snapshots:
            self._state.snapshots[snapshot.id].content = self.early[snapshot.id]
        return evidence


class CutsAtExport(BrokenDriver):
    breaks = {
        "test_cut_freezes_content": "a snapshot holds what was written before the cut: the snapshot at byte",
        "test_cut_keeps_the_order_of_writes": "future: .* issued after the return are there",
        "test_each_cgsnapshot_has_its_own_content": "each cgsnapshot holds its own instant: the snapshot at",
        "test_snapshot_is_immutable": "a snapshot exported again reads as it was cut: the snapshot at byte 0",
        "test_snapshot_outlives_a_resize_of_its_volume": "does not follow a resize of its volume: the",
    }

    def export_snapshot(self, snapshot):
        connection = super().export_snapshot(snapshot)
        if threading.current_thread() is not threading.main_thread():
            # Only the rule for write order has running clients.
            self.await_writes(50)
        self._state.snapshots[snapshot.id].content = self.frozen(snapshot.volume_id)
        return connection


class KeepsPartOfRefusedCut(BrokenDriver):
    breaks = {
        "test_cut_with_unprepared_member_is_refused": "snapshot of a member of a refused cut must raise"
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        try:
            return super().cut(cgsnapshot_id, group_id, snapshots)
        except FinalDriverError:
            for snapshot in snapshots:
                if snapshot.id in self._state.snapshots:
                    self._state.snapshots[snapshot.id].content = self.frozen(snapshot.volume_id)
            raise


class SkipsUnpreparedMembers(BrokenDriver):
    breaks = {
        "test_cut_with_unprepared_member_is_refused": "cut with a member that is not prepared must raise"
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        return super().cut(cgsnapshot_id, group_id, [s for s in snapshots if s.id in self._state.snapshots])


class CutsEveryGroup(BrokenDriver):
    breaks = {
        "test_cut_of_one_group_does_not_cut_another": (
            "a call of snapshot for a snapshot in a group not cut must"
        )
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        for snapshot in self._state.snapshots.values():
            snapshot.content = snapshot.content or self.frozen(snapshot.spec.volume_id)
        return super().cut(cgsnapshot_id, group_id, snapshots)


class ReturnsContentOfFirstCutForLaterCuts(BrokenDriver):
    """Cuts every volume with the first member, and returns that content for all later cuts."""

    breaks = {"test_separate_cuts_of_members_are_detected": "members cut one by one, with writes between"}

    def __init__(self):
        super().__init__()
        self.first = {}

    def cut(self, cgsnapshot_id, group_id, snapshots):
        evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        if threading.current_thread() is threading.main_thread() and sum(self.writes.values()):
            with self._lock:
                # Snapshot all at one instant: otherwise another fault would sometimes be detected.
                for volume_id, volume in self._state.volumes.items():
                    if volume_id not in self.first:
                        self.first[volume_id] = volume.content.snapshot()
            for snapshot in snapshots:
                self._state.snapshots[snapshot.id].content = self.first[snapshot.volume_id]
        return evidence


class MisreportsCutEvidence(BrokenDriver):
    """Cuts, and changes the returned evidence."""

    changes = {}

    def cut(self, cgsnapshot_id, group_id, snapshots):
        told = {**super().cut(cgsnapshot_id, group_id, snapshots), **self.changes}
        return {key: value for key, value in told.items() if value is not ...}


class ReturnsNoCutEvidence(MisreportsCutEvidence):
    breaks = {
        "test_cut_returns_evidence": "evidence must tell its mechanism in words",
        "test_evidence_has_the_reported_level": "must be that of the report, 'crash', not None",
        "test_repeated_cut_returns_the_same_evidence": (
            "a second call must tell the level of the first, None, not None"
        ),
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        super().cut(cgsnapshot_id, group_id, snapshots)
        return {}


class ReportsEmptyPromise(MisreportsCutEvidence):
    breaks = {"test_cut_returns_evidence": "evidence must tell its promise in words"}
    changes = {"promise": ""}


class ReportsWrongMemberCount(MisreportsCutEvidence):
    breaks = {"test_cut_returns_evidence": "evidence must count 2 members, not 1"}
    changes = {"members": 1}


class ReportsWrongCutLevel(MisreportsCutEvidence):
    breaks = {
        "test_evidence_has_the_reported_level": "of the report, 'crash', not 'per-volume'",
        "test_evidence_of_one_member_has_level_crash": "must be 'crash', not 'per-volume'",
    }
    changes = {"level": "per-volume"}


class ReportsCutTimeBeforeTheCall(MisreportsCutEvidence):
    breaks = {"test_evidence_has_time_and_duration_of_the_cut": "cut_at must lie within the call"}
    changes = {"cut_at": "2020-02-02T20:20:20.000000"}


class ReportsCutTimeNotInUtc(MisreportsCutEvidence):
    breaks = {"test_evidence_has_time_and_duration_of_the_cut": "cut_at must be a moment in UTC"}
    changes = {"cut_at": "2020-02-02T20:20:20.000000+01:00"}


class ReportsMalformedCutTime(MisreportsCutEvidence):
    breaks = {"test_evidence_has_time_and_duration_of_the_cut": "cut_at must be a .*, not 'soon'"}
    changes = {"cut_at": "soon"}


class ReportsDurationLongerThanTheCall(MisreportsCutEvidence):
    breaks = {"test_evidence_has_time_and_duration_of_the_cut": "must not be longer than the call"}
    changes = {"duration_ms": 1e9}


class ReportsNoDurationAndNoSkew(MisreportsCutEvidence):
    breaks = {
        "test_evidence_has_time_and_duration_of_the_cut": "duration_ms must be a number",
        "test_evidence_has_skew_between_members": "skew_ms must be a number of",
    }
    changes = {"duration_ms": None, "skew_ms": True}


class ReportsSkewLongerThanTheCut(MisreportsCutEvidence):
    breaks = {"test_evidence_has_skew_between_members": "skew_ms must not be longer than the cut"}
    changes = {"skew_ms": 1e9}


class CutsPerVolume(MisreportsCutEvidence):
    """Cuts the members one after the other, and reports so."""

    def __init__(self):
        super().__init__()
        self.level = CutLevel.PER_VOLUME


class ReportsZeroSkewOfPerVolumeCut(CutsPerVolume):
    breaks = {"test_evidence_has_skew_between_members": "skew_ms must say by how much, not 0"}
    changes = {"skew_ms": 0.0}


class LosesAcknowledgedWrites(CutsPerVolume):
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


class ChangesCutTimeOnRepeatedCut(MisreportsCutEvidence):
    breaks = {
        "test_repeated_cut_returns_the_same_evidence": "a second call must tell the cut_at of the first"
    }
    calls = 0

    def cut(self, cgsnapshot_id, group_id, snapshots):
        self.calls += 1
        self.changes = {"cut_at": f"2020-02-02T20:20:20.{self.calls:06}"}
        return super().cut(cgsnapshot_id, group_id, snapshots)


class ReportsNoCutLevel(BrokenDriver):
    breaks = {"test_report_names_the_cut_level": "cut_level must be per-volume or crash for .*, not None"}

    def report(self):
        return replace(super().report(), capabilities={})


class ReportsGroupSupportForPerVolumeCuts(CutsPerVolume):
    breaks = {"test_report_names_the_cut_level": "consistencygroup_support must be False for .*, not True"}

    def report(self):
        said = super().report()
        return replace(said, capabilities=said.capabilities | {"consistencygroup_support": True})
