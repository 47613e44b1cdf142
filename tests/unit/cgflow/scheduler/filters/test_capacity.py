"""Capacity of thick and of thin storage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgflow.scheduler.filters.capacity import CapacityFilter

from ..conftest import backend, request

REFUSE = CapacityFilter().refuse


@pytest.mark.parametrize(("size", "accepted"), [(1, True), (10, True), (11, False)])
def test_thick_storage_has_to_have_it_free(size, accepted):
    full = backend(free=10.0, total=100.0, provisioned=1000.0)
    assert (REFUSE(full, request(size_gib=size)) is None) is accepted


@pytest.mark.parametrize(
    ("provisioned", "free", "size", "accepted"),
    [
        (150, 100, 50, True),  # provisioned up to the ratio
        (150, 100, 51, False),
        (0, 10, 20, True),  # limited by the free space times the ratio
        (0, 10, 21, False),
    ],
)
def test_thin_storage_may_promise_more_than_it_has(provisioned, free, size, accepted):
    thin = backend(thin=True, total=100.0, ratio=2.0, provisioned=provisioned, free=free)
    assert (REFUSE(thin, request(size_gib=size)) is None) is accepted


def test_reasons_have_the_numbers():
    assert REFUSE(backend(free=10.5), request(size_gib=11)) == "has 10.5 GiB free, needs 11 GiB"
    thin = backend(thin=True, total=100.0, ratio=2.0, provisioned=199.0)
    assert REFUSE(thin, request(size_gib=2)) == (
        "has promised 199 GiB, and 2 GiB more would pass the 200 GiB "
        "that it may promise (its 100 GiB times 2)"
    )
    empty = backend(thin=True, total=100.0, ratio=2.0, free=1.0)
    assert REFUSE(empty, request(size_gib=3)) == (
        "has 1 GiB free, on which it may promise 2 GiB at once, needs 3 GiB"
    )


@given(st.floats(0, 1000), st.floats(0, 1000), st.booleans())
def test_what_takes_nothing_fits_everywhere(free, provisioned, thin):
    assert REFUSE(backend(free=free, provisioned=provisioned, thin=thin, total=0.0), request()) is None


@given(st.integers(1, 500), st.integers(1, 500), st.booleans(), st.floats(0, 500), st.floats(1, 20))
def test_what_fits_fits_if_it_is_smaller(size, less, thin, provisioned, ratio):
    one = backend(thin=thin, provisioned=provisioned, ratio=ratio, total=300.0, free=200.0)
    if REFUSE(one, request(size_gib=size)) is None:
        assert REFUSE(one, request(size_gib=max(0, size - less))) is None
