"""Layer files that were truncated, swapped or rewritten: reported, refused, no hindrance to the rest."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.errors import FinalDriverError
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    require_qsd,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real

MIB = 1024**2
V0, V1 = (VolumeSpec(f"v{index}", 1, "g") for index in range(2))
INCOMPATIBLE_AT, SIZE_AT, SNAPSHOTS_AT = 72, 24, 60


@pytest.fixture
def cut(bench: QsdDriverFixture) -> list[list[SnapshotSpec]]:
    """Three cgsnapshots of two volumes that hold a different value at each, and another one now."""
    volumes = bench.make_group(2)
    made = []
    for value in range(3):
        for volume in volumes:
            write_block(bench.driver, volume, value + 1)
            write_block(bench.driver, volume, value + 1, offset=64 * MIB + value * MIB)
        made.append(take_cgsnapshot(bench.driver, volumes, f"c{value}"))
    for volume in volumes:
        write_block(bench.driver, volume, 4)
    return made


def patched(offset: int, blob: bytes) -> Callable[[Path], None]:
    """Return a function that writes bytes into a file in place."""

    def patch(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(blob)

    return patch


def swap(path: Path) -> None:
    """Replace a file by a copy of itself."""
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 65536)


def link(path: Path) -> None:
    """Put a symbolic link to the file in its place."""
    aside = path.parent.parent.parent / f"{path.name}.elsewhere"
    path.rename(aside)
    path.symlink_to(aside)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "cut off": cut_off,
    "empty": lambda path: os.truncate(path, 0),
    "swapped": swap,
    "linked": link,
    "no image": patched(0, b"RAW!"),
    "another version": patched(4, struct.pack(">I", 2)),
    "dirty": patched(INCOMPATIBLE_AT, struct.pack(">Q", 1)),
    "corrupt": patched(INCOMPATIBLE_AT, struct.pack(">Q", 2)),
    "data elsewhere": patched(INCOMPATIBLE_AT, struct.pack(">Q", 4)),
    "unknown feature": patched(INCOMPATIBLE_AT, struct.pack(">Q", 1 << 40)),
    "larger": patched(SIZE_AT, struct.pack(">Q", 2 * 1024**3)),
    "internal snapshots": patched(SNAPSHOTS_AT, struct.pack(">I", 1)),
}
AT_BOTH_ENDS = ("cut off", "swapped", "corrupt")


def file_of(bench: QsdDriverFixture, place: int) -> Path:
    """Return the file of a layer of the first volume, counted from the base."""
    return bench.state_dir / "homes" / "g" / f"L{bench.manifest('g').volumes['v0'].chain[place]}.qcow2"


def refuses(call: Callable[[], object], path: Path) -> None:
    with pytest.raises(FinalDriverError, match=f"{path} "):
        call()


@pytest.mark.parametrize(
    ("damage", "place"),
    [*((damage, 1) for damage in DAMAGE), *((damage, place) for damage in AT_BOTH_ENDS for place in (0, -1))],
)
def test_nothing_is_made_of_what_has_lost_data_and_all_that_is_served_stays_so(
    bench: QsdDriverFixture, cut: list[list[SnapshotSpec]], damage: str, place: int
) -> None:
    path, whole = file_of(bench, place), bench.root / "whole"
    os.link(path, whole)
    blob = path.read_bytes()
    late = snapshot_specs([V0, V1], "late")
    client = bench.client(bench.driver.connection(V0))
    for snapshot in late:
        bench.driver.prepare(snapshot)
    DAMAGE[damage](path)
    (problem,) = bench.driver.inventory().problems
    assert str(path) in problem
    assert "volume v0 has lost data" in problem
    refuses(lambda: bench.driver.cut("late", "g", late), path)
    refuses(lambda: bench.driver.restore("r", [cut[-1][0], cut[-1][1]]), path)
    refuses(lambda: bench.driver.move_volume(V0, None), path)
    if place >= 0:
        refuses(lambda: bench.driver.snapshot(cut[-1][0]), path)
        refuses(lambda: bench.driver.clone_volume(VolumeSpec("clone", 1), cut[-1][0]), path)
    assert bench.manifest("g").cuts.keys() == {"c0", "c1", "c2"}
    client.read(0, BLOCK)
    assert read_block(bench.driver, V1) == b"\4" * BLOCK
    assert read_snapshot(bench.driver, cut[0][1]) == b"\1" * BLOCK
    # The original content is put back, in the file that the daemon has open.
    path.unlink()
    whole.write_bytes(blob)
    whole.rename(path)
    assert bench.driver.inventory().problems == ()
    bench.driver.cut("late", "g", late)
    assert read_block(bench.driver, V0) == b"\4" * BLOCK


@pytest.mark.parametrize("damage", sorted(set(DAMAGE) - {"swapped", "linked"}))
def test_after_its_daemon_what_has_lost_data_is_not_served_and_what_is_whole_is(
    bench: QsdDriverFixture, cut: list[list[SnapshotSpec]], damage: str
) -> None:
    bench.driver.export_snapshot(cut[0][0])
    bench.driver.export_snapshot(cut[2][0])
    path = file_of(bench, 1)
    blob = path.read_bytes()
    bench.driver.stop()
    bench.kill_daemon("g")
    DAMAGE[damage](path)
    damaged = path.read_bytes()
    driver = bench.start()
    refuses(lambda: driver.connection(V0), path)
    assert [str(path) in problem for problem in driver.inventory().problems] == [True]
    assert read_snapshot(driver, cut[0][0]) == b"\1" * BLOCK, "it does not read through what is damaged"
    refuses(lambda: driver.export_snapshot(cut[2][0]), path)
    assert read_block(driver, V1) == b"\4" * BLOCK
    assert path.read_bytes() == damaged, "what has lost data is left as it is found"
    path.write_bytes(blob)
    assert read_block(driver, V0) == b"\4" * BLOCK
    assert driver.inventory().problems == ()


def test_a_swapped_leaf_is_found_by_the_next_process_while_the_daemon_lives(
    bench: QsdDriverFixture, cut: list[list[SnapshotSpec]]
) -> None:
    path = file_of(bench, -1)
    swap(path)
    driver = bench.start()
    (problem,) = driver.inventory().problems
    assert f"{path} was replaced" in problem
    for snapshot in snapshot_specs([V0, V1], "late"):
        driver.prepare(snapshot)
    refuses(lambda: driver.cut("late", "g", snapshot_specs([V0, V1], "late")), path)
    write_block(driver, V0, 7)
    assert read_block(driver, V0) == b"\7" * BLOCK, "it is served on"


@pytest.mark.parametrize("damage", ["empty", "swapped", "corrupt"])
def test_a_prepared_overlay_that_is_not_what_was_made_is_made_again(
    bench: QsdDriverFixture, cut: list[list[SnapshotSpec]], damage: str
) -> None:
    late = snapshot_specs([V0, V1], "late")
    for snapshot in late:
        bench.driver.prepare(snapshot)
    held = bench.manifest("g").volumes["v0"].pending[late[0].id]
    DAMAGE[damage](bench.state_dir / "homes" / "g" / f"L{held.layer}.qcow2")
    bench.driver.cut("late", "g", late)
    write_block(bench.driver, V0, 9)
    assert read_snapshot(bench.driver, late[0]) == b"\4" * BLOCK
    assert bench.driver.inventory().problems == ()
    bench.driver.stop()
    bench.kill_daemon("g")
    assert read_block(bench.start(), V0) == b"\11" * BLOCK


def test_a_cut_reads_no_file_that_has_not_changed(
    bench: QsdDriverFixture, cut: list[list[SnapshotSpec]], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_of: list[Path] = []
    check = qcow2.check_references
    monkeypatch.setattr(qcow2, "check_references", lambda path: (read_of.append(path), check(path))[1])
    take_cgsnapshot(bench.driver, [V0, V1], "warm")
    read_of.clear()
    take_cgsnapshot(bench.driver, [V0, V1], "late")
    chains = [volume.chain for volume in bench.manifest("g").volumes.values()]
    # For each chain: its former leaf, which is frozen by now, and the overlay that is the leaf now.
    expected = {f"L{layer}.qcow2" for chain in chains for layer in chain[-2:]}
    assert {path.name for path in read_of} <= expected


def test_whatever_is_cut_off_of_an_image_is_found(tmp_path: Path) -> None:
    require_qsd()
    chance = random.Random(7)
    for number in range(8):
        image = tmp_path / f"{number}.qcow2"
        qcow2.create(image, 8 * 1024**3)
        asked = [
            word
            for _ in range(chance.randrange(1, 30))
            for word in (
                "-c",
                f"write -P 7 {chance.randrange(8 * 1024) * MIB} {chance.choice((512, 4096, 3 * MIB))}",
            )
        ]
        subprocess.run(["qemu-io", "-f", "qcow2", *asked, str(image)], check=True, capture_output=True)
        qcow2.check_references(image)
        length = image.stat().st_size
        for lost in (1, 512, 65536, chance.randrange(1, length), chance.randrange(1, length), length - 1):
            os.truncate(image, length - lost)
            with pytest.raises(ValueError, match=r"has \d+ bytes|too short"):
                qcow2.check_references(image)
            shutil.copyfile(_again(tmp_path, asked), image)
            qcow2.check_references(image)


def _again(folder: Path, asked: list[str]) -> Path:
    """Return an image that was written to in the same way."""
    image = folder / "again.qcow2"
    qcow2.create(image, 8 * 1024**3)
    subprocess.run(["qemu-io", "-f", "qcow2", *asked, str(image)], check=True, capture_output=True)
    return image


def test_clusters_that_were_counted_and_never_written_are_no_loss(tmp_path: Path) -> None:
    """A killed daemon leaves clusters counted as used that lie past the end of the file."""
    image = tmp_path / "image.qcow2"
    qcow2.create(image, MIB)
    length = image.stat().st_size
    patched(2 * qcow2.CLUSTER + length // qcow2.CLUSTER * 2, b"\0\1")(image)
    assert qcow2.check_references(image).size_bytes == MIB
    require_qsd()
    subprocess.run(["qemu-img", "check", "-f", "qcow2", str(image)], capture_output=True, check=True)
