"""Extra specs compared with a backend's report."""

import pytest

from cgflow.scheduler.filters.capabilities import CapabilitiesFilter

from ..conftest import backend, request


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
