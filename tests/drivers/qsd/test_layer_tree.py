"""Layers that a restore has made a tree of: which may be merged, which are removed, and what is restored."""

import subprocess
from pathlib import Path

import pytest

from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import Manifest, Merge, UnfinishedRestore, VolumeRecord
from cgflow.drivers.qsd.qemu import qcow2
from tests.support.qsd_fixture import MIB, require_qsd


def tree(*layers: int, aside: dict[int, int], kept: int | None = None, **bound: int) -> VolumeRecord:
    held = None if kept is None else UnfinishedRestore("r", "a", kept)
    return VolumeRecord("v", MIB, chain=layers, aside=aside, bound=bound, kept=held)


def home(volume: VolumeRecord) -> Manifest:
    return Manifest("g", is_group=True, created_at="", next_layer=8, volumes={"v": volume})


@pytest.mark.parametrize(
    ("held", "merges"),
    [
        # Layer 1 is read by 2 and by 5: a commit of either would change what the other reads.
        (tree(1, 5, aside={2: 1}, b=2), []),
        (tree(1, 2, 5, aside={3: 2}, b=3), []),
        (tree(1, 2, 3, 5, aside={4: 3}, b=4), [Merge(2, 1, active=False)]),
        # Beside the chain.
        (tree(1, 5, aside={2: 1, 3: 2, 4: 3}, c=4), [Merge(3, 2, active=False)]),
        (tree(1, 5, aside={2: 1, 3: 2, 4: 3}, b=2, c=4), []),
        (tree(1, 5, aside={2: 1, 3: 2}, c=3), []),
        (tree(1, 5, aside={2: 1, 3: 2, 4: 3, 6: 3}, c=4, d=6), []),
        # Above the fork.
        (tree(1, 5, 6, 7, aside={2: 1}, b=2), [Merge(6, 5, active=False), Merge(7, 6, active=True)]),
    ],
)
def test_which_layers_of_a_tree_may_be_merged(held: VolumeRecord, merges: list[Merge]) -> None:
    assert list(layer_tree.allowed_merges(held)) == merges


@pytest.mark.parametrize("cloned", [1, 2])
def test_a_layer_that_is_cloned_is_not_merged(cloned: int) -> None:
    held = VolumeRecord("v", MIB, chain=(1, 2, 3))
    assert Merge(2, 1, active=False) in layer_tree.allowed_merges(held)
    assert Merge(2, 1, active=False) not in layer_tree.allowed_merges(held, {cloned})


def test_a_merge_beside_the_chain_keeps_the_tree_together() -> None:
    after = layer_tree.volume_after_merge(
        tree(1, 5, aside={2: 1, 3: 2, 4: 3}, c=3, d=4), Merge(3, 2, active=False)
    )
    assert (after.chain, after.aside, after.bound) == ((1, 5), {2: 1, 4: 2}, {"c": 2, "d": 4})


def test_merges_are_made_beneath_what_nothing_lies_over() -> None:
    held = tree(1, 5, aside={2: 1, 3: 2, 4: 3}, c=4)
    assert [layer_tree.topmost_reader(held, layer) for layer in (1, 5, 2, 3, 4)] == [5, 5, 4, 4, 4]


@pytest.mark.parametrize(
    ("held", "cloned", "left"),
    [
        (tree(1, 5, aside={2: 1, 3: 2}), (), {}),
        (tree(1, 5, aside={2: 1, 3: 2}, b=2), (), {2: 1}),
        (tree(1, 5, aside={2: 1, 3: 2}, c=3), (), {2: 1, 3: 2}),
        (tree(1, 5, aside={2: 1, 3: 2}, kept=3), (), {2: 1, 3: 2}),
        (tree(1, 5, aside={2: 1, 3: 2}), {2}, {2: 1}),
    ],
)
def test_what_is_aside_goes_when_nobody_wants_it(held, cloned, left) -> None:
    assert layer_tree.volume_without_unneeded_layers(held, cloned).aside == left


def test_a_restore_and_its_undo() -> None:
    before = VolumeRecord("v", MIB, chain=(1, 2, 3), bound={"a": 1, "b": 2})
    during = layer_tree.manifest_after_restore(home(before), "r", {"v": "a"}, {"v": 8})
    assert during.volumes["v"] == tree(1, 8, aside={2: 1, 3: 2}, kept=3, a=1, b=2)
    assert during.next_layer == 9
    assert during.volumes["v"].writable_layers == {8, 3}
    assert layer_tree.snapshots_of_unfinished_restore(during, "r") == {"v": "a"}
    assert layer_tree.manifest_after_undo_restore(during, "r").volumes["v"] == before
    assert layer_tree.volume_without_unneeded_layers(
        layer_tree.manifest_after_finish_restore(during, "r").volumes["v"]
    ) == tree(1, 8, aside={2: 1}, a=1, b=2)


def test_a_restore_to_a_layer_aside() -> None:
    before = tree(1, 5, 6, aside={2: 1, 3: 2}, a=1, b=2, c=3, d=5)
    during = layer_tree.manifest_after_restore(home(before), "r", {"v": "b"}, {"v": 8}).volumes["v"]
    assert (during.chain, during.aside) == ((1, 2, 8), {3: 2, 5: 1, 6: 5})
    assert layer_tree.manifest_after_undo_restore(home(during), "r").volumes["v"] == before


@pytest.mark.real
@pytest.mark.parametrize("name", ["b.qcow2", "a-much-longer-name-than-the-one-before.qcow2"])
def test_an_image_is_told_another_name_of_what_it_lies_over(tmp_path: Path, name: str) -> None:
    require_qsd()
    qcow2.create(tmp_path / "base.qcow2", MIB)
    (tmp_path / "base.qcow2").rename(tmp_path / name)
    image = tmp_path / "image.qcow2"
    qcow2.create(image, MIB, "base.qcow2")
    for _ in range(2):
        qcow2.set_backing_file_name(image, name)
    assert described(image) == (MIB, name, "qcow2")
    subprocess.run(["qemu-img", "check", "-f", "qcow2", str(image)], check=True, capture_output=True)
    subprocess.run(
        ["qemu-img", "info", "-f", "qcow2", "--backing-chain", str(image)], check=True, capture_output=True
    )
    qcow2.set_backing_file_name(tmp_path / name, "x")
    assert described(tmp_path / name) == (MIB, None, None)


def described(image: Path) -> tuple[int, str | None, str | None]:
    header = qcow2.read_header(image)
    return header.size_bytes, header.backing_file, header.backing_format
