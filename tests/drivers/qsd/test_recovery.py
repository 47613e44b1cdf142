"""After a death: daemons adopted or restarted, lost cuts reported, and unknown content left alone."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from cgflow.drivers.qsd.qemu.block_jobs import BlockJobs
from cgflow.drivers.qsd.qemu.qmp_client import CommandRefused
from cgflow.errors import AmbiguousDriverError, BusyDriverError, FinalDriverError
from tests.support.nbd_client import NbdClient, NbdError
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real


def kill_and_wait(bench: QsdDriverFixture, home_id: str) -> None:
    """Kill the daemon of a home, and return when the driver has noticed and recovered."""
    before = bench.pid(home_id)
    os.kill(before, signal.SIGKILL)
    until_replaced(bench, home_id, before)


def until_replaced(bench: QsdDriverFixture, home_id: str, before: int) -> None:
    deadline = time.monotonic() + 30
    while bench.pid_recorded(home_id) == before:
        # Calls recover the home, too: a daemon that dies too often is not restarted by the driver alone.
        with suppress(BusyDriverError):
            bench.driver.create_group(home_id)
        assert time.monotonic() < deadline
    # A call waits for a recovery in progress.
    bench.driver.create_group(home_id)


def test_daemons_outlive_the_driver_and_are_adopted_with_their_clients(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    pid = bench.pid("g")
    snapshots = take_cgsnapshot(bench.driver, volumes, "c")
    reader = bench.client(bench.driver.export_snapshot(snapshots[0]))
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    bench.driver.stop()
    for client in clients:
        client.write(0, b"\5" * BLOCK)
    bench.start()
    assert bench.pid("g") == pid
    assert bench.driver.inventory().exports == {snapshots[0].id}
    for client in clients:
        assert client.read(0, BLOCK) == b"\5" * BLOCK
    assert reader.read(0, BLOCK) == bytes(BLOCK)


def test_a_daemon_that_dies_is_started_again_with_all_its_exports(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    for volume in volumes:
        write_block(bench.driver, volume, 1)
    snapshots = take_cgsnapshot(bench.driver, volumes, "c")
    address = bench.driver.export_snapshot(snapshots[0])
    for volume in volumes:
        write_block(bench.driver, volume, 2)
    kill_and_wait(bench, "g")
    assert all(read_block(bench.driver, volume) == b"\2" * BLOCK for volume in volumes)
    assert bench.client(address).read(0, BLOCK) == b"\1" * BLOCK
    assert bench.driver.inventory().problems == ()


def test_a_daemon_that_died_while_nobody_looked_is_started_again(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    bench.driver.stop()
    bench.kill_daemon("g")
    bench.start()
    assert read_block(bench.driver, volume) == b"\1" * BLOCK


def test_no_acknowledged_write_is_lost_when_daemons_die_around_cuts(bench: QsdDriverFixture) -> None:
    """Writers with cached writes and reconnects, against SIGKILL at twelve points of a cut."""
    volumes = bench.make_group(2)
    stop = threading.Event()
    acknowledged = [0 for _ in volumes]

    def keep_writing(index: int) -> None:
        ticket = 0
        while not stop.is_set():
            try:
                with NbdClient.from_uri(str(bench.driver.connection(volumes[index]).data["uri"])) as client:
                    while not stop.is_set():
                        block = (ticket + 1).to_bytes(8) * (BLOCK // 8)
                        client.write(ticket % 1000 * BLOCK, block, fua=True)
                        ticket += 1
                        acknowledged[index] = ticket
            except OSError:
                # The daemon is being killed, as the test intends.
                continue

    with ThreadPoolExecutor(max_workers=len(volumes) + 1) as pool:
        writers = [pool.submit(keep_writing, index) for index in range(len(volumes))]
        try:
            for round_ in range(12):
                snapshots = snapshot_specs(volumes, f"c{round_}")
                for snapshot in snapshots:
                    bench.driver.prepare(snapshot)
                cut = pool.submit(bench.driver.cut, f"c{round_}", "g", snapshots)
                threading.Event().wait(round_ * 0.0005)
                kill_and_wait(bench, "g")
                failure = cut.exception(30)
                assert failure is None or isinstance(failure, AmbiguousDriverError | BusyDriverError)
                for snapshot in snapshots:
                    bench.driver.delete_snapshot(snapshot)
        finally:
            stop.set()
        for writer in writers:
            writer.result(30)
    for index, volume in enumerate(volumes):
        last = acknowledged[index]
        assert last > 0
        with NbdClient.from_uri(str(bench.driver.connection(volume).data["uri"])) as client:
            for ticket in range(max(0, last - 1000), last):
                held = int.from_bytes(client.read(ticket % 1000 * BLOCK, 8))
                # The writer may have been one ahead of its acknowledgement when it stopped.
                assert held in (ticket + 1, ticket + 1001), (index, ticket, last)
    assert all(len(held.chain) <= 3 for held in bench.manifest("g").volumes.values())


def test_a_cut_around_which_the_daemon_died_is_lost_and_says_so(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    for volume in volumes:
        write_block(bench.driver, volume, 1)
    files = bench.files("g")

    before = bench.pid("g")

    def die(point: str) -> None:
        if point == "cut:after-transaction":
            os.kill(before, signal.SIGKILL)
            raise AmbiguousDriverError("the answer is lost")

    driver, snapshots = bench.start(die), snapshot_specs(volumes, "c")
    for snapshot in snapshots:
        driver.prepare(snapshot)
    with pytest.raises(AmbiguousDriverError):
        driver.cut("c", "g", snapshots)
    until_replaced(bench, "g", before)
    with pytest.raises(AmbiguousDriverError, match="died during the cut"):
        driver.cut("c", "g", snapshots)
    with pytest.raises(FinalDriverError, match="delete it"):
        driver.snapshot(snapshots[0])
    with pytest.raises(FinalDriverError):
        driver.export_snapshot(snapshots[0])
    assert driver.inventory().snapshots == {snapshot.id for snapshot in snapshots}
    for snapshot in snapshots:
        driver.delete_snapshot(snapshot)
    assert bench.files("g") == files
    assert bench.manifest("g").cuts == {}


def test_a_death_between_prepare_and_cut_costs_nothing(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    snapshots = snapshot_specs(volumes, "c")
    for volume, snapshot in zip(volumes, snapshots, strict=True):
        write_block(bench.driver, volume, 1)
        bench.driver.prepare(snapshot)
    kill_and_wait(bench, "g")
    for volume in volumes:
        write_block(bench.driver, volume, 2)
    bench.driver.cut("c", "g", snapshots)
    assert read_snapshot(bench.driver, snapshots[0]) == b"\2" * BLOCK


def test_a_merge_that_is_refused_is_a_problem_and_not_a_failed_delete(
    bench: QsdDriverFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume,) = bench.make_group(1)
    (snapshot,) = take_cgsnapshot(bench.driver, [volume], "c")
    write_block(bench.driver, volume, 1)

    def refuse(*_: object) -> None:
        raise CommandRefused("block-commit", "not today")

    with monkeypatch.context() as patched:
        patched.setattr(BlockJobs, "start_merge", refuse)
        bench.driver.delete_snapshot(snapshot)
    (problem,) = bench.driver.inventory().problems
    assert "not today" in problem
    assert bench.driver.inventory().snapshots == frozenset()
    bench.driver.delete_snapshot(snapshot)
    assert bench.driver.inventory().problems == ()
    assert len(bench.files("g")) == 1
    assert read_block(bench.driver, volume) == b"\1" * BLOCK


def test_a_volume_withdrawn_by_a_call_that_failed_is_served_again_without_another_call(
    bench: QsdDriverFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume,) = bench.make_group(1)
    (snapshot,) = take_cgsnapshot(bench.driver, [volume], "c")
    write_block(bench.driver, volume, 1)
    told = BlockJobs.send_job_command

    def lose(jobs: BlockJobs, command: str, job: str) -> None:
        if command == "job-complete":
            raise AmbiguousDriverError("the answer is lost")
        told(jobs, command, job)

    monkeypatch.setattr(BlockJobs, "send_job_command", lose)
    with pytest.raises(AmbiguousDriverError):
        bench.driver.delete_snapshot(snapshot)
    deadline = time.monotonic() + 30
    while True:
        try:
            assert read_block(bench.driver, volume) == b"\1" * BLOCK
            break
        except NbdError:
            assert time.monotonic() < deadline
    monkeypatch.undo()
    bench.driver.delete_snapshot(snapshot)
    assert len(bench.files("g")) == 1


def test_one_missing_layer_takes_only_its_own_volume_down(bench: QsdDriverFixture) -> None:
    broken, sound = bench.make_group(2)
    write_block(bench.driver, sound, 1)
    bench.driver.stop()
    bench.kill_daemon("g")
    layer = bench.manifest("g").volumes[broken.id].leaf
    (bench.state_dir / "homes" / "g" / f"L{layer}.qcow2").unlink()
    driver = bench.start()
    (problem,) = driver.inventory().problems
    assert broken.id in problem
    assert read_block(driver, sound) == b"\1" * BLOCK
    driver.delete_volume(broken)
    assert driver.inventory().volumes == {sound.id}


def test_what_a_crash_leaves_of_making_a_home_is_cleared(bench: QsdDriverFixture) -> None:
    bench.driver.stop()
    half = bench.state_dir / "homes" / "half"
    half.mkdir()
    (half / "manifest.json.new").write_text("{")
    driver = bench.start()
    assert not half.exists()
    assert driver.inventory().problems == ()
