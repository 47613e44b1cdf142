"""What people ask of the history, each as the API asks it, and how the database goes about the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.db.repositories.paging import ListQuery
from tests.support.filling import FEW_OPERATION, FEW_STATE, Filled

Ask = Callable[[Session, Filled], object]


def listed(*, scoped: bool = False, marker: bool = False, group: bool = False, **filters: str) -> Ask:
    """Return the question for a page of flows; for one project, after a marker, or about one group."""

    def ask(session: Session, filled: Filled) -> object:
        wanted = {**filters, **({"resource": filled.group} if group else {})}
        query = ListQuery(limit=1000, marker=filled.middle if marker else None, filters=wanted)
        found = flows.page(session, query, filled.project if scoped else None)
        assert found
        return found

    return ask


def shown(which: str) -> Ask:
    """Return the question for a flow with its tasks."""

    def ask(session: Session, filled: Filled) -> object:
        flow_id = getattr(filled, which)
        flow = flows.get(session, flow_id, None)
        found = flows.atoms(session, flow_id)
        assert found
        return flow, found

    return ask


def told(session: Session, filled: Filled) -> object:
    """Ask for a page of the events of a long flow."""
    found = flows.events(session, filled.long, 100)
    assert found
    return found


ASKED: dict[str, Ask] = {
    "list": listed(),
    "list, from the middle": listed(marker=True),
    "list by state": listed(state="success"),
    "list by rare state": listed(state=FEW_STATE),
    "list by operation": listed(operation="volume.create"),
    "list by resource": listed(group=True),
    "list by resource, from the middle": listed(group=True, marker=True),
    "list of a project": listed(scoped=True),
    "list of a project, from the middle": listed(scoped=True, marker=True),
    "list of a project by rare state": listed(scoped=True, state=FEW_STATE),
    "list of a project by rare operation": listed(scoped=True, operation=FEW_OPERATION),
    "list of a project by resource": listed(scoped=True, group=True),
    "show, 10 events": shown("short"),
    "show, 1000 events": shown("long"),
    "events page": told,
}


def plans(database: Database, filled: Filled, ask: Ask, *, may_sort: bool = False) -> list[str]:
    """Return the plan of every statement that a question leads to, as the database puts it."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    with database.read() as session:
        connection = session.connection()
        if not database.is_sqlite:
            # On a small table a scan is cheaper: what is asked is whether it can be done without.
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
