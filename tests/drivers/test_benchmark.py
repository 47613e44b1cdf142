"""The benchmark measures cuts that the conformance suite proves to be of one instant; others are detected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.storage import cuts, qsd
from benchmarks.storage.place import Place

pytestmark = pytest.mark.real

MEMBERS = 2


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with qsd.place() as found:
        yield found


def test_cuts_of_both_contenders_keep_the_order_under_load(place: Place) -> None:
    with place.bare(MEMBERS) as bare, place.ours(MEMBERS) as ours:
        row = cuts.compare(place, [bare, ours], MEMBERS, rounds=2)
    assert (row["cgsnapshots"], row["bare violations"], row["violations"]) == (2, 0, 0)
    assert row["bare stall p50"], "no write was under way at a bare cut"
    assert row["stall p50"], "no write was under way at a cut"


def test_members_cut_one_by_one_are_found_out(place: Place) -> None:
    (row,) = cuts.control(place, MEMBERS, rounds=2)
    assert (row["controls"], row["control violations"]) == (2, 2)
