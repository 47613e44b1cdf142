"""Deleting a volume type waits for transactions that are about to use it, and the other way round."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from cgflow.context import RequestContext
from cgflow.db.models import Base
from cgflow.db.repositories import volume_type
from cgflow.errors import NotFound
from tests.support.postgresql_server import postgres_database

GOLD = "ab3cd5ef-0000-4000-8000-00000000000a"
USER = RequestContext("u", "p1", "r")


def use(session):
    volume_type.find(session, "gold", USER)


def delete(session):
    volume_type.delete(session, GOLD)


@pytest.mark.postgresql
@pytest.mark.real
def test_on_postgresql():
    with postgres_database() as database:
        Base.metadata.create_all(database.engine)
        with database.write() as session:
            volume_type.create(session, id=GOLD, name="gold")
        # Two users of the type do not wait for each other.
        for first, second, waits in ((use, use, False), (use, delete, True), (delete, use, True)):
            with database.engine.connect() as one, database.engine.connect() as other:
                check(one, other, first, second, waits=waits)
        with database.write() as session:
            delete(session)
        with database.write() as session, pytest.raises(NotFound):
            use(session)


def check(one, other, first, second, *, waits):
    """Call one function and, before its commit, the other."""
    with Session(one) as holder, Session(other) as waiter:
        first(holder)
        waiter.execute(text("SET LOCAL lock_timeout = 1"))
        if waits:
            with pytest.raises(OperationalError, match="lock timeout"):
                second(waiter)
        else:
            second(waiter)
