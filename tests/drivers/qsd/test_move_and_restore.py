"""Moves and restores on real daemons: their effect on clients, and conflicts between operations."""

import errno
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.errors import AmbiguousDriverError, BusyDriverError, FinalDriverError
from tests.support.forked_child import fork_child
from tests.support.qsd_fixture import (
    BLOCK,
    MIB,
    ActionAtPoint,
    read_block,
    read_snapshot,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real


@pytest.mark.parametrize("verb", ["restore", "move"])
def test_a_connected_client_is_not_cut_off(bench, verb):
    volumes = bench.make_group(2)
    bench.driver.create_group("h")
    copies = take_cgsnapshot(bench.driver, volumes, "a")
    client = bench.client(bench.driver.connection(volumes[1]))
    client.write(0, b"X" * BLOCK, fua=True)
    files, manifest = bench.files("g"), bench.manifest("g").volumes
    with pytest.raises(BusyDriverError, match="v1 .*while a client is connected"):
        if verb == "restore":
            bench.driver.restore("r", copies)
        else:
            bench.driver.move_volume(volumes[1], "h")
    assert client.read(0, BLOCK) == b"X" * BLOCK
    assert bench.files("g") == files
    assert bench.manifest("g").volumes == manifest
    assert bench.manifest("h").is_vacant
    # The other volume was not served for a moment, and is served again.
    write_block(bench.driver, volumes[0], 1)
    bench.hang_up()
    if verb == "restore":
        bench.driver.restore("r", copies)
    else:
        bench.driver.move_volume(volumes[1], "h")


def test_a_reader_of_a_copy_is_not_cut_off_by_a_move(bench):
    (volume,) = bench.make_group(1)
    bench.driver.create_group("h")
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")
    reader = bench.client(bench.driver.export_snapshot(copy))
    with pytest.raises(BusyDriverError, match="connected to a.v0"):
        bench.driver.move_volume(volume, "h")
    assert reader.read(0, BLOCK) == bytes(BLOCK)
    write_block(bench.driver, volume, 1)


def test_undo_restore_cuts_clients_off(bench):
    volumes = bench.make_group(2)
    copies = take_cgsnapshot(bench.driver, volumes, "a")
    for volume in volumes:
        write_block(bench.driver, volume, 1)
    bench.driver.restore("r", copies)
    client = bench.client(bench.driver.connection(volumes[0]))
    bench.driver.undo_restore("r", copies)
    with pytest.raises(OSError):
        client.read(0, BLOCK)
    assert read_block(bench.driver, volumes[0]) == b"\1" * BLOCK


def test_a_moved_volume_is_what_its_files_say(bench):
    """An operator who inspects the files with QEMU's own tools finds the complete chain."""
    (volume,) = bench.make_group(1)
    bench.driver.create_group("h")
    bench.driver.create_volume(VolumeSpec("other", 1, "h"))
    for letter in "abc":
        write_block(bench.driver, volume, ord(letter))
        take_cgsnapshot(bench.driver, [volume], letter)
    bench.driver.move_volume(volume, "h")
    home = bench.state_dir / "homes" / "h"
    leaf = home / f"L{bench.manifest('h').volumes['v0'].leaf}.qcow2"
    told = subprocess.run(
        ["qemu-img", "info", "-U", "-f", "qcow2", "--backing-chain", str(leaf)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.count("image: ") == 4
    assert bench.files("g") == []


def test_merges_in_a_tree_outlive_the_daemon(bench):
    """A restarted daemon opens frozen layers read-only; a merge must still be able to write to them."""
    (volume,) = bench.make_group(1)
    taken = []
    for letter in b"ABCD":
        write_block(bench.driver, volume, letter)
        write_block(bench.driver, volume, letter, (letter - 60) * MIB)
        taken += take_cgsnapshot(bench.driver, [volume], chr(letter).lower())
    bench.driver.restore("r", taken[:1])
    bench.driver.finish_restore("r", taken[:1])
    os.kill(bench.pid("g"), signal.SIGKILL)
    driver = bench.start()
    assert len(bench.files("g")) == 5
    driver.delete_snapshot(taken[1])
    assert len(bench.files("g")) == 4
    assert driver.inventory().problems == ()
    for letter, copy in ((b"A", taken[0]), (b"C", taken[2]), (b"D", taken[3])):
        assert read_snapshot(driver, copy) == letter * BLOCK
    for copy in taken[2:]:
        assert read_snapshot(driver, copy, (ord("B") - 60) * MIB) == b"B" * BLOCK
    assert read_block(driver, volume) == b"A" * BLOCK
    assert read_block(driver, volume, (ord("B") - 60) * MIB) == bytes(BLOCK)


def test_two_moves_towards_each_other_both_end(bench):
    """Each move locks both homes; all moves lock them in the same order."""
    left, right = bench.make_group(2), bench.make_group(2, "h")
    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(bench.driver.move_volume, volume, "h") for volume in left]
            calls += [pool.submit(bench.driver.move_volume, volume, "g") for volume in right]
            for call in calls:
                call.result(60)
        assert bench.driver.inventory("h").volumes == {volume.id for volume in left}
        left, right = (
            [replace(volume, group_id="g") for volume in right],
            [replace(volume, group_id="h") for volume in left],
        )


@pytest.mark.parametrize("end", ["repeat", "undo"])
@pytest.mark.parametrize("point", ["move:after-leaving", "move:after-rename", "move:after-record"])
def test_a_move_that_a_disk_refused_half_way_is_finished_or_undone(bench, point, end):
    (volume,) = bench.make_group(1)
    bench.driver.create_group("h")
    write_block(bench.driver, volume, 1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")

    def refuse():
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    driver = bench.start(ActionAtPoint(point, refuse))
    with pytest.raises(AmbiguousDriverError, match="Input/output error"):
        driver.move_volume(volume, "h")
    for group in "gh":
        # Whatever else is done there, a volume that is being moved is kept and counted.
        driver.create_volume(VolumeSpec(f"more-{group}", 1, group))
        with pytest.raises(FinalDriverError, match="has volumes"):
            driver.delete_group(group)
    assert driver.inventory().volumes == {"v0", "more-g", "more-h"}
    assert driver.inventory().snapshots == {"a.v0"}
    there = replace(volume, group_id="h")
    if end == "repeat":
        driver.move_volume(volume, "h")
    else:
        driver.move_volume(there, "g")
        there = volume
    assert read_block(driver, there) == b"\1" * BLOCK
    assert read_snapshot(driver, replace(copy, group_id=there.group_id)) == b"\1" * BLOCK
    for group in "gh":
        manifest = bench.manifest(group)
        assert not manifest.leaving
        assert not manifest.arriving
        assert bench.files(group) == sorted(f"L{layer}.qcow2" for layer in manifest.layers_with_files())


def test_an_unreadable_home_keeps_what_comes_to_it(bench):
    """A move that cannot be finished is reported, and its files stay until the home can be read again."""
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    bench.driver.create_group("h")
    bench.driver.stop()

    def move() -> None:
        died = ActionAtPoint("move:after-leaving", lambda: os.kill(os.getpid(), signal.SIGKILL))
        driver = QsdDriver(bench.state_dir, trace=died)
        driver.start()
        driver.move_volume(volume, "h")

    os.waitpid(fork_child(move), 0)
    manifest = bench.state_dir / "homes" / "h" / "manifest.json"
    sound = manifest.read_text()
    manifest.write_text("{")
    driver = bench.start()
    assert any("a move out of g cannot be finished" in problem for problem in driver.inventory().problems)
    assert driver.inventory().volumes == {"v0"}
    driver.stop()
    manifest.write_text(sound)
    driver = bench.start()
    assert driver.inventory().problems == ()
    assert read_block(driver, replace(volume, group_id="h")) == b"\1" * BLOCK
