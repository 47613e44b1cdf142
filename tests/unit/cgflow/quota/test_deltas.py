"""The quota that each operation takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cgflow.quota import deltas

MEMBERS = st.lists(st.tuples(st.integers(1, 1000), st.sampled_from([None, "gold", "silver"])), max_size=8)


def test_group_takes_itself_only():
    assert deltas.for_group() == {"consistencygroups": 1}


def test_volume_is_counted_in_total_and_for_its_type():
    assert deltas.for_volume(7, "gold") == {
        "volumes": 1,
        "gigabytes": 7,
        "volumes_gold": 1,
        "gigabytes_gold": 7,
    }


def test_volume_without_type_is_counted_in_total():
    assert deltas.for_volume(7, None) == {"volumes": 1, "gigabytes": 7}


def test_extend_takes_the_growth_and_no_volume():
    assert deltas.for_extend(3, "gold") == {"gigabytes": 3, "gigabytes_gold": 3}


def test_snapshots_of_a_cgsnapshot_are_one_sum_over_members():
    """S94."""
    taken = deltas.for_snapshots([(1, "gold"), (2, "silver"), (4, "gold")])
    assert taken == {
        "snapshots": 3,
        "gigabytes": 7,
        "snapshots_gold": 2,
        "gigabytes_gold": 5,
        "snapshots_silver": 1,
        "gigabytes_silver": 2,
    }


def test_no_snapshot_gb_quota_leaves_the_gigabytes_out():
    """S94."""
    taken = deltas.for_snapshots([(1, "gold"), (2, None)], no_snapshot_gb_quota=True)
    assert taken == {"snapshots": 2, "snapshots_gold": 1}


@given(MEMBERS)
def test_a_refund_undoes_exactly_what_was_taken(members):
    taken = deltas.for_volumes(members)
    assert not any(deltas.sum_deltas(taken, deltas.negate(taken)).values())


@given(MEMBERS)
def test_types_never_sum_to_more_than_the_total(members):
    taken = deltas.for_volumes(members)
    typed = sum(n for name, n in taken.items() if name.startswith("gigabytes_"))
    untyped = sum(size for size, name in members if name is None)
    assert typed + untyped == taken.get("gigabytes", 0)
