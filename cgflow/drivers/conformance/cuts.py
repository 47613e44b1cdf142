"""Rules for the cut: all members or none, with every earlier write in it and no later one."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial

from cgflow.drivers.conformance.assertions import must_be_final
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs


class CutRules:
    """Rules for the instant of a cut; ``write_order_rules`` checks the order of writes across members."""

    def test_cut_freezes_content(self, scene: Scenario) -> None:
        members = scene.new_members(3)
        for volume in members:
            scene.write(volume, "A")
        copies = scene.take(members)
        for volume in members:
            scene.write(volume, "B")
        for volume, copy in zip(members, copies, strict=True):
            scene.expect_copy(copy, "A", "a copy holds what was written before the cut")
            scene.expect_volume(volume, "B", "a volume goes on after the cut")

    def test_write_after_prepare_is_in_the_cut(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        copies = new_snapshot_specs(members)
        for volume, copy in zip(members, copies, strict=True):
            scene.write(volume, "A")
            scene.prepare(copy)
            scene.write(volume, "B")
        scene.cut(copies)
        for copy in copies:
            scene.expect_copy(copy, "B", "the cut is the instant, not prepare")

    def test_cut_with_one_member_unprepared_cuts_none(self, scene: Scenario) -> None:
        members = scene.new_members(3)
        copies = new_snapshot_specs(members)
        for volume in members:
            scene.write(volume, "A")
        # The unprepared member is last: a driver that cuts one member after the other has then cut the rest.
        for copy in copies[:2]:
            scene.prepare(copy)
        cut = partial(scene.cutter.cut, copies[0].cgsnapshot_id, copies[0].group_id, copies)
        scene.refuse("cut with a member that is not prepared", cut)
        for copy in copies:
            must_be_final("snapshot of a member of a refused cut", partial(scene.cutter.snapshot, copy))
        for volume in members:
            scene.write(volume, "B")
            scene.expect_volume(volume, "B", "writes go on after a refused cut")
        scene.prepare(copies[2])
        scene.cut(copies, "cut of a cgsnapshot that was refused while a member was not prepared")
        for copy in copies:
            scene.expect_copy(copy, "B", "a refused cut has cut no member")

    def test_cgsnapshots_of_one_group_differ(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        taken = []
        for letter in "ABC":
            for volume in members:
                scene.write(volume, letter)
            taken.append((letter, scene.take(members)))
        for letter, copies in taken:
            for copy in copies:
                scene.expect_copy(copy, letter, "each cgsnapshot holds its own instant")

    def test_cut_leaves_other_groups_alone(self, scene: Scenario) -> None:
        members, others = scene.new_members(2), scene.new_members(2)
        waiting = new_snapshot_specs(others)
        for volume, copy in zip(others, waiting, strict=True):
            scene.write(volume, "A")
            scene.prepare(copy)
        scene.take(members)
        for volume, copy in zip(others, waiting, strict=True):
            must_be_final("snapshot of a copy in a group not cut", partial(scene.cutter.snapshot, copy))
            scene.write(volume, "B")
        scene.cut(waiting)
        for copy in waiting:
            scene.expect_copy(copy, "B", "the cut of one group does not cut another")
