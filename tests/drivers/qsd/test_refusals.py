"""What the driver does not touch or cannot work with: reported with a message, and left unchanged."""

import os
import subprocess
from pathlib import Path

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver, make
from cgflow.drivers.qsd.home import manifest_file
from cgflow.errors import BusyDriverError, ConfigError, FinalDriverError
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    read_snapshot,
    require_qsd,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real


def damage(path: Path, how: str) -> None:
    text = path.read_text()
    match how:
        case "cut short":
            path.write_text(text[: len(text) // 2])
        case "altered":
            path.write_text(text.replace('"size_bytes": 1073741824', '"size_bytes": 1073741825'))
        case "newer":
            path.write_text(text.replace('"format": 1', '"format": 2'))
        case "foreign":
            path.write_text((path.parents[1] / "sound" / path.name).read_text())
        case "gone":
            path.unlink()


def test_a_driver_that_was_not_started_refuses_every_call_s121(tmp_path: Path) -> None:
    driver, volume = QsdDriver(tmp_path), VolumeSpec("v", 1, "g")
    copies = snapshot_specs([volume], "c")
    for call in (
        lambda: driver.create_group("g"),
        lambda: driver.delete_group("g"),
        lambda: driver.create_volume(volume),
        lambda: driver.delete_volume(volume),
        lambda: driver.extend_volume(volume, 2),
        lambda: driver.connection(volume),
        lambda: driver.prepare(copies[0]),
        lambda: driver.cut("c", "g", copies),
        lambda: driver.delete_snapshot(copies[0]),
        driver.inventory,
    ):
        with pytest.raises(FinalDriverError, match="has not been started"):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["cut short", "altered", "newer", "foreign", "gone"])
def test_a_manifest_that_is_not_understood_is_reported_and_never_touched(
    bench: QsdDriverFixture, how: str
) -> None:
    (volume,) = bench.make_group(1, "broken")
    (sound,) = bench.make_group(1, "sound")
    bench.driver.stop()
    folder = bench.state_dir / "homes" / "broken"
    damage(folder / manifest_file.FILE, how)
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    driver = bench.start()
    (problem,) = driver.inventory().problems
    assert str(folder) in problem
    assert driver.inventory("sound").problems == ()
    for refused in (
        lambda: driver.create_group("broken"),
        lambda: driver.delete_group("broken"),
        lambda: driver.create_volume(VolumeSpec("x", 1, "broken")),
        lambda: driver.delete_volume(volume),
        lambda: driver.connection(volume),
        lambda: driver.prepare(snapshot_specs([volume], "c")[0]),
    ):
        with pytest.raises(FinalDriverError, match="broken"):
            refused()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == left
    write_block(driver, sound, 1)
    assert read_snapshot(driver, take_cgsnapshot(driver, [sound], "c")[0]) == b"\1" * BLOCK


def test_a_directory_of_others_is_refused(bench: QsdDriverFixture) -> None:
    other = bench.root / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"thesis\.txt"):
        QsdDriver(other).start()
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    (other / "thesis.txt").unlink()
    (other / "cgflow-qsd.json").write_text('{"driver": "qsd", "format": 9}')
    with pytest.raises(ConfigError, match="format"):
        QsdDriver(other).start()


def test_a_directory_serves_one_process_at_a_time(bench: QsdDriverFixture) -> None:
    with pytest.raises(ConfigError, match="another process"):
        QsdDriver(bench.state_dir).start()


def test_a_missing_program_is_named_with_its_package(bench: QsdDriverFixture) -> None:
    with pytest.raises(ConfigError, match="apt-get install qemu-system-common"):
        QsdDriver(bench.root / "x", program="qemu-storage-daemon-of-tomorrow").start()


def test_a_program_that_does_not_come_up_is_quoted(bench: QsdDriverFixture) -> None:
    program = bench.root / "broken-daemon"
    program.write_text("#!/bin/sh\necho no such machine >&2\nexit 1\n")
    program.chmod(0o755)
    driver = QsdDriver(bench.root / "x", program=str(program))
    driver.start()
    with pytest.raises(BusyDriverError, match="no such machine"):
        driver.create_group("g")
    driver.stop()


def test_a_state_directory_too_deep_for_sockets_is_refused(bench: QsdDriverFixture) -> None:
    deep = bench.root / ("d" * 90)
    with pytest.raises(ConfigError, match="bytes shorter"):
        QsdDriver(deep).start()
    assert not deep.exists()


def test_a_driver_that_is_not_started_refuses(bench: QsdDriverFixture) -> None:
    bench.driver.stop()
    for refused in (bench.driver.inventory, bench.driver.report, lambda: bench.driver.create_group("x")):
        with pytest.raises(FinalDriverError, match="not been started"):
            refused()


def test_the_name_of_the_backend_is_that_of_its_folder_and_its_pool(bench: QsdDriverFixture) -> None:
    driver = make("fast", bench.root / "o")
    driver.start()
    assert driver.report().capabilities["volume_backend_name"] == "fast"
    assert (bench.root / "o" / "fast" / "homes").is_dir()
    driver.stop()


def test_a_full_disk_is_a_final_error_and_deleting_still_works() -> None:
    require_qsd()
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    bench = QsdDriverFixture()
    bench.state_dir.mkdir()
    options = "size=4m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(bench.state_dir)], check=True)
    try:
        driver = bench.start()
        volumes = bench.make_group(2)
        snapshots = take_cgsnapshot(driver, volumes, "c")
        files = bench.files("g")
        filler = bench.state_dir / "filler"
        with filler.open("wb", buffering=0) as stream, pytest.raises(OSError):
            while True:
                stream.write(bytes(4096))
        for refused in (
            lambda: driver.create_group("h"),
            lambda: driver.create_volume(VolumeSpec("x", 1, "g")),
            lambda: driver.create_volume(VolumeSpec("lone", 1)),
            lambda: driver.prepare(snapshot_specs(volumes, "d")[0]),
        ):
            with pytest.raises(FinalDriverError, match="full"):
                refused()
        assert bench.files("g") == files
        assert driver.inventory().volumes == {volume.id for volume in volumes}
        for snapshot in snapshots:
            driver.delete_snapshot(snapshot)
        for volume in volumes:
            driver.delete_volume(volume)
        driver.delete_group("g")
        assert not any((bench.state_dir / "homes").iterdir())
    finally:
        bench.driver.stop()
        for folder in (bench.state_dir / "homes").iterdir():
            bench.kill_daemon(folder.name)
        # Unmounted lazily: the kernel may hold it for a moment after the last process has ended.
        subprocess.run(["umount", "--lazy", str(bench.state_dir)], check=True)
        bench.clean()


def test_a_volume_that_has_lost_a_layer_is_not_cut_although_its_daemon_still_reads_it(
    bench: QsdDriverFixture,
) -> None:
    volumes = bench.make_group(2)
    write_block(bench.driver, volumes[0], 7)
    take_cgsnapshot(bench.driver, volumes, "c1")
    lost = bench.state_dir / "homes" / "g" / f"L{bench.manifest('g').volumes['v0'].chain[0]}.qcow2"
    lost.unlink()
    snapshots = snapshot_specs(volumes, "c2")
    for snapshot in snapshots:
        bench.driver.prepare(snapshot)
    with pytest.raises(FinalDriverError, match=f"{lost.name} is gone, and volume v0 .* nothing was cut"):
        bench.driver.cut("c2", "g", snapshots)
    for snapshot in snapshots:
        bench.driver.delete_snapshot(snapshot)
        assert not bench.driver.has_snapshot(snapshot)
