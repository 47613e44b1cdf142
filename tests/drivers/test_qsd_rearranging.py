"""Clones, moves and restores on real daemons: what clients notice, and what stands in each other's way."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd import clones
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.qsd import BLOCK, MIB, Bench, read, read_snapshot, require_qsd, take, write

pytestmark = pytest.mark.real

CLONE = VolumeSpec("clone", 1, "g")


@pytest.mark.parametrize("verb", ["restore", "move"])
def test_a_connected_client_is_not_cut_off(bench, verb):
    volumes = bench.make_group(2)
    bench.driver.create_group("h")
    copies = take(bench.driver, volumes, "a")
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
    # The other volume was withdrawn for a moment, and is served again.
    write(bench.driver, volumes[0], 1)
    bench.hang_up()
    if verb == "restore":
        bench.driver.restore("r", copies)
    else:
        bench.driver.move_volume(volumes[1], "h")


def test_a_reader_of_a_copy_is_not_cut_off_by_a_move(bench):
    (volume,) = bench.make_group(1)
    bench.driver.create_group("h")
    (copy,) = take(bench.driver, [volume], "a")
    reader = bench.client(bench.driver.export_snapshot(copy))
    with pytest.raises(BusyDriverError, match="connected to a.v0"):
        bench.driver.move_volume(volume, "h")
    assert reader.read(0, BLOCK) == bytes(BLOCK)
    write(bench.driver, volume, 1)


def test_undo_restore_cuts_clients_off(bench):
    volumes = bench.make_group(2)
    copies = take(bench.driver, volumes, "a")
    for volume in volumes:
        write(bench.driver, volume, 1)
    bench.driver.restore("r", copies)
    client = bench.client(bench.driver.connection(volumes[0]))
    bench.driver.undo_restore("r", copies)
    with pytest.raises(OSError):
        client.read(0, BLOCK)
    assert read(bench.driver, volumes[0]) == b"\1" * BLOCK


def test_a_moved_volume_is_what_its_files_say(bench):
    """An operator who looks at the files with QEMU's own tools finds the chain whole."""
    (volume,) = bench.make_group(1)
    bench.driver.create_group("h")
    bench.driver.create_volume(VolumeSpec("other", 1, "h"))
    for letter in "abc":
        write(bench.driver, volume, ord(letter))
        take(bench.driver, [volume], letter)
    bench.driver.move_volume(volume, "h")
    home = bench.state_dir / "homes" / "h"
    leaf = home / f"L{bench.manifest('h').volumes['v0'].leaf}.qcow2"
    told = subprocess.run(
        ["qemu-img", "info", "-U", "--backing-chain", str(leaf)], check=True, capture_output=True, text=True
    )
    assert told.stdout.count("image: ") == 4
    assert bench.files("g") == []


def test_merges_in_a_tree_outlive_the_daemon(bench):
    """A daemon that is begun anew opens what is frozen for reading only; a merge must still get at it."""
    (volume,) = bench.make_group(1)
    taken = []
    for letter in b"ABCD":
        write(bench.driver, volume, letter)
        write(bench.driver, volume, letter, (letter - 60) * MIB)
        taken += take(bench.driver, [volume], chr(letter).lower())
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
    assert read(driver, volume) == b"A" * BLOCK
    assert read(driver, volume, (ord("B") - 60) * MIB) == bytes(BLOCK)


class Between:
    """Something that happens once, when the driver reaches a point."""

    def __init__(self, point, action):
        self.point, self.action, self.raised = point, action, []

    def __call__(self, reached):
        if reached == self.point and self.action is not None:
            action, self.action = self.action, None
            try:
                action()
            except (BusyDriverError, FinalDriverError) as error:
                self.raised.append(error)


def test_a_copy_that_goes_while_it_is_cloned_is_cloned_whole(bench):
    (volume,) = bench.make_group(1)
    copies = []
    for letter in b"AB":
        write(bench.driver, volume, letter)
        write(bench.driver, volume, letter, (letter - 60) * MIB)
        copies += take(bench.driver, [volume], chr(letter).lower())
    write(bench.driver, volume, ord("C"))
    layers = []

    def delete():
        bench.driver.delete_snapshot(copies[0])
        layers.append(len(bench.files("g")))

    driver = bench.start(Between("clone:after-export", delete))
    driver.clone_volume(CLONE, copies[0])
    assert read(driver, CLONE) == b"A" * BLOCK
    assert read(driver, CLONE, (ord("B") - 60) * MIB) == bytes(BLOCK)
    # While it was read its layer stayed as it was; afterwards it was merged away, and the clone is one more.
    assert layers == [3]
    assert len(bench.files("g")) == 3
    assert len(bench.manifest("g").volumes["v0"].chain) == 2
    assert read_snapshot(driver, copies[1]) == b"B" * BLOCK


@pytest.mark.parametrize("verb", ["delete", "move"])
def test_a_volume_does_not_go_while_it_is_cloned(bench, verb):
    (volume,) = bench.make_group(1)
    bench.driver.create_group("h")
    write(bench.driver, volume, 1)
    (copy,) = take(bench.driver, [volume], "a")

    def go():
        if verb == "delete":
            bench.driver.delete_snapshot(copy)
            bench.driver.delete_volume(volume)
        else:
            bench.driver.move_volume(volume, "h")

    between = Between("clone:after-export", go)
    driver = bench.start(between)
    driver.clone_volume(CLONE, copy)
    (refusal,) = between.raised
    assert isinstance(refusal, BusyDriverError)
    assert "is being cloned" in str(refusal)
    assert read(driver, CLONE) == b"\1" * BLOCK
    go()


def test_a_clone_whose_source_dies_is_made_again(bench):
    (volume,) = bench.make_group(1)
    write(bench.driver, volume, 1)
    (copy,) = take(bench.driver, [volume], "a")
    bench.driver.create_group("h")
    clone = replace(CLONE, group_id="h")
    driver = bench.start(Between("clone:after-export", lambda: os.kill(bench.pid("g"), signal.SIGKILL)))
    with pytest.raises(BusyDriverError, match="broke off, and nothing was made"):
        driver.clone_volume(clone, copy)
    assert list((bench.state_dir / "homes" / "h").glob("*.part")) == []
    assert driver.inventory("h").volumes == set()
    driver.clone_volume(clone, copy)
    assert read(driver, clone) == b"\1" * BLOCK


def test_a_process_that_dies_while_it_copies_leaves_nothing(bench, monkeypatch, tmp_path):
    """The program that copies outlives it, and can neither hold the source nor spoil the next attempt."""
    (volume,) = bench.make_group(1)
    write(bench.driver, volume, 1)
    (copy,) = take(bench.driver, [volume], "a")
    bench.driver.stop()
    deadly = tmp_path / "deadly"
    deadly.write_text('#!/bin/sh\nkill -9 $PPID\nexec qemu-img "$@"\n')
    deadly.chmod(0o700)
    child = os.fork()
    if child == 0:
        try:
            clones.PROGRAM = str(deadly)
            driver = QsdDriver(bench.state_dir)
            driver.start()
            driver.clone_volume(CLONE, copy)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    driver = bench.start()
    assert driver.inventory().volumes == {"v0"}
    driver.clone_volume(CLONE, copy)
    assert read(driver, CLONE) == b"\1" * BLOCK
    driver.delete_snapshot(copy)
    assert bench.files("g") == sorted(f"L{layer}.qcow2" for layer in bench.manifest("g").files())
    assert list((bench.state_dir / "homes" / "g").glob("*.part")) == []


def test_a_clone_without_the_program_is_refused_in_words(bench, monkeypatch):
    (volume,) = bench.make_group(1)
    (copy,) = take(bench.driver, [volume], "a")
    monkeypatch.setattr(clones, "PROGRAM", "no-such-program")
    with pytest.raises(FinalDriverError, match="apt-get install qemu-utils"):
        bench.driver.clone_volume(replace(CLONE, group_id=None), copy)
    assert bench.driver.inventory().volumes == {"v0"}
    assert [path.name for path in (bench.state_dir / "homes").iterdir()] == ["g"]


def test_a_clone_stays_sparse(bench):
    (volume,) = bench.make_group(1)
    write(bench.driver, volume, 1, 512 * MIB)
    (copy,) = take(bench.driver, [volume], "a")
    bench.driver.clone_volume(CLONE, copy)
    layer = bench.manifest("g").volumes["clone"].leaf
    assert (bench.state_dir / "homes" / "g" / f"L{layer}.qcow2").stat().st_blocks * 512 < 2 * MIB


def test_a_program_that_makes_no_progress_is_given_up(bench, monkeypatch, tmp_path):
    (volume,) = bench.make_group(1)
    (copy,) = take(bench.driver, [volume], "a")
    stuck = tmp_path / "stuck"
    stuck.write_text("#!/bin/sh\nexec sleep 1000\n")
    stuck.chmod(0o700)
    monkeypatch.setattr(clones, "PROGRAM", str(stuck))
    monkeypatch.setattr(clones, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(clones, "STALL_DEADLINE", 0.03)
    with pytest.raises(BusyDriverError, match="no progress"):
        bench.driver.clone_volume(CLONE, copy)
    assert bench.driver.inventory().volumes == {"v0"}


def test_two_moves_towards_each_other_both_end(bench):
    """Each holds both homes; they take them in one order."""
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


def test_an_unreadable_home_keeps_what_comes_to_it(bench):
    """A move that cannot be finished is named, and its files stay until the home can be read again."""
    (volume,) = bench.make_group(1)
    write(bench.driver, volume, 1)
    bench.driver.create_group("h")
    bench.driver.stop()
    child = os.fork()
    if child == 0:
        try:
            died = Between("move:after-leaving", lambda: os.kill(os.getpid(), signal.SIGKILL))
            driver = QsdDriver(bench.state_dir, trace=died)
            driver.start()
            driver.move_volume(volume, "h")
        finally:
            os._exit(1)
    os.waitpid(child, 0)
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
    assert read(driver, replace(volume, group_id="h")) == b"\1" * BLOCK


def test_a_full_disk_refuses_a_clone_and_a_restore(tmp_path):
    require_qsd()
    bench = Bench()
    bench.state_dir.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(bench.state_dir)])
    if mounted.returncode:
        pytest.skip("a file system of a known size cannot be mounted here")
    try:
        driver = bench.start()
        (volume,) = bench.make_group(1)
        for place in range(48):
            write(driver, volume, 1, place * 64 * 1024)
        copies = take(driver, [volume], "a")
        files = bench.files("g")
        filler = bench.state_dir / "filler"
        with filler.open("wb", buffering=0) as stream:
            room = os.statvfs(bench.state_dir)
            stream.write(bytes(room.f_bavail * room.f_frsize - MIB))
        with pytest.raises(FinalDriverError, match="full"):
            driver.clone_volume(CLONE, copies[0])
        with filler.open("ab", buffering=0) as stream, pytest.raises(OSError):
            while True:
                stream.write(bytes(4096))
        with pytest.raises(FinalDriverError, match="full"):
            driver.clone_volume(replace(CLONE, group_id=None), copies[0])
        with pytest.raises(FinalDriverError, match="full"):
            driver.restore("r", copies)
        assert bench.files("g") == files
        assert driver.inventory().volumes == {"v0"}
        assert read(driver, volume) == b"\1" * BLOCK
    finally:
        filler.unlink(missing_ok=True)
        bench.driver.stop()
        for folder in (bench.state_dir / "homes").iterdir():
            bench.kill_daemon(folder.name)
        subprocess.run(["umount", "--lazy", str(bench.state_dir)], check=True)
