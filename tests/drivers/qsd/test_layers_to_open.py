"""Which layers of a long chain are merged, and which are open in the daemon."""

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import VolumeRecord
from tests.support.qsd_fixture import MIB


def tree(*layers: int, aside: dict[int, int | None], **bound: int) -> VolumeRecord:
    return VolumeRecord("v", MIB, chain=layers, aside=aside, bound=bound)


def test_the_highest_frozen_layer_that_is_not_shared_takes_in_what_is_below() -> None:
    held = VolumeRecord("v", MIB, chain=(1, 2, 3, 4), bound={"a": 1, "b": 2})
    assert layer_tree.layer_to_flatten(held, 4) is None
    assert layer_tree.layer_to_flatten(held, 3) == 3
    assert layer_tree.layer_to_flatten(held, 3, {1, 2}) == 3
    assert layer_tree.layer_to_flatten(held, 3, {1, 2, 3}) is None, (
        "the next cut makes one that is not shared"
    )
    assert layer_tree.layer_to_flatten(VolumeRecord("v", MIB, chain=(1, 2)), 1) is None, (
        "one layer has nothing below"
    )


def test_what_was_below_is_a_tree_of_its_own() -> None:
    held = VolumeRecord(
        "v", MIB, chain=(1, 2, 3, 4), bound={"a": 1, "b": 3}, aside={5: 2, 6: 4}, flattening=3
    )
    after = layer_tree.volume_after_flattening(held)
    assert (after.chain, after.aside, after.flattening) == ((3, 4), {1: None, 2: 1, 5: 2, 6: 4}, None)
    assert layer_tree.volume_without_unneeded_layers(after).aside == {1: None}
    assert layer_tree.layers_to_serve(after) == {3, 4}


def test_nothing_under_a_flattening_is_merged() -> None:
    held = VolumeRecord("v", MIB, chain=(1, 2, 3, 4, 5, 6, 7), bound={"c": 3}, flattening=4)
    assert [merge.top for merge in layer_tree.allowed_merges(held)] == [6, 7]


def test_layers_rest_unless_somebody_reads_them() -> None:
    held = tree(4, 5, aside={1: None, 2: 1, 3: 2}, a=1, b=2, c=3)
    assert layer_tree.layers_to_serve(held) == {4, 5}
    assert layer_tree.layers_to_serve(replace(held, exported=("b",))) == {4, 5, 1, 2}
    assert layer_tree.layers_to_serve(held, {3}) == {1, 2, 3, 4, 5}
