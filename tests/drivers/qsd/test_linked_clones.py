"""Linked clones on real daemons: they exist at once, and no commit ever changes what one of them reads."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.driver import GIB
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import Merge
from cgflow.drivers.qsd.operations import merge
from cgflow.errors import FinalDriverError
from tests.support.qsd_fixture import (
    BLOCK,
    MIB,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    started_driver_fixture,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real

LONGEST = 4
CLONE = VolumeSpec("clone", 1, "h")


@pytest.fixture
def bench() -> Iterator[QsdDriverFixture]:
    yield from started_driver_fixture(max_chain_depth=LONGEST)


def source(bench: QsdDriverFixture) -> tuple[VolumeSpec, list[SnapshotSpec]]:
    """A volume that holds C, with snapshots of A and B, and an empty group h."""
    (volume,) = bench.make_group(1)
    bench.driver.create_group("h")
    copies = []
    for letter in "AB":
        write_block(bench.driver, volume, ord(letter))
        write_block(bench.driver, volume, ord(letter), ord(letter) * MIB)
        copies += take_cgsnapshot(bench.driver, [volume], letter.lower())
    write_block(bench.driver, volume, ord("C"))
    return volume, copies


def expect(bench: QsdDriverFixture, volume: VolumeSpec, letters: str) -> None:
    """Check for the first letter at the start, and for each further letter of A and B at its own place."""
    assert read_block(bench.driver, volume) == letters[0].encode() * BLOCK
    for letter in "AB":
        wanted = letter.encode() * BLOCK if letter in letters[1:] else bytes(BLOCK)
        assert read_block(bench.driver, volume, ord(letter) * MIB) == wanted


def names(bench: QsdDriverFixture, home_id: str, volume_id: str) -> list[int]:
    """Return the number of hard links of each layer's file, from base to leaf."""
    folder = bench.state_dir / "homes" / home_id
    return [
        (folder / f"L{layer}.qcow2").stat().st_nlink
        for layer in bench.manifest(home_id).volumes[volume_id].chain
    ]


def test_a_clone_takes_no_space_and_source_and_clone_go_in_any_order(bench: QsdDriverFixture) -> None:
    volume, copies = source(bench)
    bench.driver.clone_volume(CLONE, copies[1])
    assert names(bench, "h", "clone") == [2, 2, 1]
    expect(bench, CLONE, "BAB")
    write_block(bench.driver, CLONE, ord("D"))
    for copy in copies:
        bench.driver.delete_snapshot(copy)
    expect(bench, volume, "CAB")
    expect(bench, CLONE, "DAB")
    bench.driver.delete_volume(volume)
    bench.driver.delete_group("g")
    assert names(bench, "h", "clone") == [1, 1, 1], "the clone's alone"
    bench.start()
    expect(bench, CLONE, "DAB")
    bench.driver.delete_volume(CLONE)
    assert bench.files("h") == []


def test_a_commit_into_a_layer_of_a_linked_clone_is_not_made(bench: QsdDriverFixture) -> None:
    """QEMU would run the commit, and the clone would read newer data."""
    volume, copies = source(bench)
    bench.driver.clone_volume(CLONE, copies[1])
    bench.client(bench.driver.connection(volume))
    before = names(bench, "g", "v0")
    for copy in copies:
        bench.driver.delete_snapshot(copy)
    assert names(bench, "g", "v0") == before, "hidden layers wait for the clone"
    expect(bench, CLONE, "BAB")
    # The same holds when the clone's daemon is dead, so that its lock does not prevent the commit.
    bench.hang_up()
    bench.driver.stop()
    bench.kill_daemon("h")
    bench.start().await_startup_merges(30)
    assert names(bench, "g", "v0") == before
    expect(bench, CLONE, "BAB")
    home = bench.driver._homes.get("g")
    base, top, *_ = home.manifest.volumes["v0"].chain
    with home.lock, pytest.raises(FinalDriverError, match="shared with a linked clone"):
        merge._run_merge(home, "v0", Merge(top, base, active=False))
    bench.driver.delete_volume(CLONE)
    assert [spec.id for spec in bench.driver.compactions_due()] == ["v0"], "now they can be merged"
    assert bench.driver.compact_volume(volume, 30)
    assert len(bench.files("g")) <= 2
    expect(bench, volume, "CAB")


def test_a_copy_taken_of_a_clone_lies_over_shared_layers_until_they_are_flattened(
    bench: QsdDriverFixture,
) -> None:
    volume, copies = source(bench)
    driver = bench.driver
    driver.clone_volume(CLONE, copies[1])
    taken = []
    for letter in "DE":
        write_block(driver, CLONE, ord(letter))
        taken += take_cgsnapshot(driver, [CLONE], letter.lower())
    assert [spec.id for spec in driver.compactions_due("h")] == ["clone"]
    assert driver.compact_volume(CLONE, 30)
    assert len(names(bench, "h", "clone")) == 2
    expect(bench, CLONE, "EAB")
    assert read_snapshot(driver, taken[0]) == b"D" * BLOCK
    for copy in taken:
        driver.delete_snapshot(copy)
    assert names(bench, "g", "v0") == [1, 1, 1], "the clone has let go"
    for copy in copies:
        driver.delete_snapshot(copy)
    expect(bench, volume, "CAB")
    expect(bench, CLONE, "EAB")
    assert len(bench.files("g")) == 1


def test_a_clone_within_its_own_group_and_a_clone_of_a_clone(bench: QsdDriverFixture) -> None:
    volume, copies = source(bench)
    driver = bench.driver
    near, far = replace(CLONE, group_id="g"), VolumeSpec("far", 2, None)
    driver.clone_volume(near, copies[0])
    write_block(driver, near, ord("D"))
    (copy,) = take_cgsnapshot(driver, [near], "d")
    driver.clone_volume(far, copy)
    write_block(driver, far, ord("E"), 2 * GIB - BLOCK)
    driver.delete_snapshot(copy)
    driver.delete_volume(near)
    for old in copies:
        driver.delete_snapshot(old)
    expect(bench, far, "DA")
    expect(bench, volume, "CAB")
    driver.move_volume(far, "h")
    assert bench.start().await_startup_merges(30)
    assert read_block(bench.driver, replace(far, group_id="h"), 2 * GIB - BLOCK) == b"E" * BLOCK
    expect(bench, replace(far, group_id="h"), "DA")


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK])
def test_where_files_have_no_second_names_the_clone_is_a_full_copy(
    bench: QsdDriverFixture, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    volume, copies = source(bench)

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    bench.driver.clone_volume(CLONE, copies[1])
    assert names(bench, "h", "clone") == [1]
    assert len(bench.files("h")) == 1
    expect(bench, CLONE, "BAB")
    expect(bench, volume, "CAB")


def test_what_is_shared_is_in_no_merge_as_the_base() -> None:
    held = layer_tree.VolumeRecord("v", MIB, chain=(1, 2, 3, 4))
    assert {found.base for found in layer_tree.allowed_merges(held)} == {1, 2, 3}
    assert {found.base for found in layer_tree.allowed_merges(held, shared={1, 2})} == {3}
