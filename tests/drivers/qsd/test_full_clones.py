"""Full clones on real daemons: complete or absent, whatever happens to source, program and disk."""

import os
import signal
import subprocess
from dataclasses import replace

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.drivers.qsd.operations import clones
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.forked_child import fork_child
from tests.support.qsd_fixture import (
    BLOCK,
    MIB,
    ActionAtPoint,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    require_qsd,
    started_driver_fixture,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real

CLONE = VolumeSpec("clone", 1, "g")


@pytest.fixture
def bench():
    yield from started_driver_fixture(linked_clones=False)


def test_a_copy_that_goes_while_it_is_cloned_is_cloned_whole(bench):
    (volume,) = bench.make_group(1)
    copies = []
    for letter in b"AB":
        write_block(bench.driver, volume, letter)
        write_block(bench.driver, volume, letter, (letter - 60) * MIB)
        copies += take_cgsnapshot(bench.driver, [volume], chr(letter).lower())
    write_block(bench.driver, volume, ord("C"))
    layers = []

    def delete():
        bench.driver.delete_snapshot(copies[0])
        layers.append(len(bench.files("g")))

    driver = bench.start(ActionAtPoint("clone:after-export", delete))
    driver.clone_volume(CLONE, copies[0])
    assert read_block(driver, CLONE) == b"A" * BLOCK
    assert read_block(driver, CLONE, (ord("B") - 60) * MIB) == bytes(BLOCK)
    # While the layer was read, it was kept; afterwards it was merged, and the clone has one more file.
    assert layers == [3]
    assert len(bench.files("g")) == 3
    assert len(bench.manifest("g").volumes["v0"].chain) == 2
    assert read_snapshot(driver, copies[1]) == b"B" * BLOCK


def test_a_doubt_that_is_settled_does_not_disturb_a_clone(bench):
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")

    def settle():
        bench.driver._homes.get("g").needs_recovery = True
        bench.driver.snapshot(copy)

    driver = bench.start(ActionAtPoint("clone:after-export", settle))
    driver.clone_volume(CLONE, copy)
    assert read_block(driver, CLONE) == b"\1" * BLOCK


@pytest.mark.parametrize("verb", ["delete", "move"])
def test_a_volume_does_not_go_while_it_is_cloned(bench, verb):
    (volume,) = bench.make_group(1)
    bench.driver.create_group("h")
    write_block(bench.driver, volume, 1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")

    def go():
        if verb == "delete":
            bench.driver.delete_snapshot(copy)
            bench.driver.delete_volume(volume)
        else:
            bench.driver.move_volume(volume, "h")

    between = ActionAtPoint("clone:after-export", go)
    driver = bench.start(between)
    driver.clone_volume(CLONE, copy)
    (refusal,) = between.raised
    assert isinstance(refusal, BusyDriverError)
    assert "is being cloned" in str(refusal)
    assert read_block(driver, CLONE) == b"\1" * BLOCK
    go()


def test_a_clone_whose_source_dies_is_made_again(bench):
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")
    bench.driver.create_group("h")
    clone = replace(CLONE, group_id="h")
    driver = bench.start(ActionAtPoint("clone:after-export", lambda: os.kill(bench.pid("g"), signal.SIGKILL)))
    with pytest.raises(BusyDriverError, match="failed, and nothing was made"):
        driver.clone_volume(clone, copy)
    assert list((bench.state_dir / "homes" / "h").glob("*.part")) == []
    assert driver.inventory("h").volumes == set()
    driver.clone_volume(clone, copy)
    assert read_block(driver, clone) == b"\1" * BLOCK


def test_a_process_that_dies_while_it_copies_leaves_nothing(bench, monkeypatch, tmp_path):
    """The copying program outlives the process, and can neither hold the source nor disturb a repeat."""
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")
    bench.driver.stop()
    deadly = tmp_path / "deadly"
    deadly.write_text('#!/bin/sh\nkill -9 $PPID\nexec qemu-img "$@"\n')
    deadly.chmod(0o700)

    def clone() -> None:
        clones.PROGRAM = str(deadly)
        driver = QsdDriver(bench.state_dir, **bench.options)
        driver.start()
        driver.clone_volume(CLONE, copy)

    child = fork_child(clone)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    driver = bench.start()
    assert driver.inventory().volumes == {"v0"}
    driver.clone_volume(CLONE, copy)
    assert read_block(driver, CLONE) == b"\1" * BLOCK
    driver.delete_snapshot(copy)
    assert bench.files("g") == sorted(f"L{layer}.qcow2" for layer in bench.manifest("g").layers_with_files())
    assert list((bench.state_dir / "homes" / "g").glob("*.part")) == []


def test_a_clone_without_the_program_is_refused_in_words(bench, monkeypatch):
    (volume,) = bench.make_group(1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")
    monkeypatch.setattr(clones, "PROGRAM", "no-such-program")
    with pytest.raises(FinalDriverError, match="apt-get install qemu-utils"):
        bench.driver.clone_volume(replace(CLONE, group_id=None), copy)
    assert bench.driver.inventory().volumes == {"v0"}
    assert [path.name for path in (bench.state_dir / "homes").iterdir()] == ["g"]


def test_a_clone_stays_sparse(bench):
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1, 512 * MIB)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")
    bench.driver.clone_volume(CLONE, copy)
    layer = bench.manifest("g").volumes["clone"].leaf
    assert (bench.state_dir / "homes" / "g" / f"L{layer}.qcow2").stat().st_blocks * 512 < 2 * MIB


def test_a_program_that_makes_no_progress_is_given_up(bench, monkeypatch, tmp_path):
    (volume,) = bench.make_group(1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "a")
    stuck = tmp_path / "stuck"
    stuck.write_text("#!/bin/sh\nexec sleep 1000\n")
    stuck.chmod(0o700)
    monkeypatch.setattr(clones, "PROGRAM", str(stuck))
    monkeypatch.setattr(clones, "_POLL_INTERVAL_S", 0.01)
    monkeypatch.setattr(clones, "STALL_DEADLINE_S", 0.03)
    with pytest.raises(BusyDriverError, match="no progress"):
        bench.driver.clone_volume(CLONE, copy)
    assert bench.driver.inventory().volumes == {"v0"}


def test_a_full_disk_refuses_a_clone_and_a_restore(tmp_path):
    require_qsd()
    bench = QsdDriverFixture(linked_clones=False)
    bench.state_dir.mkdir()
    filler = bench.state_dir / "filler"
    options = "size=8m,mode=0700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(bench.state_dir)])
    if mounted.returncode:
        pytest.skip("a file system of a known size cannot be mounted here")
    try:
        driver = bench.start()
        (volume,) = bench.make_group(1)
        for place in range(48):
            write_block(driver, volume, 1, place * 64 * 1024)
        copies = take_cgsnapshot(driver, [volume], "a")
        files = bench.files("g")
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
        assert read_block(driver, volume) == b"\1" * BLOCK
    finally:
        filler.unlink(missing_ok=True)
        bench.driver.stop()
        for folder in (bench.state_dir / "homes").iterdir():
            bench.kill_daemon(folder.name)
        subprocess.run(["umount", "--lazy", str(bench.state_dir)], check=True)
