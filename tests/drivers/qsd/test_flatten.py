"""Long chains on real daemons are shortened under clients, without any change of data or snapshots."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.qemu import block_jobs
from cgflow.drivers.qsd.qemu.block_jobs import BlockJobs
from cgflow.drivers.qsd.qemu.qmp_client import CommandRefused
from cgflow.errors import BusyDriverError, DriverError, FinalDriverError
from tests.support.nbd_client import NbdClient
from tests.support.qsd_fixture import (
    BLOCK,
    MIB,
    ActionAtPoint,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    started_driver_fixture,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real

LONGEST = 4


@pytest.fixture
def bench() -> Iterator[QsdDriverFixture]:
    yield from started_driver_fixture(max_chain_depth=LONGEST)


def fill(bench: QsdDriverFixture, volumes: list[VolumeSpec], rounds: int) -> list[list[SnapshotSpec]]:
    """Take cgsnapshots; the n-th holds n in block 0 and in block n, as the volumes do after it."""
    taken = []
    for number in range(1, rounds + 1):
        for volume in volumes:
            write_block(bench.driver, volume, number)
            write_block(bench.driver, volume, number, number * BLOCK)
        taken.append(take_cgsnapshot(bench.driver, volumes, f"c{number}"))
    return taken


def check(
    bench: QsdDriverFixture, volumes: list[VolumeSpec], taken: list[list[SnapshotSpec]], newest: int
) -> None:
    for volume in volumes:
        for number in range(1, newest + 1):
            assert read_block(bench.driver, volume, number * BLOCK) == bytes([number]) * BLOCK
    for copies in taken:
        for copy in copies:
            number = int(copy.cgsnapshot_id[1:])
            assert read_snapshot(bench.driver, copy) == bytes([number]) * BLOCK
            assert read_snapshot(bench.driver, copy, number * BLOCK) == bytes([number]) * BLOCK
            assert read_snapshot(bench.driver, copy, (number + 1) * BLOCK) == bytes(BLOCK)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make flattenings take far longer than a test, unless their speed limit is lifted."""

    def flatten(told: BlockJobs, layer: int) -> None:
        arguments = {"job-id": block_jobs.flattening_job_id(layer), "device": f"L{layer}", "speed": MIB}
        told._client.execute("block-stream", arguments)

    monkeypatch.setattr(BlockJobs, "start_flattening", flatten)


def hurry(bench: QsdDriverFixture) -> None:
    for home in bench.driver._homes.all():
        for job in home.graph.jobs.query_jobs():
            # The job may have ended by now.
            with suppress(CommandRefused):
                home.graph.client.execute("block-job-set-speed", {"device": job, "speed": 0})


def spread(bench: QsdDriverFixture, volume: VolumeSpec) -> None:
    """Write so much data that copying takes a while."""
    with NbdClient.from_uri(str(bench.driver.connection(volume).data["uri"])) as client:
        for place in range(64, 128):
            client.write(place * MIB, bytes([place]) * MIB)


def compact(bench: QsdDriverFixture) -> None:
    """Run the compactions that are due, as the service does."""
    while due := bench.driver.compactions_due():
        bench.driver.compact_volume(due[0], 30)


def opened(bench: QsdDriverFixture, home_id: str = "g") -> set[int]:
    """Return the layers that the daemon has open."""
    graph = bench.driver._homes.get(home_id).graph
    graph.discard_cached_nodes()
    return set(graph.nodes())


def test_any_number_of_copies_leaves_the_chain_short_and_the_daemon_small(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    taken = []
    for number in range(1, 14):
        for client in clients:
            client.write(0, bytes([number]) * BLOCK)
            client.write(number * BLOCK, bytes([number]) * BLOCK)
        taken.append(take_cgsnapshot(bench.driver, volumes, f"c{number}"))
        compact(bench)
        held = bench.manifest("g").volumes.values()
        assert all(len(volume.chain) <= LONGEST for volume in held)
        assert len(opened(bench)) <= LONGEST * len(volumes)
    for client in clients:
        for number in range(1, 14):
            assert client.read(number * BLOCK, BLOCK) == bytes([number]) * BLOCK
    check(bench, volumes, taken[::3], 13)
    assert len(opened(bench)) <= LONGEST * len(volumes), "what was read rests again"
    for copies in taken[::2]:
        for copy in copies:
            bench.driver.delete_snapshot(copy)
    check(bench, volumes, taken[1::4], 13)
    bench.hang_up()
    for copies in taken[1::2]:
        for copy in copies:
            bench.driver.delete_snapshot(copy)
    assert len(bench.files("g")) == len(volumes)
    check(bench, volumes, [], 13)


def test_a_short_chain_is_left_alone(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    fill(bench, [volume], LONGEST - 1)
    assert bench.driver.compactions_due() == []
    before = bench.files("g")
    assert bench.driver.compact_volume(volume, 0)
    assert bench.driver.compact_volume(VolumeSpec("gone", 1, "g"), 0)
    assert bench.driver.compact_volume(VolumeSpec("gone", 1, "h"), 0)
    assert bench.files("g") == before


@pytest.mark.usefixtures("slowly")
def test_cuts_reads_writes_and_deletes_go_on_while_it_is_made_short(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    spread(bench, volumes[0])
    taken = fill(bench, volumes, LONGEST)
    driver = bench.driver
    exported = bench.client(driver.export_snapshot(taken[3][0]))
    assert not driver.compact_volume(volumes[0], 0)
    layer = bench.manifest("g").volumes["v0"].flattening
    assert layer == bench.manifest("g").volumes["v0"].chain[-2]
    for volume in volumes:
        write_block(driver, volume, 5)
        write_block(driver, volume, 5, 5 * BLOCK)
    taken.append(take_cgsnapshot(driver, volumes, "c5"))
    for copy in taken[0]:
        driver.delete_snapshot(copy)
    assert read_snapshot(driver, taken[1][0]) == b"\2" * BLOCK
    assert read_snapshot(driver, taken[4][0]) == b"\5" * BLOCK
    assert exported.read(0, BLOCK) == b"\4" * BLOCK
    driver.extend_volume(volumes[0], 2)
    assert bench.manifest("g").volumes["v0"].flattening == layer, "none of this has stopped it"
    hurry(bench)
    compact(bench)
    assert exported.read(0, BLOCK) == b"\4" * BLOCK
    driver.unexport_snapshot(taken[3][0])
    assert all(len(held.chain) <= LONGEST for held in bench.manifest("g").volumes.values())
    check(bench, volumes, taken[1:], 5)
    assert read_block(driver, volumes[0], 100 * MIB) == bytes([100]) * BLOCK


@pytest.mark.usefixtures("slowly")
@pytest.mark.parametrize("verb", ["delete", "move", "restore", "clone", "restart"])
def test_what_has_to_close_the_layers_stops_it(bench: QsdDriverFixture, verb: str) -> None:
    (volume,) = bench.make_group(1)
    spread(bench, volume)
    taken = fill(bench, [volume], LONGEST + 1)
    driver = bench.driver
    driver.create_group("h")
    assert not driver.compact_volume(volume, 0)
    if verb == "delete":
        for copies in taken:
            driver.delete_snapshot(copies[0])
        driver.delete_volume(volume)
        assert bench.files("g") == []
        assert driver.compact_volume(volume, 0)
        return
    if verb == "move":
        driver.move_volume(volume, "h")
        volume = replace(volume, group_id="h")
        taken = [[replace(copy, group_id="h") for copy in copies] for copies in taken]
    if verb == "restore":
        driver.restore("r", taken[1])
        assert read_block(driver, volume) == b"\2" * BLOCK
        driver.undo_restore("r", taken[1])
    if verb == "clone":
        clone = VolumeSpec("clone", 1, "h")
        driver.clone_volume(clone, taken[1][0])
        assert read_block(driver, clone, 100 * MIB) == bytes([100]) * BLOCK
        assert bench.manifest("g").volumes["v0"].flattening is None
    if verb == "restart":
        driver = bench.start()
        assert not driver.compact_volume(volume, 0), "it goes on without the process that began it"
        os.kill(bench.pid("g"), signal.SIGKILL)
        persist(lambda: read_block(driver, volume))
    check(bench, [volume], taken, LONGEST + 1)
    hurried = threading.Thread(target=compact, args=(bench,))
    hurried.start()
    while hurried.is_alive():
        hurry(bench)
        hurried.join(0.05)
    check(bench, [volume], taken, LONGEST + 1)
    assert read_block(driver, volume, 100 * MIB) == bytes([100]) * BLOCK


def persist(step):
    """Repeat a step while the daemon is gone."""
    for _ in range(200):
        try:
            return step()
        except (DriverError, OSError):
            threading.Event().wait(0.05)
    return step()


def test_a_disk_without_room_is_not_begun_to_be_filled(
    bench: QsdDriverFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume,) = bench.make_group(1)
    taken = fill(bench, [volume], LONGEST)
    real = os.statvfs

    def full(path: Path) -> os.statvfs_result:
        found = list(real(path))
        found[4] = MIB // found[1]
        return os.statvfs_result(found)

    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", full)
        with pytest.raises(FinalDriverError, match=r"has 5 layers.*free space in the state directory"):
            bench.driver.compact_volume(volume, 30)
    assert bench.manifest("g").volumes["v0"].flattening is None
    compact(bench)
    check(bench, [volume], taken, LONGEST)


def test_a_chain_whose_shortening_is_far_behind_takes_no_more_copies(bench: QsdDriverFixture) -> None:
    bench.options["max_chain_depth"] = 2
    bench.start()
    (volume,) = bench.make_group(1)
    taken = fill(bench, [volume], 15)
    refused = SnapshotSpec("x", "v0", "x", "g")
    with pytest.raises(BusyDriverError, match="has 16 layers"):
        bench.driver.prepare(refused)
    compact(bench)
    bench.driver.prepare(refused)
    bench.driver.delete_snapshot(refused)
    check(bench, [volume], taken[::7], 15)


def test_what_was_made_short_is_on_disk_when_it_is_recorded(bench: QsdDriverFixture) -> None:
    """The layers below are not opened any more, so the daemon must have written all their data before."""
    (volume,) = bench.make_group(1)
    taken = fill(bench, [volume], LONGEST)
    bench.start(ActionAtPoint("flatten:after-record", lambda: os.kill(bench.pid("g"), signal.SIGKILL)))
    persist(lambda: compact(bench))
    persist(lambda: check(bench, [volume], taken, LONGEST))
    held = bench.manifest("g").volumes["v0"]
    assert len(held.chain) == 2
    bench.driver.stop()
    bench.kill_daemon("g")
    path = bench.state_dir / "homes" / "g" / f"L{held.chain[0]}.qcow2"
    subprocess.run(["qemu-img", "check", "-f", "qcow2", str(path)], check=True, capture_output=True)
    assert (
        b"backing"
        not in subprocess.run(["qemu-img", "info", "-f", "qcow2", str(path)], capture_output=True).stdout
    )


def test_a_chain_of_any_length_is_understood() -> None:
    """QEMU's own description of a long chain is truncated."""
    for bench in started_driver_fixture(max_chain_depth=1000):
        (volume,) = bench.make_group(1)
        taken = fill(bench, [volume], 45)
        assert len(bench.manifest("g").volumes["v0"].chain) == 46
        bench.driver._homes.get("g").needs_recovery = True
        check(bench, [volume], taken[::20], 45)
        os.kill(bench.pid("g"), signal.SIGKILL)
        persist(partial(read_block, bench.driver, volume))
        check(bench, [volume], taken[::20], 45)
