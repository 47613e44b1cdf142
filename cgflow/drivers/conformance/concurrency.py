"""Rules for calls from several threads at once."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs

SECTOR = 512
"""Bytes of one write."""

DEADLINE_S = 60.0
"""Seconds within which concurrent calls must have ended."""


class ConcurrencyRules:
    """Rules for concurrent calls: the driver serialises what it must."""

    def test_members_are_prepared_concurrently(self, scenario: Scenario) -> None:
        members = scenario.new_members(12)
        for volume in members:
            scenario.write(volume, "A", 0)
        snapshots = new_snapshot_specs(members)
        cutter = scenario.group_snapshot_driver
        run_in_parallel(
            "prepare of 12 members at once", [partial(cutter.prepare, snapshot) for snapshot in snapshots]
        )
        scenario.add_prepared_snapshots(snapshots)
        scenario.check_inventory("prepare of 12 members at once")
        scenario.cut(snapshots)
        for snapshot in snapshots[::5]:
            scenario.expect_snapshot(snapshot, "A", "a member prepared with others at once", 0)
        run_in_parallel(
            "delete_snapshot of 12 at once",
            [partial(cutter.delete_snapshot, snapshot) for snapshot in snapshots],
        )
        scenario.forget_deleted_snapshots(snapshots)
        scenario.check_inventory("delete_snapshot of 12 at once")

    def test_same_call_made_concurrently(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        (snapshot,) = new_snapshot_specs([volume])
        driver, cutter = scenario.driver, scenario.group_snapshot_driver
        run_in_parallel("the same create_volume at once", [lambda: driver.create_volume(volume)] * 6)
        run_in_parallel("the same prepare at once", [lambda: cutter.prepare(snapshot)] * 6)
        scenario.prepare(snapshot)
        run_in_parallel(
            "the same cut at once",
            [lambda: cutter.cut(snapshot.cgsnapshot_id, snapshot.group_id, [snapshot])] * 6,
        )
        scenario.check_inventory("the same cut at once")
        run_in_parallel("the same export_snapshot at once", [lambda: cutter.export_snapshot(snapshot)] * 6)
        scenario.export(snapshot)
        run_in_parallel("the same delete_snapshot at once", [lambda: cutter.delete_snapshot(snapshot)] * 6)
        scenario.delete_snapshot(snapshot)
        run_in_parallel("the same delete_volume at once", [lambda: driver.delete_volume(volume)] * 6)
        scenario.delete_volume(volume)

    def test_groups_are_used_concurrently(self, scenario: Scenario) -> None:
        harness = scenario.harness
        scenario.group_snapshot_driver  # noqa: B018 - skips here, not in a thread, if the driver cannot cut

        def use_group(number: int) -> None:
            own = Scenario(harness, is_alone=False)
            letter = "ABCD"[number]
            members = own.new_members(2)
            for volume in members:
                own.write(volume, letter)
            snapshots = own.take_cgsnapshot(members)
            for volume, snapshot in zip(members, snapshots, strict=True):
                own.write(volume, "Z")
                own.expect_snapshot(snapshot, letter, "a snapshot in one of several groups worked on at once")
                own.delete_snapshot(snapshot)
                own.delete_volume(volume)
            own.delete_group(members[0].group_id or "")

        run_in_parallel(
            "the life of four groups at once", [partial(use_group, number) for number in range(4)]
        )
        scenario.check_inventory("the life of four groups at once")

    def test_clients_write_while_snapshots_are_deleted(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        taken = [scenario.take_cgsnapshot(members) for _ in range(3)]
        deleted = threading.Event()
        written = [0, 0]

        def write_until_deleted(number: int) -> None:
            while not deleted.is_set():
                scenario.harness.write(
                    members[number], written[number] * SECTOR, _numbered_sector(written[number])
                )
                written[number] += 1

        def delete_snapshots() -> None:
            try:
                for snapshots in (taken[1], taken[0], taken[2]):
                    for snapshot in snapshots:
                        scenario.delete_snapshot(snapshot, "delete_snapshot while clients write")
            finally:
                deleted.set()

        run_in_parallel(
            "delete_snapshot while clients write",
            [lambda: write_until_deleted(0), lambda: write_until_deleted(1), delete_snapshots],
        )
        for volume, count in zip(members, written, strict=True):
            for first in range(0, count, 1024):
                numbers = range(first, min(count, first + 1024))
                piece = scenario.harness.read(volume, first * SECTOR, len(numbers) * SECTOR)
                expected = b"".join(map(_numbered_sector, numbers))
                expect(
                    piece == expected,
                    "a write acknowledged while snapshots of the volume were deleted is lost",
                )


def _numbered_sector(number: int) -> bytes:
    return f"{number:016}".encode() * (SECTOR // 16)


def run_in_parallel(what: str, calls: Iterable[Callable[[], object]]) -> None:
    """Make all calls at once, each in its own thread; each must succeed. Raises: Violation, the first one."""
    errors: list[BaseException] = []
    todo = list(calls)
    ready = threading.Barrier(len(todo))

    def make_call(call: Callable[[], object]) -> None:
        try:
            ready.wait(DEADLINE_S)
            must_succeed(what, call)
        except BaseException as error:  # noqa: BLE001 - raised again below, by the calling thread
            errors.append(error)

    threads = [threading.Thread(target=make_call, args=(call,), daemon=True) for call in todo]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    if errors:
        raise errors[0]
    expect(not any(thread.is_alive() for thread in threads), f"{what} must end within {DEADLINE_S:g} s")
