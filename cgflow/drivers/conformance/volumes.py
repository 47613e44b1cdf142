"""Rules for groups and volumes: they are created and deleted exactly, and keep what is written."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import json

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import GIB, Scenario
from cgflow.drivers.contract import Report, VolumeSpec

ZERO = "\0"


class VolumeRules:
    """Rules for the mandatory part of a driver."""

    def test_report_is_plausible(self, scene: Scenario) -> None:
        report = _report(scene)
        expect(report.total_gib > 0, f"report: total_gib must be above zero, not {report.total_gib}")
        expect(0 <= report.free_gib <= report.total_gib, "report: free_gib must lie between 0 and total_gib")
        expect(report.provisioned_gib == 0, "report: provisioned_gib of an empty backend must be 0")
        must_succeed("report: capabilities as JSON", lambda: json.dumps(report.capabilities))

    def test_provisioned_capacity_follows_volumes(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        _expect_provisioned(scene, 1, "create_volume of 1 GiB")
        scene.new_volume()
        _expect_provisioned(scene, 2, "create_volume of 1 GiB more")
        scene.extend(volume, 3)
        _expect_provisioned(scene, 4, "extend_volume from 1 to 3 GiB")
        scene.extend(volume, 1)
        _expect_provisioned(scene, 2, "extend_volume back to 1 GiB")
        scene.delete_volume(volume)
        _expect_provisioned(scene, 1, "delete_volume")

    def test_group_comes_and_goes(self, scene: Scenario) -> None:
        scene.delete_group(scene.new_group())

    def test_volume_in_group_comes_and_goes(self, scene: Scenario) -> None:
        group = scene.new_group()
        volume = scene.new_volume(group)
        scene.delete_volume(volume)
        scene.delete_group(group)

    def test_volume_without_group_comes_and_goes(self, scene: Scenario) -> None:
        volume = scene.new_volume()
        scene.write(volume, "A")
        scene.expect_volume(volume, "A", "a volume outside any group keeps what is written")
        scene.delete_volume(volume)

    def test_groups_are_told_apart(self, scene: Scenario) -> None:
        members, others = scene.new_members(2), scene.new_members(2)
        scene.new_volume()
        scene.delete_volume(members[0])
        scene.write(members[1], "A")
        scene.expect_volume(others[1], ZERO, "a volume of one group does not show writes to one of another")

    def test_new_volume_reads_as_zeros(self, scene: Scenario) -> None:
        scene.expect_volume(scene.new_volume(scene.new_group()), ZERO, "a new volume is empty")

    def test_volume_keeps_what_is_written(self, scene: Scenario) -> None:
        one, other = scene.new_members(2)
        scene.write(one, "A")
        scene.write(other, "B")
        scene.expect_volume(one, "A", "a volume keeps what is written")
        scene.write(one, "C", 0)
        scene.expect_volume(one, "C", "a volume reads what was written last", 0)
        scene.expect_volume(other, "B", "a volume keeps what is written")

    def test_volume_made_again_is_empty(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.write(volume, "A")
        scene.harness.disconnect(volume)
        scene.delete_volume(volume)
        scene.create_volume(volume, "create_volume with the id of a deleted one")
        scene.expect_volume(volume, ZERO, "a volume made again under the id of a deleted one is empty")

    def test_connected_volume_can_be_deleted(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.write(volume, "A")
        scene.delete_volume(volume, "delete_volume with a client connected")

    def test_extend_and_shrink_back_keep_content(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.write(volume, "A")
        scene.extend(volume, 2)
        scene.expect_volume(volume, "A", "extend_volume keeps content")
        scene.expect_volume(volume, ZERO, "extend_volume adds room that reads as zeros", GIB)
        scene.write(volume, "B", GIB)
        scene.expect_volume(volume, "B", "extend_volume adds room that keeps what is written", GIB)
        scene.extend(volume, 1, "extend_volume back to the old size")
        scene.expect_volume(volume, "A", "extend_volume back to the old size keeps content")

    def test_connection_is_json_and_names_a_protocol(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        connection = must_succeed("connection", lambda: scene.driver.connection(volume))
        expect(bool(connection.protocol), "connection: protocol must not be empty")
        must_succeed("connection: data as JSON", lambda: json.dumps(connection.data))

    def test_connection_tells_the_size(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        _expect_size(scene, volume, 1, "create_volume")
        scene.extend(volume, 2)
        _expect_size(scene, volume, 2, "extend_volume")


def _report(scene: Scenario) -> Report:
    return must_succeed("report", scene.driver.report)


def _expect_size(scene: Scenario, volume: VolumeSpec, gib: int, after: str) -> None:
    found = must_succeed("connection", lambda: scene.driver.connection(volume)).data.get("size_bytes")
    expect(found == gib * GIB, f"connection: after {after} size_bytes must be {gib * GIB}, not {found}")


def _expect_provisioned(scene: Scenario, gib: int, after: str) -> None:
    found = _report(scene).provisioned_gib
    expect(found == gib, f"report: after {after}, provisioned_gib must be {gib}, not {found}")
