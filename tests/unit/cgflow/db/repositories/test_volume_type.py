"""Volume types: names, lookups, extra specs, and which may not be deleted."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.models import (
    ConsistencyGroup,
    ConsistencyGroupType,
    Flow,
    QuotaUsage,
    Reservation,
    Volume,
    VolumeType,
)
from cgflow.db.repositories import volume_type
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import Conflict, InvalidState, NotFound
from cgflow.quota import limits, reservations
from cgflow.records import QuotaLine
from cgflow.status import FlowState, Status
from tests.support.database_schema import migrate

GOLD, SILVER = "ab3cd5ef-0000-4000-8000-00000000000a", "ab3cd5ef-0000-4000-8000-00000000000b"


@pytest.fixture
def session(tmp_path):
    url = f"sqlite:///{tmp_path}/cgflow.sqlite"
    migrate(url)
    database = Database(url)
    with database.write() as session:
        volume_type.create(session, id=GOLD, name="gold", extra_specs={"a": "1", "b": "2"})
        volume_type.create(session, id=SILVER, name="silver", is_public=False)
    with database.write() as session:
        yield session
    database.close()


def owned(**columns):
    return {
        "id": str(uuid.uuid4()), "user_id": "u", "project_id": "p1", "status": Status.AVAILABLE.value,
        "availability_zone": "nova", **columns,
    }  # fmt: skip


def add_flow(session, state=FlowState.RUNNING):
    flow_id = str(uuid.uuid4())
    session.add(
        Flow(
            id=flow_id, operation="volume.create", version=1, state=state.value, project_id="p1",
            user_id="u", request_id="r", resource_type="volume", resource_id=flow_id, shape={}, symbols={},
        )
    )  # fmt: skip
    session.flush()
    return flow_id


def _names(session, *, limit=1000, offset=0, marker=None, **filters):
    query = ListQuery(limit=limit, offset=offset, marker=marker, filters=filters)
    return [one.name for one in volume_type.page(session, query, "nobody")]


def test_what_was_created_is_returned_and_found(session):
    made = volume_type.create(session, id="t", name="new", description="d", extra_specs={"k": "v"})
    assert (made.name, made.description, made.is_public, made.extra_specs) == ("new", "d", True, {"k": "v"})
    assert volume_type.get(session, "t") == made


def test_a_taken_name_is_refused_and_the_transaction_goes_on(session):
    with pytest.raises(Conflict) as error:
        volume_type.create(session, id="t", name="gold")
    assert error.value.message == "Volume Type gold already exists."
    assert _names(session, name="gold") == ["gold"]
    volume_type.create(session, id="t", name="other")


def test_the_name_of_a_deleted_type_is_free(session):
    volume_type.delete(session, GOLD)
    assert volume_type.create(session, id="t", name="gold").id == "t"
    assert volume_type.find(session, "gold").id == "t"


@pytest.mark.parametrize("word", [GOLD, GOLD.upper(), GOLD.replace("-", ""), "gold"])
def test_found_by_id_or_name(session, word):
    assert volume_type.find(session, word).id == GOLD


def test_what_looks_like_an_id_is_not_a_name(session):
    looks = str(uuid.uuid4())
    volume_type.create(session, id="t", name=looks)
    with pytest.raises(NotFound) as error:
        volume_type.find(session, looks)
    assert error.value.message == f"Volume type {looks} could not be found."


def test_unknown_name_has_the_words_of_the_wire(session):
    """S7."""
    with pytest.raises(NotFound) as error:
        volume_type.find_many(session, ["gold", "platinum", "tin"])
    assert error.value.message == "Volume type with name platinum could not be found."


def test_many_are_found_once_each_in_the_order_asked(session):
    found = volume_type.find_many(session, ["silver", GOLD, "gold", "silver"])
    assert [one.name for one in found] == ["silver", "gold"]
    assert volume_type.find_many(session, []) == []


def test_deleted_is_found_in_no_way(session):
    volume_type.delete(session, GOLD)
    for call, word in [(volume_type.get, GOLD), (volume_type.find, GOLD), (volume_type.find, "gold")]:
        with pytest.raises(NotFound):
            call(session, word)
    assert _names(session) == ["silver"]
    kept = session.get(VolumeType, GOLD)
    assert kept.deleted
    assert kept.deleted_at is not None


def test_list_is_the_youngest_first_filtered_and_cut(session):
    session.get(VolumeType, GOLD).created_at = clock.now() + timedelta(seconds=5)
    session.flush()

    assert _names(session) == ["gold", "silver"]
    assert _names(session, limit=1) == ["gold"]
    assert _names(session, limit=1, offset=1) == ["silver"]
    assert _names(session, limit=1, marker=GOLD) == ["silver"]
    assert _names(session, is_public=True) == ["gold"]
    assert _names(session, is_public=False) == ["silver"]
    assert _names(session, name="silver") == ["silver"]


def test_update_changes_what_is_named(session):
    volume_type.update(session, GOLD, description="d")
    changed = volume_type.update(session, GOLD, is_public=False)
    assert (changed.name, changed.description, changed.is_public) == ("gold", "d", False)
    assert volume_type.update(session, GOLD, description=None).description is None


def test_update_to_a_taken_name_is_refused(session):
    with pytest.raises(Conflict, match="Volume Type silver already exists."):
        volume_type.update(session, GOLD, name="silver")


def test_quota_follows_a_renamed_type(session):
    done, running, ended = add_flow(session), add_flow(session), add_flow(session, FlowState.REVERTED)
    limits.set_limits(session, "p1", {"volumes_gold": 7})
    limits.set_default_limits(session, {"gigabytes_gold": 50})
    reservations.reserve(session, done, "p1", {"volumes_gold": 2}, clock.now())
    reservations.commit(session, done)
    reservations.reserve(session, running, "p1", {"volumes_gold": 1, "gigabytes_gold": 9}, clock.now())
    reservations.reserve(session, ended, "p1", {"volumes_gold": 4}, clock.now())
    # Limits that a deleted type with the new name has left behind do not interfere.
    volume_type.create(session, id="t", name="new")
    limits.set_limits(session, "p1", {"volumes_new": 1})
    volume_type.delete(session, "t")

    volume_type.update(session, GOLD, name="new")
    lines = {line.resource: line for line in limits.limits_and_usage(session, "p1")}
    assert "volumes_gold" not in lines
    assert lines["volumes_new"] == QuotaLine(resource="volumes_new", limit=7, in_use=2, reserved=1 + 4)
    assert lines["gigabytes_new"] == QuotaLine(resource="gigabytes_new", limit=50, in_use=0, reserved=9)
    assert reservations.cancel_expired(session, clock.now()) == [ended]
    reservations.commit(session, running)
    reservations.cancel(session, done)
    usage = session.get(QuotaUsage, ("p1", "volumes_new"), populate_existing=True)
    assert (usage.in_use, usage.reserved) == (1, 0)
    assert not session.scalars(select(QuotaUsage).where(QuotaUsage.resource.endswith("gold"))).all()
    assert not session.scalars(select(Reservation).where(Reservation.resource.endswith("gold"))).all()


def test_what_is_counted_under_the_new_name_already_stays_counted(session):
    """The usage is that of a type that was deleted although snapshots of it remained."""
    old, mine, running = add_flow(session), add_flow(session), add_flow(session)
    for flow_id, deltas in ((old, {"snapshots_new": 3, "gigabytes_new": 5}), (mine, {"snapshots_gold": 2})):
        reservations.reserve(session, flow_id, "p1", deltas, clock.now())
        reservations.commit(session, flow_id)
    reservations.reserve(session, running, "p1", {"snapshots_gold": 1}, clock.now())
    reservations.reserve(session, add_flow(session), "p2", {"snapshots_gold": 7}, clock.now())
    volume_type.update(session, GOLD, name="new")
    reservations.commit(session, running)
    found = {(row.project_id, row.resource): (row.in_use, row.reserved)
             for row in session.scalars(select(QuotaUsage).execution_options(populate_existing=True))
             if row.in_use or row.reserved}  # fmt: skip
    assert found == {
        ("p1", "snapshots_new"): (6, 0),
        ("p1", "gigabytes_new"): (5, 0),
        ("p2", "snapshots_new"): (0, 7),
    }
    reservations.cancel(session, mine)
    reservations.cancel(session, old)
    usage = session.get(QuotaUsage, ("p1", "snapshots_new"), populate_existing=True)
    assert (usage.in_use, usage.reserved) == (1, 0)


@pytest.mark.parametrize("gone", [False, True])
def test_type_of_a_live_volume_is_kept(session, gone):
    session.add(Volume(**owned(size=1, volume_type_id=GOLD, volume_metadata={}, deleted=gone)))
    session.flush()
    check_delete(session, refused=not gone)


@pytest.mark.parametrize("gone", [False, True])
def test_type_of_a_live_group_is_kept(session, gone):
    """S81."""
    group = ConsistencyGroup(**owned(deleted=gone))
    session.add(group)
    session.flush()
    session.add(ConsistencyGroupType(consistencygroup_id=group.id, volume_type_id=GOLD, position=0))
    session.flush()
    check_delete(session, refused=not gone)


def check_delete(session, *, refused):
    volume_type.delete(session, SILVER)
    if not refused:
        volume_type.delete(session, GOLD)
        return
    with pytest.raises(InvalidState) as error:
        volume_type.delete(session, GOLD)
    assert error.value.message.startswith("Target volume type is still in use. It is that of ")
    assert volume_type.get(session, GOLD).name == "gold"


def test_extra_specs_are_merged(session):
    assert volume_type.set_extra_specs(session, GOLD, {"b": "3", "c": "4"}) == {"a": "1", "b": "3", "c": "4"}
    assert volume_type.get(session, GOLD).extra_specs == {"a": "1", "b": "3", "c": "4"}


def test_an_extra_spec_is_unset(session):
    volume_type.unset_extra_spec(session, GOLD, "a")
    assert volume_type.get(session, GOLD).extra_specs == {"b": "2"}
    with pytest.raises(NotFound, match=f"Volume Type {GOLD} has no extra specs with key a."):
        volume_type.unset_extra_spec(session, GOLD, "a")


@pytest.mark.parametrize(
    "call",
    [
        lambda session: volume_type.update(session, "x", name="y"),
        lambda session: volume_type.delete(session, "x"),
        lambda session: volume_type.set_extra_specs(session, "x", {}),
        lambda session: volume_type.unset_extra_spec(session, "x", "k"),
    ],
)
def test_unknown_type_is_not_found(session, call):
    with pytest.raises(NotFound, match="Volume type x could not be found."):
        call(session)
