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

    def test_members_prepared_at_once(self, scene: Scenario) -> None:
        members = scene.new_members(12)
        for volume in members:
            scene.write(volume, "A", 0)
        copies = new_snapshot_specs(members)
        cutter = scene.cutter
        run_in_parallel("prepare of 12 members at once", [partial(cutter.prepare, copy) for copy in copies])
        scene.add_prepared(copies)
        scene.check("prepare of 12 members at once")
        scene.cut(copies)
        for copy in copies[::5]:
            scene.expect_copy(copy, "A", "a member prepared with others at once", 0)
        run_in_parallel(
            "delete_snapshot of 12 at once", [partial(cutter.delete_snapshot, copy) for copy in copies]
        )
        scene.forget_deleted(copies)
        scene.check("delete_snapshot of 12 at once")

    def test_same_call_at_once(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        (copy,) = new_snapshot_specs([volume])
        driver, cutter = scene.driver, scene.cutter
        run_in_parallel("the same create_volume at once", [lambda: driver.create_volume(volume)] * 6)
        run_in_parallel("the same prepare at once", [lambda: cutter.prepare(copy)] * 6)
        scene.prepare(copy)
        run_in_parallel(
            "the same cut at once", [lambda: cutter.cut(copy.cgsnapshot_id, copy.group_id, [copy])] * 6
        )
        scene.check("the same cut at once")
        run_in_parallel("the same export_snapshot at once", [lambda: cutter.export_snapshot(copy)] * 6)
        scene.export(copy)
        run_in_parallel("the same delete_snapshot at once", [lambda: cutter.delete_snapshot(copy)] * 6)
        scene.delete_copy(copy)
        run_in_parallel("the same delete_volume at once", [lambda: driver.delete_volume(volume)] * 6)
        scene.delete_volume(volume)

    def test_groups_at_once(self, scene: Scenario) -> None:
        harness = scene.harness
        scene.cutter  # noqa: B018 - skips here, not in a thread, if the driver cannot cut

        def live(number: int) -> None:
            own = Scenario(harness, is_alone=False)
            letter = "ABCD"[number]
            members = own.new_members(2)
            for volume in members:
                own.write(volume, letter)
            copies = own.take(members)
            for volume, copy in zip(members, copies, strict=True):
                own.write(volume, "Z")
                own.expect_copy(copy, letter, "a copy in one of several groups worked on at once")
                own.delete_copy(copy)
                own.delete_volume(volume)
            own.delete_group(members[0].group_id or "")

        run_in_parallel("the life of four groups at once", [partial(live, number) for number in range(4)])
        scene.check("the life of four groups at once")

    def test_clients_work_while_copies_go(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        taken = [scene.take(members) for _ in range(3)]
        leaving = threading.Event()
        written = [0, 0]

        def client(number: int) -> None:
            while not leaving.is_set():
                scene.harness.write(members[number], written[number] * SECTOR, _sector(written[number]))
                written[number] += 1

        def remove() -> None:
            try:
                for copies in (taken[1], taken[0], taken[2]):
                    for copy in copies:
                        scene.delete_copy(copy, "delete_snapshot while clients write")
            finally:
                leaving.set()

        run_in_parallel("delete_snapshot while clients write", [lambda: client(0), lambda: client(1), remove])
        for volume, count in zip(members, written, strict=True):
            for first in range(0, count, 1024):
                numbers = range(first, min(count, first + 1024))
                piece = scene.harness.read(volume, first * SECTOR, len(numbers) * SECTOR)
                wanted = b"".join(map(_sector, numbers))
                expect(
                    piece == wanted, "a write acknowledged while snapshots of the volume were deleted is lost"
                )


def _sector(number: int) -> bytes:
    return f"{number:016}".encode() * (SECTOR // 16)


def run_in_parallel(what: str, calls: Iterable[Callable[[], object]]) -> None:
    """Make all calls at once, each in its own thread; each must succeed. Raises: Violation, the first one."""
    errors: list[BaseException] = []
    todo = list(calls)
    ready = threading.Barrier(len(todo))

    def run(call: Callable[[], object]) -> None:
        try:
            ready.wait(DEADLINE_S)
            must_succeed(what, call)
        except BaseException as error:  # noqa: BLE001 - raised again below, by the calling thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in todo]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    if errors:
        raise errors[0]
    expect(not any(thread.is_alive() for thread in threads), f"{what} must end within {DEADLINE_S:g} s")
