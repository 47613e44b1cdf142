"""Rules for the cut: all members at one instant or none, with true evidence.

A cut contains every earlier write and no later one. The central rule checks that under load, and a control
validates the check. A driver that reports the level ``per-volume`` is exempt from the order of writes across
members, but not from the rule that the cut lies within the call. The evidence of a cut must be complete,
true where that can be checked, and repeatable, at every level.
"""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from cgflow.drivers.conformance.assertions import Violation, expect, must_raise_final_error, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.conformance.write_order_checker import (
    DEADLINE_S,
    Finding,
    OrderedWriters,
    Progress,
    check_snapshots,
)
from cgflow.drivers.contract import JSON, GroupSnapshots, SnapshotSpec, VolumeSpec
from cgflow.drivers.contract.cut_evidence import CUT_LEVEL, GROUP_SUPPORT, CutLevel, parse_level

SLACK_MS = 1.0
"""Milliseconds by which rounded values may exceed their bounds."""

MEMBERS = 4
WRITERS = 3 * MEMBERS
CUTS = 6
PROGRESS = 4 * WRITERS
"""Acknowledged writes to wait for before each cut."""


class CutRules:
    """Rules for the instant of a cut; ``WriteOrderRules`` checks the order of writes across members."""

    def test_cut_freezes_content(self, scenario: Scenario) -> None:
        members = scenario.new_members(3)
        for volume in members:
            scenario.write(volume, "A")
        snapshots = scenario.take_cgsnapshot(members)
        for volume in members:
            scenario.write(volume, "B")
        for volume, snapshot in zip(members, snapshots, strict=True):
            scenario.expect_snapshot(snapshot, "A", "a snapshot holds what was written before the cut")
            scenario.expect_volume(volume, "B", "a volume goes on after the cut")

    def test_write_after_prepare_is_in_the_cut(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        snapshots = new_snapshot_specs(members)
        for volume, snapshot in zip(members, snapshots, strict=True):
            scenario.write(volume, "A")
            scenario.prepare(snapshot)
            scenario.write(volume, "B")
        scenario.cut(snapshots)
        for snapshot in snapshots:
            scenario.expect_snapshot(snapshot, "B", "the cut is the instant, not prepare")

    def test_cut_with_unprepared_member_is_refused(self, scenario: Scenario) -> None:
        members = scenario.new_members(3)
        snapshots = new_snapshot_specs(members)
        for volume in members:
            scenario.write(volume, "A")
        # The unprepared member is last: a driver that cuts one member after the other has then cut the rest.
        for snapshot in snapshots[:2]:
            scenario.prepare(snapshot)
        cut = partial(
            scenario.group_snapshot_driver.cut, snapshots[0].cgsnapshot_id, snapshots[0].group_id, snapshots
        )
        scenario.expect_refusal("cut with a member that is not prepared", cut)
        for snapshot in snapshots:
            must_raise_final_error(
                "snapshot of a member of a refused cut",
                partial(scenario.group_snapshot_driver.snapshot, snapshot),
            )
        for volume in members:
            scenario.write(volume, "B")
            scenario.expect_volume(volume, "B", "writes go on after a refused cut")
        scenario.prepare(snapshots[2])
        scenario.cut(snapshots, "cut of a cgsnapshot that was refused while a member was not prepared")
        for snapshot in snapshots:
            scenario.expect_snapshot(snapshot, "B", "a refused cut has cut no member")

    def test_each_cgsnapshot_has_its_own_content(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        taken = []
        for letter in "ABC":
            for volume in members:
                scenario.write(volume, letter)
            taken.append((letter, scenario.take_cgsnapshot(members)))
        for letter, snapshots in taken:
            for snapshot in snapshots:
                scenario.expect_snapshot(snapshot, letter, "each cgsnapshot holds its own instant")

    def test_cut_of_one_group_does_not_cut_another(self, scenario: Scenario) -> None:
        members, others = scenario.new_members(2), scenario.new_members(2)
        waiting = new_snapshot_specs(others)
        for volume, snapshot in zip(others, waiting, strict=True):
            scenario.write(volume, "A")
            scenario.prepare(snapshot)
        scenario.take_cgsnapshot(members)
        for volume, snapshot in zip(others, waiting, strict=True):
            must_raise_final_error(
                "a call of snapshot for a snapshot in a group not cut",
                partial(scenario.group_snapshot_driver.snapshot, snapshot),
            )
            scenario.write(volume, "B")
        scenario.cut(waiting)
        for snapshot in waiting:
            scenario.expect_snapshot(snapshot, "B", "the cut of one group does not cut another")


def reports_one_instant(scenario: Scenario) -> bool:
    """Whether the driver claims to cut all members at one instant."""
    reported = must_succeed("report", scenario.driver.report).capabilities.get(CUT_LEVEL)
    return parse_level(reported) is not CutLevel.PER_VOLUME


class EvidenceRules:
    """Rules for what a driver reports about its cuts."""

    def test_report_names_the_cut_level(self, scenario: Scenario) -> None:
        reported = must_succeed("report", scenario.driver.report).capabilities
        level, supports = reported.get(CUT_LEVEL), reported.get(GROUP_SUPPORT)
        can_cut = isinstance(scenario.driver, GroupSnapshots)
        known = " or ".join(CutLevel) if can_cut else "missing"
        expect(
            (parse_level(level) is not None) if can_cut else level is None,
            f"report: {CUT_LEVEL} must be {known} for this driver, not {level!r}",
        )
        expect(
            supports is (level == CutLevel.CRASH),
            f"report: {GROUP_SUPPORT} must be {level == CutLevel.CRASH} for this driver, not {supports!r}",
        )

    def test_cut_returns_evidence(self, scenario: Scenario) -> None:
        evidence = _cut_and_get_evidence(scenario)
        must_succeed("cut: evidence as JSON", lambda: json.dumps(evidence))
        for key in ("mechanism", "promise") if "promise" in evidence else ("mechanism",):
            words = evidence.get(key)
            expect(bool(words) and isinstance(words, str), f"cut: evidence must tell its {key} in words")
        members = evidence.get("members")
        expect(members == 2, f"cut: evidence must count 2 members, not {members!r}")

    def test_evidence_has_the_reported_level(self, scenario: Scenario) -> None:
        evidence = _cut_and_get_evidence(scenario)
        reported = must_succeed("report", scenario.driver.report).capabilities.get(CUT_LEVEL)
        level = evidence.get("level")
        expect(
            parse_level(level) is not None and level == reported,
            f"cut: the level of the evidence must be that of the report, {reported!r}, not {level!r}",
        )

    def test_evidence_of_one_member_has_level_crash(self, scenario: Scenario) -> None:
        snapshots = new_snapshot_specs(scenario.new_members(1))
        for snapshot in snapshots:
            scenario.prepare(snapshot)
        level = scenario.cut(snapshots).get("level")
        expect(
            level == CutLevel.CRASH,
            f"cut: one member alone is apart from nobody, so the level must be {CutLevel.CRASH.value!r}, "
            f"not {level!r}",
        )

    def test_evidence_has_time_and_duration_of_the_cut(self, scenario: Scenario) -> None:
        snapshots = new_snapshot_specs(scenario.new_members(2))
        for snapshot in snapshots:
            scenario.prepare(snapshot)
        before, began = datetime.now(UTC), time.monotonic()
        evidence = scenario.cut(snapshots)
        lasted_ms, after = (time.monotonic() - began) * 1000, datetime.now(UTC)
        at = _parse_time(evidence.get("cut_at"))
        expect(
            before <= at <= after,
            f"cut: cut_at must lie within the call, {before} to {after}, and is {at}",
        )
        took = _require_number(evidence, "duration_ms")
        expect(
            took <= lasted_ms + SLACK_MS,
            f"cut: duration_ms must not be longer than the call, {lasted_ms:g} ms, and is {took:g}",
        )

    def test_evidence_has_skew_between_members(self, scenario: Scenario) -> None:
        evidence = _cut_and_get_evidence(scenario)
        skew, took = _require_number(evidence, "skew_ms"), _require_number(evidence, "duration_ms")
        expect(
            skew <= took + SLACK_MS,
            f"cut: skew_ms must not be longer than the cut, {took:g} ms, and is {skew:g}",
        )
        expect(
            skew > 0 or reports_one_instant(scenario),
            "cut: members that are cut one after the other are apart: skew_ms must say by how much, not 0",
        )

    def test_repeated_cut_returns_the_same_evidence(self, scenario: Scenario) -> None:
        snapshots = new_snapshot_specs(scenario.new_members(2))
        for snapshot in snapshots:
            scenario.prepare(snapshot)
        first = scenario.cut(snapshots)
        _expect_same_evidence(first, scenario.cut(snapshots, "a second cut"), "a second call")
        scenario.restart("a cut")
        _expect_same_evidence(
            first, scenario.cut(snapshots, "a cut after a restart"), "a call after a restart"
        )


def _expect_same_evidence(first: JSON, again: JSON, when: str) -> None:
    """Check evidence that is reported again. A time that is unknown by then may be None."""
    for key in ("level", "members", "cut_at", "duration_ms"):
        allowed = (first.get(key), None) if key in ("cut_at", "duration_ms") else (first.get(key),)
        expect(
            key in again and again[key] in allowed,
            f"cut: {when} must tell the {key} of the first, {first.get(key)!r}, not {again.get(key)!r}",
        )


def _cut_and_get_evidence(scenario: Scenario) -> JSON:
    snapshots = new_snapshot_specs(scenario.new_members(2))
    for snapshot in snapshots:
        scenario.prepare(snapshot)
    return scenario.cut(snapshots)


def _require_number(evidence: JSON, key: str) -> float:
    value = evidence.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    expect(is_number and value >= 0, f"cut: {key} must be a number of 0 or more, not {value!r}")  # type: ignore[operator]
    return float(value)  # type: ignore[arg-type]


def _parse_time(value: object) -> datetime:
    """Parse a time in UTC; a time without a zone is in UTC as well."""
    rule = f"cut: cut_at must be a moment in UTC, such as 2026-11-22T10:19:45.852956, not {value!r}"
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        expect(False, rule)  # the rule is violated
        raise
    expect(not read.utcoffset() and "." in str(value), rule)
    return read.replace(tzinfo=UTC)


class WriteOrderRules:
    """Rules for dependent writes across members while cgsnapshots are taken."""

    def test_cut_keeps_the_order_of_writes(self, scenario: Scenario) -> None:
        is_ordered = reports_one_instant(scenario)
        with _run_writers_on_new_members(scenario) as (members, writers):
            bad: list[str] = []
            for number in range(CUTS):
                _await_progress(writers, f"after {number} cuts")
                snapshots = new_snapshot_specs(members)
                for snapshot in snapshots:
                    scenario.prepare(snapshot)
                before = writers.progress()
                _cut_snapshots(scenario, snapshots)
                after = writers.progress()
                # These writes must not be in the snapshots; a late snapshot would contain them.
                _await_progress(writers, "after a cut")
                with writers.pause():
                    finding = _check_and_delete(scenario, snapshots, before, after)
                bad.extend((finding if is_ordered else replace(finding, order=0)).violations())
        shown = "; ".join(dict.fromkeys(bad))
        rule = "one instant for every member" if is_ordered else "of the time of the call"
        expect(not bad, f"cut must be {rule}; in {CUTS} cuts under load: {shown}")

    def test_separate_cuts_of_members_are_detected(self, scenario: Scenario) -> None:
        """Control: cuts of single members must be detected, or the rule above proves nothing."""
        with _run_writers_on_new_members(scenario) as (members, writers):
            _await_progress(writers, "before the control")
            before = writers.progress()
            snapshots = []
            for volume in members:
                (snapshot,) = new_snapshot_specs([volume])
                scenario.prepare(snapshot)
                _cut_snapshots(scenario, [snapshot])
                snapshots.append(snapshot)
                # The writes of the second wait depend on those of the first.
                for _ in range(2):
                    _await_progress(writers, "between two cuts of single members")
            after = writers.progress()
            with writers.pause():
                finding = _check_and_delete(scenario, snapshots, before, after)
        expect(
            finding.order > 0,
            "a cut of one member must cut that member then, and no other: members cut one by one, with "
            f"writes between, look like one instant ({finding})",
        )


@contextmanager
def _run_writers_on_new_members(scenario: Scenario) -> Iterator[tuple[list[VolumeSpec], OrderedWriters]]:
    """Create members, and make dependent writes to them from several threads until the block ends."""
    members = scenario.new_members(MEMBERS)
    scenario.group_snapshot_driver  # noqa: B018 - skips here, before anything is written, if the driver cannot cut

    def write(member: int, offset_bytes: int, data: bytes) -> None:
        must_succeed(
            "a write while cgsnapshots are taken",
            partial(scenario.harness.write, members[member], offset_bytes, data),
        )

    with OrderedWriters([write] * WRITERS, MEMBERS) as writers:
        yield members, writers


def _await_progress(writers: OrderedWriters, when: str) -> None:
    if not writers.await_progress(PROGRESS):
        raise Violation(f"no {PROGRESS} writes in {DEADLINE_S:g} s {when}: I/O is held")


def _cut_snapshots(scenario: Scenario, snapshots: list[SnapshotSpec]) -> None:
    first = snapshots[0]
    must_succeed(
        "cut", lambda: scenario.group_snapshot_driver.cut(first.cgsnapshot_id, first.group_id, snapshots)
    )


def _check_and_delete(
    scenario: Scenario, snapshots: list[SnapshotSpec], before: Progress, after: Progress
) -> Finding:
    """Read snapshots, check them, and delete them."""
    for snapshot in snapshots:
        scenario.export(snapshot)
    reads = [partial(scenario.harness.read_snapshot, snapshot) for snapshot in snapshots]
    try:
        finding = check_snapshots(reads, before, after)
    except ValueError as error:
        raise Violation(f"a snapshot holds what was written and nothing else: {error}") from error
    for snapshot in snapshots:
        scenario.delete_snapshot(snapshot)
    return finding
