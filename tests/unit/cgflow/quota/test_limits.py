"""Limits: the project's own, those of the default class, the shipped ones, in this order."""

from __future__ import annotations

import pytest

from cgflow.db.repositories import volume_type
from cgflow.errors import InvalidInput
from cgflow.quota import limits, usage
from cgflow.records import QuotaLine


@pytest.fixture
def session(database):
    with database.write() as session:
        yield session


def by_name(session, project_id="p1"):
    return {line.resource: line.limit for line in limits.limits_and_usage(session, project_id)}


def test_shipped_limits_hold_where_nothing_is_said(session):
    """S90."""
    assert by_name(session) == {
        "consistencygroups": 10,
        "volumes": 10,
        "snapshots": 10,
        "gigabytes": 1000,
        "per_volume_gigabytes": -1,
        # There are no backups, so none can be created.
        "backups": 0,
        "backup_gigabytes": 0,
    }


def test_every_live_type_has_its_lines_and_no_limit(session):
    volume_type.create(session, id="t1", name="gold")
    volume_type.create(session, id="t2", name="gone")
    volume_type.delete(session, "t2")
    typed = {
        name: limit for name, limit in by_name(session).items() if name.partition("_")[2] in ("gold", "gone")
    }
    assert typed == {"volumes_gold": -1, "snapshots_gold": -1, "gigabytes_gold": -1}


def test_own_limit_stands_over_the_default_in_either_order(session):
    limits.set_default_limits(session, {"volumes": 50, "snapshots": 60})
    limits.set_limits(session, "p1", {"volumes": 5, "snapshots": 600})
    assert (by_name(session)["volumes"], by_name(session)["snapshots"]) == (5, 600)
    assert by_name(session, "p2")["volumes"] == limits.default_limits(session)["volumes"] == 50


def test_setting_one_limit_leaves_the_others(session):
    limits.set_limits(session, "p1", {"volumes": 5})
    limits.set_limits(session, "p1", {"snapshots": 6})
    limits.set_limits(session, "p1", {"volumes": 7})
    assert (by_name(session)["volumes"], by_name(session)["snapshots"]) == (7, 6)


def test_reset_goes_back(session):
    limits.set_default_limits(session, {"volumes": 50})
    limits.set_limits(session, "p1", {"volumes": 5})
    limits.set_limits(session, "p2", {"volumes": 6})
    limits.reset_limits(session, "p1")
    assert (by_name(session)["volumes"], by_name(session, "p2")["volumes"]) == (50, 6)
    limits.reset_default_limits(session)
    assert by_name(session)["volumes"] == 10


def test_lines_tell_usage(session):
    usage.lock_project(session, "p1")
    usage.write(session, "p1", {"volumes": usage.Usage(3, 2)})
    assert QuotaLine(resource="volumes", limit=10, in_use=3, reserved=2) in limits.limits_and_usage(
        session, "p1"
    )


@pytest.mark.parametrize("limit", [-2, 2**31, True, 1.5, "7"])
def test_limits_are_whole_numbers_or_none(session, limit):
    with pytest.raises(InvalidInput, match="limit of 'volumes' cannot be .*-1 for no limit") as refused:
        limits.set_limits(session, "p1", {"snapshots": 3, "volumes": limit})
    assert refused.value.field == "volumes"
    assert by_name(session)["snapshots"] == 10


def test_unknown_resource_is_refused_with_those_that_are_known(session):
    with pytest.raises(InvalidInput, match=r"no quota named .volumes_x.\. Valid values: consistency"):
        limits.set_default_limits(session, {"volumes_x": 3})
