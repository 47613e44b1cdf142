"""The central rule: the snapshots of a cgsnapshot hold one instant, under load. A control validates it.

A driver that reports the level ``per-volume`` is exempt from the order of writes across members, but not from
the rule that the cut lies within the call.
"""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from cgflow.drivers.conformance.assertions import Violation, expect, must_succeed
from cgflow.drivers.conformance.evidence import says_one_instant
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.conformance.write_order_checker import PATIENCE_S, Finding, Moment, OrderedWriters, check
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec

MEMBERS = 4
WRITERS = 3 * MEMBERS
CUTS = 6
PROGRESS = 4 * WRITERS
"""Acknowledged writes to wait for before each cut."""


class WriteOrderRules:
    """Rules for dependent writes across members while cgsnapshots are taken."""

    def test_cut_keeps_the_order_of_writes(self, scene: Scenario) -> None:
        is_ordered = says_one_instant(scene)
        with _writing(scene) as (members, writers):
            bad: list[str] = []
            for number in range(CUTS):
                _await(writers, f"after {number} cuts")
                copies = new_snapshot_specs(members)
                for copy in copies:
                    scene.prepare(copy)
                before = writers.moment()
                _cut(scene, copies)
                after = writers.moment()
                # These writes must not be in the snapshots; a late snapshot would contain them.
                _await(writers, "after a cut")
                with writers.resting():
                    finding = _judged(scene, copies, before, after)
                bad.extend((finding if is_ordered else replace(finding, order=0)).faults())
        shown = "; ".join(dict.fromkeys(bad))
        rule = "one instant for every member" if is_ordered else "of the time of the call"
        expect(not bad, f"cut must be {rule}; in {CUTS} cuts under load: {shown}")

    def test_cuts_of_single_members_are_seen_not_to_be_one(self, scene: Scenario) -> None:
        """Control: cuts of single members must be detected, or the rule above proves nothing."""
        with _writing(scene) as (members, writers):
            _await(writers, "before the control")
            before = writers.moment()
            copies = []
            for volume in members:
                (copy,) = new_snapshot_specs([volume])
                scene.prepare(copy)
                _cut(scene, [copy])
                copies.append(copy)
                # The writes of the second wait depend on those of the first.
                for _ in range(2):
                    _await(writers, "between two cuts of single members")
            after = writers.moment()
            with writers.resting():
                finding = _judged(scene, copies, before, after)
        expect(
            finding.order > 0,
            "a cut of one member must cut that member then, and no other: members cut one by one, with "
            f"writes between, look like one instant ({finding})",
        )


@contextmanager
def _writing(scene: Scenario) -> Iterator[tuple[list[VolumeSpec], OrderedWriters]]:
    members = scene.new_members(MEMBERS)
    scene.cutter  # noqa: B018 - skips here, before anything is written, if the driver cannot cut

    def write(member: int, offset_bytes: int, data: bytes) -> None:
        must_succeed(
            "a write while cgsnapshots are taken",
            partial(scene.harness.write, members[member], offset_bytes, data),
        )

    with OrderedWriters([write] * WRITERS, MEMBERS) as writers:
        yield members, writers


def _await(writers: OrderedWriters, when: str) -> None:
    if not writers.await_progress(PROGRESS):
        raise Violation(f"no {PROGRESS} writes in {PATIENCE_S:g} s {when}: I/O is held")


def _cut(scene: Scenario, copies: list[SnapshotSpec]) -> None:
    first = copies[0]
    must_succeed("cut", lambda: scene.cutter.cut(first.cgsnapshot_id, first.group_id, copies))


def _judged(scene: Scenario, copies: list[SnapshotSpec], before: Moment, after: Moment) -> Finding:
    """Read snapshots, check them, and delete them."""
    for copy in copies:
        scene.export(copy)
    reads = [partial(scene.harness.read_snapshot, copy) for copy in copies]
    try:
        finding = check(reads, before, after)
    except ValueError as error:
        raise Violation(f"a snapshot holds what was written and nothing else: {error}") from error
    for copy in copies:
        scene.delete_copy(copy)
    return finding
