"""The filters: which backends each one accepts, and the reasons."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgflow import clock
from cgflow.scheduler.filters import (
    AvailabilityZoneFilter,
    BackendUpFilter,
    CapabilitiesFilter,
    CapacityFilter,
    EnabledFilter,
)

from .conftest import backend, request


@pytest.mark.parametrize(("age_s", "accepted"), [(0, True), (30, True), (31, False), (-5, True)])
def test_a_report_has_its_time(age_s, accepted):
    words = BackendUpFilter(service_down_s=30).refuse(backend(age_s=age_s), request())
    assert (words is None) is accepted


def test_silence_is_told_with_its_length():
    words = BackendUpFilter().refuse(backend(age_s=61), request())
    assert words == "has not reported since 2026-11-22T09:58:59.000000: 61 seconds, and 60 are allowed"


def test_down_is_told_with_its_reason_however_fresh():
    words = BackendUpFilter().refuse(backend(is_up=False, age_s=0, reason="no daemon"), request())
    assert words == "is down since 2026-11-22T10:00:00.000000 (no daemon)"


SINCE = clock.now()


def test_enabled_takes_all():
    assert EnabledFilter().refuse(backend(), request()) is None


@pytest.mark.parametrize(("reason", "told"), [(None, ""), ("new disks", " (new disks)")])
def test_disabled_takes_nothing_new(reason, told):
    one = replace(backend(), disabled_at=SINCE, disabled_reason=reason)
    assert EnabledFilter().refuse(one, request()) == f"is disabled since {clock.iso(SINCE)}{told}"
    assert EnabledFilter().refuse(one, replace(request(), is_new=False)) is None


def test_same_zone_or_any_is_accepted():
    assert AvailabilityZoneFilter().refuse(backend(zone="az1"), request(availability_zone="az1")) is None
    assert AvailabilityZoneFilter().refuse(backend(zone="az1"), request(availability_zone=None)) is None


def test_other_zone_is_refused():
    words = AvailabilityZoneFilter().refuse(backend(zone="az1"), request(availability_zone="az2"))
    assert words == "is in availability zone 'az1', not in 'az2'"


capacity = CapacityFilter().refuse


@pytest.mark.parametrize(("size", "accepted"), [(1, True), (10, True), (11, False)])
def test_thick_storage_has_to_have_it_free(size, accepted):
    full = backend(free=10.0, total=100.0, provisioned=1000.0)
    assert (capacity(full, request(size_gib=size)) is None) is accepted


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
    assert (capacity(thin, request(size_gib=size)) is None) is accepted


def test_reasons_have_the_numbers():
    assert capacity(backend(free=10.5), request(size_gib=11)) == "has 10.5 GiB free, needs 11 GiB"
    thin = backend(thin=True, total=100.0, ratio=2.0, provisioned=199.0)
    assert capacity(thin, request(size_gib=2)) == (
        "has promised 199 GiB, and 2 GiB more would pass the 200 GiB "
        "that it may promise (its 100 GiB times 2)"
    )
    empty = backend(thin=True, total=100.0, ratio=2.0, free=1.0)
    assert capacity(empty, request(size_gib=3)) == (
        "has 1 GiB free, on which it may promise 2 GiB at once, needs 3 GiB"
    )


@given(st.floats(0, 1000), st.floats(0, 1000), st.booleans())
def test_what_takes_nothing_fits_everywhere(free, provisioned, thin):
    assert capacity(backend(free=free, provisioned=provisioned, thin=thin, total=0.0), request()) is None


@given(st.integers(1, 500), st.integers(1, 500), st.booleans(), st.floats(0, 500), st.floats(1, 20))
def test_what_fits_fits_if_it_is_smaller(size, less, thin, provisioned, ratio):
    one = backend(thin=thin, provisioned=provisioned, ratio=ratio, total=300.0, free=200.0)
    if capacity(one, request(size_gib=size)) is None:
        assert capacity(one, request(size_gib=max(0, size - less))) is None


def refuse(specs, **capabilities):
    return CapabilitiesFilter().refuse(backend(**capabilities), request(extra_specs=specs))


def test_absent_capability_is_told_as_such():
    words = refuse({"consistencygroup_support": "<is> True"})
    assert words == "lacks consistencygroup_support (needs '<is> True', has None)"


def test_a_lower_level_of_cut_is_told_with_what_would_allow_it():
    words = refuse({"consistencygroup_support": "<is> True"}, cut_level="per-volume")
    assert "has None; it cuts one volume after the other, which cut_level='per-volume' among" in words
    assert "allows" not in refuse({"consistencygroup_support": "<is> False"}, consistencygroup_support=True)


def test_support_of_groups_means_one_instant_where_nothing_more_is_said():
    assert refuse({"cut_level": "crash"}, consistencygroup_support=True) is None
    assert refuse({"cut_level": "crash"}) == "lacks cut_level (needs 'crash', has None)"


def test_everything_that_is_lacking_is_told():
    words = refuse({"b": "<is> True", "a": ">= 5", "c": "x"}, a=4, b=True, c="y")
    assert words == "lacks a (needs '>= 5', has 4), c (needs 'x', has 'y')"


@pytest.mark.parametrize("key", ["speed", "capabilities:speed"])
def test_scoped_and_unscoped_keys_are_looked_up(key):
    assert refuse({key: ">= 5"}, speed=6) is None
    assert refuse({key: ">= 5"}, speed=4) == "lacks speed (needs '>= 5', has 4)"


@pytest.mark.parametrize("key", ["quality:iops", "volume:speed", "quality:speed"])
def test_other_scopes_are_not_for_the_scheduler(key):
    assert refuse({key: ">= 5"}, speed=1) is None


def test_colons_lead_into_nested_capabilities():
    assert refuse({"capabilities:nic:speed": ">= 5"}, nic={"speed": 6}) is None
    assert refuse({"capabilities:nic:speed": ">= 7"}, nic={"speed": 6}) is not None
    assert refuse({"capabilities:nic:speed:x": ">= 5"}, nic={"speed": 6}) is not None
    assert refuse({"capabilities:nic": ">= 5"}, nic={"speed": 6}) is not None


@pytest.mark.parametrize(
    ("specs", "accepted"),
    [
        ({"volume_backend_name": "qsd"}, True),
        ({"volume_backend_name": "rbd"}, False),
        ({"thin_provisioning_support": "<is> False"}, True),
        ({"free_capacity_gb": ">= 101"}, False),
        ({"total_capacity_gb": "100.0"}, True),
    ],
)
def test_facts_that_every_backend_has(specs, accepted):
    assert (refuse(specs) is None) is accepted


def test_what_the_driver_says_of_itself_wins():
    assert refuse({"volume_backend_name": "mine"}, volume_backend_name="mine") is None
