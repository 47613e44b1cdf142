"""Rules for the evidence of a cut: it is complete, true where that can be checked, and repeatable.

These rules hold at every level. What a level guarantees is checked by ``write_order_rules``, which demands
one instant unless the driver reports ``per-volume``.
"""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.contract import JSON, GroupSnapshots
from cgflow.drivers.contract.cut_evidence import CUT_LEVEL, GROUP_SUPPORT, CutLevel, parse_level

SLACK_MS = 1.0
"""Milliseconds by which rounded values may exceed their bounds."""


def says_one_instant(scene: Scenario) -> bool:
    """Whether the driver claims to cut all members at one instant."""
    said = must_succeed("report", scene.driver.report).capabilities.get(CUT_LEVEL)
    return parse_level(said) is not CutLevel.PER_VOLUME


class EvidenceRules:
    """Rules for what a driver reports about its cuts."""

    def test_ability_to_cut_is_reported(self, scene: Scenario) -> None:
        said = must_succeed("report", scene.driver.report).capabilities
        level, supports = said.get(CUT_LEVEL), said.get(GROUP_SUPPORT)
        can_cut = isinstance(scene.driver, GroupSnapshots)
        known = " or ".join(CutLevel) if can_cut else "missing"
        expect(
            (parse_level(level) is not None) if can_cut else level is None,
            f"report: {CUT_LEVEL} must be {known} for this driver, not {level!r}",
        )
        expect(
            supports is (level == CutLevel.CRASH),
            f"report: {GROUP_SUPPORT} must be {level == CutLevel.CRASH} for this driver, not {supports!r}",
        )

    def test_cut_gives_evidence(self, scene: Scenario) -> None:
        told = _told(scene)
        must_succeed("cut: evidence as JSON", lambda: json.dumps(told))
        for key in ("mechanism", "promise") if "promise" in told else ("mechanism",):
            words = told.get(key)
            expect(bool(words) and isinstance(words, str), f"cut: evidence must tell its {key} in words")
        members = told.get("members")
        expect(members == 2, f"cut: evidence must count 2 members, not {members!r}")

    def test_evidence_tells_the_level_that_is_reported(self, scene: Scenario) -> None:
        told = _told(scene)
        said = must_succeed("report", scene.driver.report).capabilities.get(CUT_LEVEL)
        level = told.get("level")
        expect(
            parse_level(level) is not None and level == said,
            f"cut: the level of the evidence must be that of the report, {said!r}, not {level!r}",
        )

    def test_one_member_alone_is_cut_at_one_instant(self, scene: Scenario) -> None:
        copies = new_snapshot_specs(scene.new_members(1))
        for copy in copies:
            scene.prepare(copy)
        level = scene.cut(copies).get("level")
        expect(
            level == CutLevel.CRASH,
            f"cut: one member alone is apart from nobody, so the level must be {CutLevel.CRASH.value!r}, "
            f"not {level!r}",
        )

    def test_evidence_tells_when_the_cut_was_made_and_how_long_it_took(self, scene: Scenario) -> None:
        copies = new_snapshot_specs(scene.new_members(2))
        for copy in copies:
            scene.prepare(copy)
        before, began = datetime.now(UTC), time.monotonic()
        told = scene.cut(copies)
        lasted_ms, after = (time.monotonic() - began) * 1000, datetime.now(UTC)
        at = _moment(told.get("cut_at"))
        expect(
            before <= at <= after,
            f"cut: cut_at must lie within the call, {before} to {after}, and is {at}",
        )
        took = _number(told, "duration_ms")
        expect(
            took <= lasted_ms + SLACK_MS,
            f"cut: duration_ms must not be longer than the call, {lasted_ms:g} ms, and is {took:g}",
        )

    def test_evidence_tells_by_how_much_members_are_apart(self, scene: Scenario) -> None:
        told = _told(scene)
        skew, took = _number(told, "skew_ms"), _number(told, "duration_ms")
        expect(
            skew <= took + SLACK_MS,
            f"cut: skew_ms must not be longer than the cut, {took:g} ms, and is {skew:g}",
        )
        expect(
            skew > 0 or says_one_instant(scene),
            "cut: members that are cut one after the other are apart: skew_ms must say by how much, not 0",
        )

    def test_evidence_is_told_again(self, scene: Scenario) -> None:
        copies = new_snapshot_specs(scene.new_members(2))
        for copy in copies:
            scene.prepare(copy)
        first = scene.cut(copies)
        _same(first, scene.cut(copies, "a second cut"), "a second call")
        scene.restart("a cut")
        _same(first, scene.cut(copies, "a cut after a restart"), "a call after a restart")


def _same(first: JSON, again: JSON, when: str) -> None:
    """Check evidence that is reported again. A time that is unknown by then may be None."""
    for key in ("level", "members", "cut_at", "duration_ms"):
        allowed = (first.get(key), None) if key in ("cut_at", "duration_ms") else (first.get(key),)
        expect(
            key in again and again[key] in allowed,
            f"cut: {when} must tell the {key} of the first, {first.get(key)!r}, not {again.get(key)!r}",
        )


def _told(scene: Scenario) -> JSON:
    copies = new_snapshot_specs(scene.new_members(2))
    for copy in copies:
        scene.prepare(copy)
    return scene.cut(copies)


def _number(told: JSON, key: str) -> float:
    value = told.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    expect(is_number and value >= 0, f"cut: {key} must be a number of 0 or more, not {value!r}")  # type: ignore[operator]
    return float(value)  # type: ignore[arg-type]


def _moment(value: object) -> datetime:
    """Parse a time in UTC; a time without a zone is in UTC as well."""
    rule = f"cut: cut_at must be a moment in UTC, such as 2026-11-22T10:19:45.852956, not {value!r}"
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        expect(False, rule)  # the rule is violated
        raise
    expect(not read.utcoffset() and "." in str(value), rule)
    return read.replace(tzinfo=UTC)
