"""Leftovers are found at the next start: removed if they certainly belong to the driver, else reported."""

from __future__ import annotations

import logging
import struct
import subprocess
from pathlib import Path

import pytest

from cgflow.drivers.qsd.home.state_dir import StateDir
from cgflow.drivers.qsd.operations import stray_cleanup
from cgflow.drivers.qsd.qemu import daemon_process
from cgflow.drivers.qsd.qemu.qcow2 import CLUSTER
from tests.support.qsd_fixture import BLOCK, QsdDriverFixture, read_block, take_cgsnapshot, write_block

pytestmark = pytest.mark.real


def test_a_daemon_and_sockets_of_no_home_go(
    bench: QsdDriverFixture, caplog: pytest.LogCaptureFixture
) -> None:
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    bench.driver.create_group("lost")
    stray, own = bench.pid("lost"), bench.pid("g")
    bench.driver.stop()
    home, sockets = bench.state_dir / "homes" / "lost", StateDir(bench.state_dir).sockets("lost")
    home.rename(bench.root / "taken-away")
    alone = bench.state_dir / "run" / "0123456789ab.nbd"
    alone.touch()
    with caplog.at_level(logging.WARNING):
        driver = bench.start()
    assert daemon_process.start_time(stray) is None
    assert f"Ending qemu-storage-daemon {stray} at {sockets.qmp}, which serves no home" in caplog.messages
    assert f"Removing {alone}, which belongs to no home" in caplog.messages
    left = set((bench.state_dir / "run").iterdir())
    assert left == {StateDir(bench.state_dir).sockets("g").qmp, StateDir(bench.state_dir).sockets("g").nbd}
    assert bench.pid("g") == own
    assert read_block(driver, volume) == b"\1" * BLOCK


def test_a_daemon_of_a_home_that_cannot_be_read_is_left_alone(bench: QsdDriverFixture) -> None:
    bench.make_group(1)
    pid = bench.pid("g")
    bench.driver.stop()
    manifest = bench.state_dir / "homes" / "g" / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text("{")
    bench.start()
    assert daemon_process.start_time(pid) is not None
    manifest.write_text(whole)
    bench.start()
    assert bench.pid("g") == pid


def test_a_strange_file_is_named_and_left(bench: QsdDriverFixture) -> None:
    bench.make_group(1)
    stranger = bench.state_dir / "homes" / "g" / "notes.txt"
    stranger.write_text("mine")
    (problem,) = bench.start().inventory("g").problems
    assert "notes.txt, which belongs to no volume: move it away" in problem
    assert stranger.read_text() == "mine"
    stranger.unlink()
    assert bench.start().inventory("g").problems == ()


def test_a_layer_of_no_volume_goes(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    before = bench.files("g")
    (bench.state_dir / "homes" / "g" / "L99.qcow2").write_bytes(b"left over")
    bench.start()
    assert bench.files("g") == before
    assert read_block(bench.driver, volume) == bytes(BLOCK)


def leak(path: Path) -> None:
    """Add a cluster to an image that its refcounts count and nothing uses."""
    with path.open("r+b") as image:
        number = -(-path.stat().st_size // CLUSTER)
        image.truncate((number + 1) * CLUSTER)
        image.seek(2 * CLUSTER + 2 * number)
        image.write(struct.pack(">H", 1))


def check(path: Path) -> int:
    return subprocess.run(["qemu-img", "check", "-f", "qcow2", str(path)], capture_output=True).returncode


LEAKS, SOUND = 3, 0


def test_leaked_clusters_are_given_back(bench: QsdDriverFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    take_cgsnapshot(bench.driver, [volume], "a")
    write_block(bench.driver, volume, 2)
    paths = [
        bench.state_dir / "homes" / "g" / f"L{layer}.qcow2"
        for layer in bench.manifest("g").volumes["v0"].chain
    ]
    bench.driver.stop()
    bench.kill_daemon("g")
    leak(paths[1])
    assert check(paths[1]) == LEAKS
    with monkeypatch.context() as patched:
        patched.setattr(stray_cleanup, "BUDGET_S", 0.0)
        bench.start()
    assert bench.manifest("g").volumes["v0"].leaky == (2,), "noted for the next time"
    bench.driver.stop()
    bench.kill_daemon("g")
    bench.start()
    assert bench.manifest("g").volumes["v0"].leaky == ()
    assert read_block(bench.driver, volume) == b"\2" * BLOCK
    bench.driver.stop()
    bench.kill_daemon("g")
    assert [check(path) for path in paths] == [SOUND, SOUND]


def test_an_image_that_is_damaged_is_named(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    (path,) = (bench.state_dir / "homes" / "g").glob("*.qcow2")
    bench.driver.stop()
    bench.kill_daemon("g")
    with path.open("r+b") as image:
        # All refcounts are zero: clusters in use are counted as free.
        image.seek(2 * CLUSTER)
        image.write(bytes(64))
    (problem,) = bench.start().inventory("g").problems
    assert "is damaged, see 'qemu-img check -f qcow2'" in problem
