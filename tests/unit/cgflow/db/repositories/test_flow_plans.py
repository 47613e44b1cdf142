"""Queries of the history use indexes, however long the history is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from cgflow.db.database import Database
from cgflow.db.models import Flow
from tests.support.bulk_history import BulkHistory, add_flows_in_bulk
from tests.support.database_schema import migrate
from tests.support.history_queries import QUERIES, query_plans

# Both sides of a resource are read in order and merged: at most one page of each is sorted.
MERGED = {name for name in QUERIES if "by resource" in name and "type" not in name}
# The parts of one flow, and the few unfinished flows, are sorted after reading.
SORTED = {name for name in QUERIES if name.startswith(("show", "take-up", "unfinished"))} | MERGED
SCAN = re.compile(r"Seq Scan|SCAN (?:flows|flow_events|atomdetails)(?! USING (?:COVERING )?INDEX)")
SORT = re.compile(r"Sort|USE TEMP B-TREE")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, BulkHistory]]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'test.db'}"
    else:
        url = request.getfixturevalue("postgres").new_url()
    migrate(url)
    database = Database(url)
    yield database, add_flows_in_bulk(database, 12_000)
    database.close()


@pytest.mark.parametrize("name", QUERIES)
def test_it_is_read_off_an_index(filled: tuple[Database, BulkHistory], name: str) -> None:
    found = query_plans(*filled, QUERIES[name])
    assert found
    for plan in found:
        assert "INDEX" in plan.upper(), plan
        assert not SCAN.search(plan), plan
        assert name in SORTED or not SORT.search(plan), plan


@pytest.mark.parametrize("name", sorted(MERGED))
def test_a_resource_is_looked_for_on_both_sides(filled: tuple[Database, BulkHistory], name: str) -> None:
    page = query_plans(*filled, QUERIES[name], may_sort=True)[-1]
    assert "ix_flows_resource_id_created_at_id" in page, page
    assert "ix_flows_group_id_created_at_id" in page, page
    assert "ix_flows_created_at_id" not in page, page


def test_every_index_of_flows_is_relied_on(filled: tuple[Database, BulkHistory]) -> None:
    told = "\n".join(plan for ask in QUERIES.values() for plan in query_plans(*filled, ask))
    unused = {str(index.name) for index in Flow.__table__.indexes if f"{index.name} " not in f"{told} "}  # type: ignore[attr-defined]
    # This index is used to delete old history, not by queries.
    assert unused - {"ix_flows_ended_at_id"} == set()


def test_the_check_sees_a_missing_index(filled: tuple[Database, BulkHistory]) -> None:
    database, rows = filled
    with database.write() as session:
        session.execute(text("DROP INDEX ix_flows_created_at_id"))
    # SQLite caches the plan of a query in a connection, so a new connection is needed.
    database.close()
    try:
        (plan,) = query_plans(database, rows, QUERIES["list"])
    finally:
        with database.write() as session:
            session.execute(text("CREATE INDEX ix_flows_created_at_id ON flows (created_at, id)"))
    assert SORT.search(plan), plan
