"""What the btrfs driver refuses, reports as a problem or undoes: with a message, and with no other change."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cgflow.drivers.btrfs import system_calls
from cgflow.drivers.btrfs.driver import BtrfsDriver, make
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.errors import AmbiguousDriverError, BusyDriverError, ConfigError, FinalDriverError
from tests.support.btrfs_fixture import (
    BtrfsDriverFixture,
    read_block,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real

G0, G1 = VolumeSpec("g0", 1, "g"), VolumeSpec("g1", 1, "g")


@pytest.fixture
def bench(btrfs_folder: Path) -> Iterator[BtrfsDriverFixture]:
    bench = BtrfsDriverFixture(btrfs_folder)
    bench.start()
    yield bench
    bench.clean()


def refuses_to_start(path: Path, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        BtrfsDriver(path).start()


def test_a_directory_that_is_not_on_a_btrfs(tmp_path):
    if system_calls.is_btrfs(tmp_path):
        pytest.skip("the temporary directory lies on a btrfs")
    if os.geteuid() != 0:
        pytest.skip("who is not root is refused before")
    refuses_to_start(tmp_path, "does not lie on a btrfs: mount one there, or set another path")
    assert not any(tmp_path.iterdir())
    refuses_to_start(tmp_path / "missing", "is not a directory: mount a btrfs there")


def test_who_is_not_root(btrfs_folder):
    btrfs_folder.chmod(0o777)
    code = "import os, sys; from cgflow.drivers.btrfs.driver import BtrfsDriver as D; "
    code += "from pathlib import Path; os.setuid(65534); D(Path(sys.argv[1])).start()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(btrfs_folder)], capture_output=True, text=True, check=False
    )
    assert "ConfigError: the btrfs driver must run as root" in done.stderr
    assert not any(btrfs_folder.iterdir())


def test_options_take_effect(btrfs_folder):
    driver = make("fast", Path("/nowhere"), str(btrfs_folder), max_over_subscription_ratio=3.0)
    driver.start()
    report = driver.report()
    assert report.max_over_subscription_ratio == 3
    assert report.capabilities["volume_backend_name"] == "fast"
    assert (btrfs_folder / "fast" / "journal").exists()
    driver.stop()


def test_a_second_process_is_refused(bench):
    code = "import sys; from cgflow.drivers.btrfs.driver import BtrfsDriver as D; from pathlib import Path; "
    code += "D(Path(sys.argv[1])).start()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(bench.path)], capture_output=True, text=True, check=False
    )
    assert "ConfigError: another process is using the btrfs backend" in done.stderr


def test_a_folder_of_somebody_else(btrfs_folder):
    (btrfs_folder / "btrfs").mkdir()
    (btrfs_folder / "btrfs" / "mail").write_text("precious")
    refuses_to_start(btrfs_folder, "has mail, so this driver did not create it")


def test_volumes_without_a_journal_are_left_alone(bench):
    bench.make_group(1)
    write_block(bench.driver, G0, 7)
    bench.driver.stop()
    journal = (bench.folder / "journal").rename(bench.path / "aside")
    refuses_to_start(bench.path, "has volumes but no journal")
    journal.rename(bench.folder / "journal")
    assert read_block(bench.start(), G0) == 7


def test_a_journal_that_is_not_understood(bench):
    bench.make_group(1)
    bench.driver.stop()
    journal = bench.folder / "journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole.replace(b'"id":"g0"', b'"idd":"g0"'))
    refuses_to_start(bench.path, "journal, line 5: invalid event")
    journal.write_bytes(whole)
    assert bench.start().inventory().volumes == {"g0"}


def test_orphans_are_named_and_left_alone(bench):
    volumes = bench.make_group(2)
    driver = bench.driver
    take_cgsnapshot(driver, volumes, "a")
    homes = bench.folder / "homes"
    system_calls.create_subvolume(homes / "stranger")
    with system_calls.open_descriptor(homes / "g" / "live", os.O_RDONLY) as live:
        system_calls.snapshot_subvolume(live, homes / "g" / "cuts" / "half")
    (homes / "g" / "live" / "volumes" / "odd").touch()
    problems = "\n".join(bench.start().inventory().problems)
    assert "homes/stranger belongs to no group and no volume" in problems
    assert "cuts/half is a cgsnapshot without a record: examine it, then remove it" in problems
    assert "volumes/odd is a volume without a record: move it away" in problems
    for group in ("g", None):
        assert len(bench.driver.inventory(group).problems) == (3 if group is None else 2)
    with pytest.raises(FinalDriverError, match="odd exists without a record"):
        bench.driver.create_volume(VolumeSpec("odd", 1, "g"))
    with pytest.raises(FinalDriverError, match="stranger is in use by another object"):
        bench.driver.create_group("stranger")
    assert (homes / "g" / "cuts" / "half").exists()


def test_what_is_missing_is_a_problem_and_is_not_gone(bench):
    volumes = bench.make_group(2)
    driver = bench.driver
    take_cgsnapshot(driver, volumes, "a")
    live = bench.folder / "homes" / "g" / "live" / "volumes"
    (live / "g0").unlink()
    os.truncate(live / "g1", 5)
    found = driver.inventory()
    assert found.volumes == {"g0", "g1"}
    first, second = sorted(found.problems)
    assert "g1 has 5 bytes instead of 1073741824" in first
    assert second.startswith("volume g0 is missing from")
    with pytest.raises(FinalDriverError, match="the file of volume g0 is missing"):
        driver.connection(G0)
    driver.extend_volume(G1, 1)
    assert len(driver.inventory().problems) == 1


@pytest.mark.parametrize(
    "damage", [lambda file: os.truncate(file, 5), Path.unlink, lambda file: swap_for_folder(file)]
)
def test_nothing_is_cut_or_put_back_of_what_has_lost_data(bench, damage):
    volumes = bench.make_group(2)
    copies = take_cgsnapshot(bench.driver, volumes, "a")
    late = snapshot_specs(volumes, "late")
    for copy in late:
        bench.driver.prepare(copy)
    file = bench.folder / "homes" / "g" / "live" / "volumes" / "g0"
    damage(file)
    for call in (lambda: bench.driver.cut("late", "g", late), lambda: bench.driver.restore("r", copies)):
        with pytest.raises(FinalDriverError, match=f"{file} (has lost data|is missing)"):
            call()
    assert any("g0" in problem for problem in bench.driver.inventory().problems)
    assert not (bench.folder / "homes" / "g" / "cuts" / "late").exists()


def test_a_copy_that_is_not_what_was_cut_is_not_put_back_or_cloned(bench):
    copies = take_cgsnapshot(bench.driver, bench.make_group(2), "a")
    cut = bench.folder / "homes" / "g" / "cuts" / "a"
    system_calls.set_read_only(cut, is_closed=False)
    os.truncate(cut / "volumes" / "g0", 5)
    system_calls.set_read_only(cut, is_closed=True)
    for call in (
        lambda: bench.driver.restore("r", copies),
        lambda: bench.driver.clone_volume(VolumeSpec("clone", 1, "g"), copies[0]),
        lambda: bench.driver.export_snapshot(copies[0]),
    ):
        with pytest.raises(FinalDriverError, match="g0 has 5 bytes instead of the 1073741824 that were cut"):
            call()


def swap_for_folder(file):
    file.unlink()
    file.mkdir()


def test_after_a_power_failure_a_cut_holds_its_copies_only_and_is_closed(bench):
    """A removal from a cut is not made durable by itself: the file may be back, and the cut writable."""
    copies = take_cgsnapshot(bench.driver, bench.make_group(2), "a")
    cut = bench.folder / "homes" / "g" / "cuts" / "a"
    bench.driver.delete_snapshot(copies[0])
    system_calls.set_read_only(cut, is_closed=False)
    (cut / "volumes" / "g0").touch()
    driver = bench.start()
    assert driver.inventory().problems == ()
    assert os.listdir(cut / "volumes") == ["g1"]
    assert system_calls.is_read_only(cut)


def test_a_cut_that_was_opened_is_not_given_out(bench):
    copies = take_cgsnapshot(bench.driver, bench.make_group(1), "a")
    cut = bench.folder / "homes" / "g" / "cuts" / "a"
    system_calls.set_read_only(cut, is_closed=False)
    with pytest.raises(FinalDriverError, match="is not in a read-only subvolume"):
        bench.driver.snapshot(copies[0])
    assert "is writable: make it read-only with" in bench.driver.inventory().problems[0]


def test_an_undo_that_fails_is_made_up_for_by_the_next_call(bench, monkeypatch):
    bench.make_group(1)
    (copy,) = snapshot_specs([G0], "a")
    bench.driver.prepare(copy)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(system_calls, "destroy_subvolume", broken)
        patch.setattr(system_calls, "is_read_only", broken)
        with pytest.raises(AmbiguousDriverError, match="could not be undone yet"):
            bench.driver.cut("a", "g", [copy])
        with pytest.raises(BusyDriverError, match="an interrupted operation cannot be recovered now"):
            bench.driver.prepare(copy)
        assert "cannot be recovered now" in bench.driver.inventory().problems[0]
    evidence = bench.driver.cut("a", "g", [copy])
    assert evidence["members"] == 1
    assert bench.driver.inventory().problems == ()


def test_ids_that_cannot_name_a_file(bench):
    bench.driver.create_group("g")
    for call in (
        lambda: bench.driver.create_group("../g"),
        lambda: bench.driver.create_volume(VolumeSpec("a/b", 1, "g")),
        lambda: bench.driver.create_volume(VolumeSpec(".hidden", 1)),
        lambda: bench.driver.prepare(SnapshotSpec("s", "g0", "..", "g")),
    ):
        with pytest.raises(FinalDriverError, match="cannot be a file name"):
            call()
    assert bench.driver.inventory().problems == ()


def test_before_start_and_after_stop_everything_is_refused(btrfs_folder):
    driver = BtrfsDriver(btrfs_folder)
    for _ in range(2):
        for call in (driver.report, driver.inventory, lambda: driver.create_group("g")):
            with pytest.raises(FinalDriverError, match="has not been started"):
                call()
        driver.start()
        driver.stop()
