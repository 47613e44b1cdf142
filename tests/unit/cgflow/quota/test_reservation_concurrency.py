"""Many concurrent creators on a real file: no limit is exceeded, and no reservation leaks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from cgflow.db.models import Base, Reservation
from cgflow.errors import QuotaExceeded
from cgflow.quota import reservations, usage
from cgflow.status import ReservationState
from tests.support.postgresql_server import postgres_database

from .conftest import NOW, add_flow

CREATORS = 64
DELTAS = {"volumes": 1, "gigabytes": 3}


def race(database, project_id="p1"):
    """Let 64 threads create at once; every fifth that succeeds is undone. Return the result of each."""
    flows = [add_flow(database) for _ in range(CREATORS)]
    start = threading.Barrier(CREATORS)

    def create(number):
        start.wait()
        try:
            with database.write() as session:
                reservations.reserve(session, flows[number], project_id, DELTAS, NOW + timedelta(hours=1))
        except QuotaExceeded:
            return "refused"
        with database.read() as session:
            counted = usage.read(session, project_id, ["volumes"])["volumes"]
        assert counted.in_use + counted.reserved <= 10
        end = reservations.cancel if number % 5 == 0 else reservations.commit
        with database.write() as session:
            end(session, flows[number])
        return end.__name__

    with ThreadPoolExecutor(CREATORS) as pool:
        return list(pool.map(create, range(CREATORS)))


def check(database, ends, project_id="p1"):
    committed = ends.count("commit")
    # A refusal requires that the limit was reached; undone creations free quota again.
    assert committed <= 10
    assert committed + ends.count("cancel") >= 10
    with database.read() as session:
        counted = usage.read(session, project_id, list(DELTAS))
        left = session.scalar(
            select(func.count()).where(Reservation.state == ReservationState.RESERVED.value)
        )
    assert counted == {
        "volumes": usage.Usage(committed, 0),
        "gigabytes": usage.Usage(3 * committed, 0),
    }
    assert left == 0


def test_parallel_creators_never_pass_the_limit_and_never_leak(database):
    check(database, race(database))


def test_opposite_steps_in_one_transaction_do_not_wait_in_a_circle(database):
    turn_about(database)


@pytest.mark.postgresql
@pytest.mark.real
def test_on_postgresql():
    with postgres_database() as database:
        Base.metadata.create_all(database.engine)
        for round_ in range(3):
            project = f"p{round_}"
            ends = race(database, project)
            check(database, ends, project)
        turn_about(database)


def turn_about(database):
    """Let two kinds of transactions take volumes and groups in opposite order, many times."""
    flow = add_flow(database)
    with database.write() as session:
        reservations.reserve(session, flow, "q", {"volumes": 10, "consistencygroups": 10}, NOW)
        reservations.commit(session, flow)
    orders = [({"volumes": 1}, {"consistencygroups": 1}), ({"consistencygroups": 1}, {"volumes": 1})] * 5

    def delete(steps):
        with database.write() as session:
            for deltas in steps:
                reservations.give_usage_back(session, "q", deltas)

    with ThreadPoolExecutor(len(orders)) as pool:
        list(pool.map(delete, orders))
    with database.read() as session:
        counted = usage.read(session, "q", ["volumes", "consistencygroups"])
    assert counted == {"volumes": usage.Usage(0, 0), "consistencygroups": usage.Usage(0, 0)}
