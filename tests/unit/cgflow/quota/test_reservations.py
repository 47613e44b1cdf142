"""Reservations: all or nothing, repeatable, and never beyond a limit."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from cgflow.db.models import Reservation
from cgflow.errors import InvalidState, QuotaExceeded
from cgflow.quota import limits, reservations, usage
from cgflow.status import UNFINISHED, FlowState

from .conftest import NOW

LATER = NOW + timedelta(hours=1)
NAMES = ("consistencygroups", "volumes", "snapshots", "gigabytes", "gigabytes_gold", "volumes_gold")


@pytest.fixture
def used(database):
    """Return (in use, reserved) of a resource."""

    def read(resource, project_id="p1"):
        with database.read() as session:
            found = usage.read(session, project_id, NAMES)[resource]
        return found.in_use, found.reserved

    return read


@pytest.fixture
def reserve(database):
    def call(flow_id, deltas, project_id="p1"):
        with database.write() as session:
            reservations.reserve(session, flow_id, project_id, deltas, LATER)

    return call


@pytest.fixture
def commit(database):
    def call(flow_id):
        with database.write() as session:
            reservations.commit(session, flow_id)

    return call


@pytest.fixture
def cancel(database):
    def call(flow_id):
        with database.write() as session:
            reservations.cancel(session, flow_id)

    return call


def test_reserved_then_committed(reserve, commit, used, make_flow):
    flow = make_flow()
    reserve(flow, {"volumes": 1, "gigabytes": 5})
    assert used("gigabytes") == (0, 5)
    commit(flow)
    assert used("gigabytes") == (5, 0)
    assert used("volumes") == (1, 0)


def test_everything_may_be_repeated(reserve, commit, cancel, used, make_flow):
    flow = make_flow()
    reserve(flow, {"volumes": 1})
    reserve(flow, {"volumes": 1})
    assert used("volumes") == (0, 1)
    commit(flow)
    commit(flow)
    reserve(flow, {"volumes": 1})
    assert used("volumes") == (1, 0)
    cancel(flow)
    cancel(flow)
    assert used("volumes") == (0, 0)


def test_committed_for_good_is_not_given_back(database, reserve, cancel, used, make_flow):
    flow = make_flow()
    reserve(flow, {"volumes": 1})
    for _ in range(2):
        with database.write() as session:
            reservations.commit_and_delete(session, flow)
        cancel(flow)
        assert used("volumes") == (1, 0)


def test_cancel_of_what_never_was_is_nothing(cancel, used):
    cancel("11111111-1111-1111-1111-111111111111")
    assert used("volumes") == (0, 0)


def test_commit_of_nothing_reserved_is_nothing(reserve, commit, used, make_flow):
    flow = make_flow()
    reserve(flow, {"volumes": 0})
    reserve(flow, {})
    commit(flow)
    assert used("volumes") == (0, 0)


def test_cancelled_is_taken_again_under_the_limit(reserve, commit, cancel, used, make_flow):
    first, second = make_flow(), make_flow()
    reserve(first, {"volumes": 6})
    cancel(first)
    reserve(second, {"volumes": 6})
    with pytest.raises(QuotaExceeded):
        reserve(first, {"volumes": 6})
    cancel(second)
    reserve(first, {"volumes": 6})
    commit(first)
    assert used("volumes") == (6, 0)


def test_cancelled_cannot_be_committed(reserve, commit, cancel, used, make_flow):
    flow = make_flow()
    reserve(flow, {"volumes": 1})
    cancel(flow)
    with pytest.raises(InvalidState, match="was given back and cannot be committed; reserve it again"):
        commit(flow)
    assert used("volumes") == (0, 0)


def test_refusal_holds_nothing_at_all(database, reserve, used, make_flow):
    flow = make_flow()
    with pytest.raises(QuotaExceeded):
        reserve(flow, {"gigabytes": 5, "volumes": 11})
    assert used("gigabytes") == (0, 0)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Reservation)) == 0


def test_refund_holds_nothing_until_it_is_committed(reserve, commit, cancel, used, make_flow):
    made, removed = make_flow(), make_flow()
    reserve(made, {"volumes": 10})
    commit(made)
    reserve(removed, {"volumes": -4})
    assert used("volumes") == (10, 0)
    with pytest.raises(QuotaExceeded):
        reserve(make_flow(), {"volumes": 1})
    commit(removed)
    assert used("volumes") == (6, 0)
    cancel(removed)
    assert used("volumes") == (10, 0)


def test_refund_of_more_than_is_counted_stops_at_zero_and_says_so(
    reserve, commit, cancel, used, make_flow, caplog
):
    """S97."""
    made, removed = make_flow(), make_flow()
    reserve(made, {"volumes": 3})
    commit(made)
    reserve(removed, {"volumes": -5})
    with caplog.at_level(logging.ERROR):
        commit(removed)
    assert used("volumes") == (0, 0)
    assert "project p1: 5 volumes are given back, but only 3" in caplog.text
    cancel(removed)
    assert used("volumes") == (3, 0)


def test_release_gives_back_at_once(database, reserve, commit, used, make_flow):
    flow = make_flow()
    reserve(flow, {"volumes": 3, "gigabytes": 30})
    commit(flow)
    with database.write() as session:
        reservations.give_usage_back(session, "p1", {"volumes": 1, "gigabytes": 10})
    assert (used("volumes"), used("gigabytes")) == ((2, 0), (20, 0))


def test_projects_do_not_share(reserve, used, make_flow):
    reserve(make_flow(), {"volumes": 10})
    reserve(make_flow(), {"volumes": 10}, "p2")
    assert used("volumes") == used("volumes", "p2") == (0, 10)


@pytest.mark.parametrize(
    ("deltas", "words"),
    [
        ({"consistencygroups": 11}, "Maximum number of groups allowed (10) exceeded"),
        ({"volumes": 11}, "Maximum number of volumes allowed (10) exceeded"),
        ({"snapshots": 11}, "Maximum number of snapshots allowed (10) exceeded"),
        (
            {"gigabytes": 995, "snapshots": 11},
            "Requested volume or snapshot exceeds allowed Gigabytes quota. "
            "Requested 995G, quota is 1000G and 7G has been consumed.",
        ),
        ({"volumes_gold": 3}, "Maximum number of volumes allowed (2) exceeded for quota 'volumes_gold'"),
        (
            {"gigabytes_gold": 9},
            "Requested volume or snapshot exceeds allowed gigabytes_gold quota. "
            "Requested 9G, quota is 8G and 0G has been consumed.",
        ),
    ],
)
def test_refusals_have_the_words_of_the_wire(database, reserve, commit, make_flow, deltas, words):
    """S95."""
    flow = make_flow()
    reserve(flow, {"gigabytes": 3})
    commit(flow)
    reserve(make_flow(), {"gigabytes": 4})
    with database.write() as session:
        limits.insert_or_update(
            session,
            limits.Quota,
            [
                {"project_id": "p1", "resource": "volumes_gold", "hard_limit": 2},
                {"project_id": "p1", "resource": "gigabytes_gold", "hard_limit": 8},
            ],
        )
    with pytest.raises(QuotaExceeded) as refused:
        reserve(make_flow(), deltas)
    assert refused.value.message == words


def test_types_are_unlimited_unless_said(reserve, used, make_flow):
    reserve(make_flow(), {"gigabytes_gold": 10**6})
    assert used("gigabytes_gold") == (0, 10**6)


@pytest.mark.parametrize("state", FlowState)
def test_only_what_an_ended_flow_left_expires(database, reserve, used, make_flow, state):
    flow = make_flow(state)
    reserve(flow, {"volumes": 2})
    ended = state not in UNFINISHED
    with database.write() as session:
        assert reservations.cancel_expired(session, LATER) == []
    with database.write() as session:
        assert reservations.cancel_expired(session, LATER + timedelta(seconds=1)) == ([flow] if ended else [])
    assert used("volumes") == ((0, 0) if ended else (0, 2))


def test_committed_never_expires(database, reserve, commit, used, make_flow):
    flow = make_flow(FlowState.SUCCESS)
    reserve(flow, {"volumes": 2})
    commit(flow)
    with database.write() as session:
        assert reservations.cancel_expired(session, LATER + timedelta(days=1)) == []
    assert used("volumes") == (2, 0)


@pytest.mark.parametrize("call", ["reserve", "commit", "cancel"])
def test_more_resources_cost_no_more_statements(database, reserve, make_flow, call):
    def cost(deltas):
        flow, statements = make_flow(), []
        if call != "reserve":
            reserve(flow, deltas)

        def count(*args):
            statements.append(args[2])

        event.listen(database.writing_engine, "before_cursor_execute", count)
        with database.write() as session:
            if call == "reserve":
                reservations.reserve(session, flow, "p1", deltas, LATER)
            else:
                getattr(reservations, call)(session, flow)
        event.remove(database.writing_engine, "before_cursor_execute", count)
        return len(statements)

    reserve(make_flow(), {"consistencygroups": 1})
    many = cost({"volumes": 1, "gigabytes": 1, "snapshots": 1, "volumes_gold": 1, "gigabytes_gold": 1})
    assert many == cost({"volumes": 1}) == 6
