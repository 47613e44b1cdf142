"""The memory driver's file outlives the process, and a file that is not its own is refused by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import AmbiguousDriverError, ConfigError, FinalDriverError

ONE = VolumeSpec("one", 1, "g")
COPY = SnapshotSpec("copy", "one", "c", "g")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "memory.journal"


def opened(file: Path) -> MemoryDriver:
    driver = MemoryDriver(state_file=file)
    driver.start()
    return driver


def filled(file: Path) -> MemoryDriver:
    driver = opened(file)
    driver.create_group("g")
    driver.create_volume(ONE)
    driver.write("one", 0, b"A")
    driver.prepare(COPY)
    return driver


def test_evidence_outlives_a_restart(file):
    evidence = filled(file).cut("c", "g", [COPY])
    assert evidence["duration_ms"] > 0
    assert opened(file).cut("c", "g", [COPY]) == evidence


def test_torn_last_line_never_counted(file):
    driver = filled(file)
    before = driver.inventory()
    driver.cut("c", "g", [COPY])
    driver.stop()
    lines = file.read_bytes().splitlines(keepends=True)
    (place,) = (number for number, line in enumerate(lines) if b'"do":"cut"' in line)
    file.write_bytes(b"".join(lines[:place]) + lines[place][:-1])
    again = opened(file)
    assert again.inventory() == before
    with pytest.raises(FinalDriverError, match="has not been cut"):
        again.snapshot(COPY)
    again.create_group("more")
    assert opened(file).inventory().groups == {"g", "more"}


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, b"{}"),
        (1, b'{"journal": "cgflow memory backend", "version": 2}'),
        (2, b"not JSON"),
        (2, b'{"do":"conquer"}'),
        (3, b'{"do":"create_volume","id":"x"}'),
        (3, b"[]"),
        (4, b'{"do":"write","id":"nobody","offset":0,"data":""}'),
        (4, b'{"do":"write","id":"one","offset":0,"data":"?"}'),
    ],
)
def test_corrupt_line_is_named_and_the_file_left_as_it_is(file, number, line):
    filled(file).stop()
    lines = file.read_bytes().splitlines()
    lines[number - 1] = line
    file.write_bytes(b"\n".join(lines) + b"\n")
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=rf"memory\.journal, line {number}: invalid event:"):
        opened(file)
    assert file.read_bytes() == before


def test_call_before_start_is_refused(file):
    """S121."""
    with pytest.raises(FinalDriverError, match="has not been started"):
        MemoryDriver(state_file=file).create_group("g")


def test_file_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "folder").write_text("not a folder")
    with pytest.raises(ConfigError, match="folder"):
        opened(tmp_path / "folder" / "memory.journal")


def test_second_process_is_refused(file):
    driver = filled(file)
    code = "import sys; from pathlib import Path; from cgflow.drivers.memory.driver import MemoryDriver\n"
    code += "MemoryDriver(state_file=Path(sys.argv[1])).start()"
    other = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, timeout=60
    )
    assert other.returncode != 0
    assert "another process is using the memory backend" in other.stderr
    driver.stop()
    subprocess.run([sys.executable, "-c", code, str(file)], check=True, timeout=60)


def test_full_disk_is_a_final_error_and_breaks_nothing(file, monkeypatch):
    driver = filled(file)
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda target, data: real(target, data[:5]))
        with pytest.raises(FinalDriverError, match="no space for a whole line"):
            driver.create_group("lost")
    driver.create_group("kept")
    wanted = driver.inventory()
    assert wanted.groups == {"g", "kept"}
    assert opened(file).inventory() == wanted


def test_cut_whose_evidence_does_not_fit_is_ambiguous_and_done(file, monkeypatch):
    driver = filled(file)
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(
            "os.write", lambda target, data: real(target, data[:5] if b"cut_took" in data else data)
        )
        with pytest.raises(AmbiguousDriverError, match="c was cut, but"):
            driver.cut("c", "g", [COPY])
    again = opened(file)
    assert again.snapshot(COPY)["allocated_bytes"] == 4096
    assert again.cut("c", "g", [COPY])["members"] == 1


def test_half_a_line_that_cannot_be_taken_back_is_ambiguous(file, monkeypatch):
    driver = filled(file)
    real = os.write

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda target, data: real(target, data[:5]))
        patch.setattr("os.ftruncate", refuse)
        with pytest.raises(AmbiguousDriverError, match="ends in an incomplete line"):
            driver.create_group("lost")
    with pytest.raises(FinalDriverError, match="has not been started"):
        driver.create_group("later")
    assert opened(file).inventory().groups == {"g"}


def test_file_does_not_grow_over_restarts(file):
    driver = filled(file)
    for _ in range(50):
        driver.write("one", 0, b"again")
        driver.create_volume(VolumeSpec("gone", 1))
        driver.delete_volume(VolumeSpec("gone", 1))
    driver.stop()
    opened(file).stop()
    assert len(file.read_bytes().splitlines()) == 4
    assert opened(file).read("one", 0, 5) == b"again"


def test_killed_process_leaves_exactly_what_its_calls_returned(tmp_path):
    code = """
import os, sys
from pathlib import Path
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.memory.driver import MemoryDriver

driver = MemoryDriver(state_file=Path(sys.argv[1]) / "memory.journal")
driver.start()
driver.create_group("g")
for number in range(100):
    driver.create_volume(VolumeSpec(f"v{number}", 1, "g"))
copies = [SnapshotSpec(f"s{number}", f"v{number}", "c", "g") for number in range(100)]
for copy in copies:
    driver.prepare(copy)
driver.write("v7", 0, b"A")
driver.cut("c", "g", copies)
driver.write("v7", 0, b"B")
driver.export_snapshot(copies[7])
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code, tmp_path], timeout=60).returncode == -9
    driver = opened(tmp_path / "memory.journal")
    inventory = driver.inventory("g")
    assert (len(inventory.volumes), len(inventory.snapshots)) == (100, 100)
    assert inventory.exports == {"s7"}
    assert (driver.read("v7", 0, 1), driver.read_snapshot("s7", 0, 1)) == (b"B", b"A")
