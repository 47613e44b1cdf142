"""The queries for the history, made as the API makes them, and the database's plans for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.db.repositories.paging import ListQuery
from cgflow.engine import flow_actions
from tests.support.bulk_history import FEW_OPERATION, FEW_STATE, FEW_TYPE, BulkHistory

Query = Callable[[Session, BulkHistory], object]


def list_query(
    *, scoped: bool = False, marker: bool = False, group: bool = False, sort: str = "", **filters: str
) -> Query:
    """Return the query for a page of flows; of one project, after a marker, or of one group."""
    order = {"sort": ((sort, "desc"),)} if sort else {}

    def ask(session: Session, filled: BulkHistory) -> object:
        wanted = {**filters, **({"resource": filled.group} if group else {})}
        query = ListQuery(limit=1000, marker=filled.middle if marker else None, filters=wanted, **order)
        found = flows.page(session, query, filled.project if scoped else None)
        # No common operation has the rare state: the query has to find that out.
        assert found or filters == NONE
        return found

    return ask


NONE = {"state": FEW_STATE, "operation": "volume.create"}


def show_query(which: str) -> Query:
    """Return the query for a flow with its tasks."""

    def ask(session: Session, filled: BulkHistory) -> object:
        flow_id = getattr(filled, which)
        flow = flows.get(session, flow_id, None)
        found = flows.list_atom_states(session, flow_id)
        assert found
        return flow, found

    return ask


def events_query(after: int) -> Query:
    """Return the query for a page of a long flow's events, as a follower makes it."""

    def ask(session: Session, filled: BulkHistory) -> object:
        flow = flows.get_summary(session, filled.long, None)
        found = flows.events_after(session, filled.long, after)
        assert found
        return flow, found

    return ask


def query_for_takeover(session: Session, filled: BulkHistory) -> object:
    """Query the history that a conductor needs to take over a long flow."""
    found = flows.last_event_per_atom(session, filled.long)
    assert found
    return found


QUERIES: dict[str, Query] = {
    "list": list_query(),
    "list, from the middle": list_query(marker=True),
    "list by state": list_query(state="success"),
    "list by rare state": list_query(state=FEW_STATE),
    "list by operation": list_query(operation="volume.create"),
    "list by resource": list_query(group=True),
    "list by resource, from the middle": list_query(group=True, marker=True),
    "list of a project": list_query(scoped=True),
    "list of a project, from the middle": list_query(scoped=True, marker=True),
    "list of a project by rare state": list_query(scoped=True, state=FEW_STATE),
    "list of a project by rare operation": list_query(scoped=True, operation=FEW_OPERATION),
    "list of a project by resource": list_query(scoped=True, group=True),
    "list by resource type": list_query(resource_type="volume"),
    "list by rare resource type": list_query(resource_type=FEW_TYPE),
    "list by operation and state": list_query(operation="volume.create", state="success"),
    "list by operation and state, none": list_query(**NONE),
    "list of a project by rare type": list_query(scoped=True, resource_type=FEW_TYPE),
    "list of a project by both, none": list_query(scoped=True, **NONE),
    "list sorted by operation": list_query(sort="operation"),
    "list sorted by operation, from the middle": list_query(sort="operation", marker=True),
    "list sorted by state": list_query(sort="state"),
    "list sorted by its end": list_query(sort="ended_at"),
    "list sorted by id, from the middle": list_query(sort="id", marker=True),
    "list of a project sorted by state": list_query(scoped=True, sort="state"),
    "show, 10 events": show_query("short"),
    "show, 5000 events": show_query("long"),
    "events page": events_query(100),
    "events page, the last": events_query(4000),
    "take-up, 5000 events": query_for_takeover,
    "unfinished": lambda session, _: flows.list_unfinished(session),
    "undos that are due": lambda session, _: flow_actions.flows_due_for_undo_retry(session),
}


# The same queries over HTTP, for an administrator of all projects or of one.
PATHS: dict[str, str] = {
    "list of 1000": "/flows?all_tenants=1",
    "list of 100": "/flows?all_tenants=1&limit=100",
    "list of 100 by state": "/flows?all_tenants=1&limit=100&state=success",
    "list of 100 by rare state": f"/flows?all_tenants=1&limit=100&state={FEW_STATE}",
    "list of 100 by operation": "/flows?all_tenants=1&limit=100&operation=volume.create",
    "list of 100 by type": "/flows?all_tenants=1&limit=100&resource_type=volume",
    "list of 100 by resource": "/flows?all_tenants=1&limit=100&resource={group}",
    "list of 100 of a project": "/flows?limit=100",
    "list of 100, from the middle": "/flows?all_tenants=1&limit=100&marker={middle}",
    "list of 1000, from the middle": "/flows?all_tenants=1&marker={middle}",
    "list of 100 sorted by operation": "/flows?all_tenants=1&limit=100&sort=operation:desc",
    "show, 10 events": "/flows/{short}",
    "show, 5000 events": "/flows/{long}",
    "events page of 100": "/flows/{long}/events?after=2000&limit=100",
    "events page of 1000": "/flows/{long}/events?after=4000&limit=1000",
    "graph, 5000 events": "/flows/{long}/graph",
    "volumes": "/volumes/detail",
    "consistencygroups": "/consistencygroups/detail",
    "cgsnapshots": "/cgsnapshots/detail",
    "snapshots": "/snapshots/detail",
}


def query_plans(database: Database, filled: BulkHistory, ask: Query, *, may_sort: bool = False) -> list[str]:
    """Return the plan of every statement that a query leads to."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    with database.read() as session:
        connection = session.connection()
        if not database.is_sqlite:
            # A scan is cheaper on a small table; the test checks whether an index can be used at all.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql(f"SET LOCAL enable_sort = {'on' if may_sort else 'off'}")
        event.listen(database.engine, "before_cursor_execute", note)
        try:
            ask(session, filled)
        finally:
            event.remove(database.engine, "before_cursor_execute", note)
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        told = [
            connection.exec_driver_sql(f"{explain} {statement}", values).all() for statement, values in seen
        ]
    return ["\n".join(str(row[-1]) for row in rows) for rows in told]
