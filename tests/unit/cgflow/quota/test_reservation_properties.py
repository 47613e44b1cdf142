"""The sums hold for any sequence of changes of reservations."""

from __future__ import annotations

import uuid
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from cgflow.db.models import Flow, QuotaUsage, Reservation
from cgflow.errors import InvalidState, QuotaExceeded
from cgflow.quota import reservations
from cgflow.status import FlowState, ReservationState

from .conftest import NOW, add_flow

LIMITS = {"volumes": 10, "gigabytes": 1000}
FLOWS = 4
DELTAS = st.fixed_dictionaries({"volumes": st.integers(-4, 6), "gigabytes": st.integers(-300, 500)})
STEP = st.tuples(
    st.sampled_from(["reserve", "commit", "cancel", "expire", "end"]), st.integers(0, FLOWS - 1), DELTAS
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=25))
def test_usage_is_the_sum_of_live_reservations(database, steps):
    """S98."""
    project = str(uuid.uuid4())
    flows = [add_flow(database, project_id=project) for _ in range(FLOWS)]
    for verb, number, deltas in steps:
        flow, before = flows[number], sums(database, project)
        try:
            with database.write() as session:
                act(session, verb, flow, project, deltas)
                refuse_nonsense(session, project)
        except QuotaExceeded:
            assert any(
                delta > 0 and delta + sum(before[name]) > LIMITS[name] for name, delta in deltas.items()
            )
        except (InvalidState, Nonsense):
            pass
        else:
            if verb == "reserve":
                after = sums(database, project)
                assert all(sum(after[name]) <= max(LIMITS[name], sum(before[name])) for name in LIMITS)
        check(database, project)


class Nonsense(Exception):
    """Raised for a step that gives back more than exists."""


def act(session, verb, flow, project, deltas):
    if verb == "reserve":
        reservations.reserve(session, flow, project, deltas, NOW)
    elif verb == "commit":
        reservations.commit(session, flow)
    elif verb == "cancel":
        reservations.cancel(session, flow)
    elif verb == "expire":
        reservations.cancel_expired(session, NOW + timedelta(seconds=1))
    else:
        session.execute(update(Flow).where(Flow.id == flow).values(state=FlowState.SUCCESS.value))


def live(session, project):
    """Return (in use, reserved) according to the reservations."""
    totals = {name: [0, 0] for name in LIMITS}
    for row in session.scalars(select(Reservation).where(Reservation.project_id == project)):
        if row.state == ReservationState.COMMITTED:
            totals[row.resource][0] += row.delta
        elif row.state == ReservationState.RESERVED:
            totals[row.resource][1] += max(row.delta, 0)
    return totals


def refuse_nonsense(session, project):
    # Real flows give back only what exists; the other case has a separate test.
    if any(in_use < 0 for in_use, _ in live(session, project).values()):
        raise Nonsense


def sums(database, project):
    with database.read() as session:
        totals = {name: [0, 0] for name in LIMITS}
        rows = select(QuotaUsage).where(QuotaUsage.project_id == project, QuotaUsage.resource.in_(LIMITS))
        for row in session.scalars(rows):
            totals[row.resource] = [row.in_use, row.reserved]
    return totals


def check(database, project):
    with database.read() as session:
        expected = live(session, project)
    assert sums(database, project) == expected
