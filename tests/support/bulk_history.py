"""Adds many finished flows, with their events and atoms, to an empty database in bulk."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from cgflow.db.database import Database

SHORT = 10
LONG = 5000
PROJECTS = 5
_OF_PROJECT = 3
PROJECT = f"p{_OF_PROJECT}"
# Every ``LONG_EVERY``-th flow is long; every ``RARE_EVERY``-th has a rare state or operation.
LONG_EVERY = 5000
RARE_EVERY = 500
FEW_STATE, FEW_OPERATION = "rollback_failed", "volume.extend"
FEW_TYPE = "consistencygroup"
LONG_OPERATION, MEMBERS = "cgsnapshot.create", 1000
_STATES = ("success", "success", "success", "reverted")
_OPERATIONS = ("cgsnapshot.create", "cgsnapshot.delete", "volume.create", "volume.delete")
_BEGIN = datetime(2026, 1, 1)  # noqa: DTZ001 - stored times are UTC without a zone
_COLUMNS = {
    "flows": "id operation version fingerprint state project_id user_id request_id resource_type resource_id "
    "group_id shape symbols epoch conductor undo_attempts created_at started_at ended_at",
    "flow_events": "flow_id seq at atom from_state to_state attempt duration_ms conductor detail",
    "logbooks": "uuid name meta created_at",
    "flowdetails": "uuid parent_uuid name meta state created_at",
    "atomdetails": "uuid parent_uuid name meta state results atom_type intention created_at",
}
_TOGETHER = 2000

Row = tuple[Any, ...]


@dataclass(frozen=True)
class BulkHistory:
    """What a test can query: flows of ``project``, with ``middle`` in the middle of the list."""

    flows: int
    events: int
    short: str
    long: str
    middle: str
    group: str
    project: str = PROJECT


def add_flows_in_bulk(database: Database, events: int) -> BulkHistory:
    """Add flows until there are at least ``events`` events: most flows have about 10, some 5000."""
    made = _RowGenerator(events)
    rows: dict[str, list[Row]] = {table: [] for table in _COLUMNS}
    for number, (table, row) in enumerate(made.rows(), 1):
        rows[table].append(row)
        if number % (_TOGETHER * 20) == 0:
            _write_rows(database, rows)
    _write_rows(database, rows)
    with database.engine.connect() as connection:
        # ANALYZE gives the query planners the statistics that they have in a long-running service.
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    ids = made.ids
    of_project = [id for number, id in enumerate(ids) if number % PROJECTS == _OF_PROJECT]
    short, middle = of_project[1], of_project[len(of_project) // 2]
    return BulkHistory(len(ids), made.events, short, made.long, middle, made.groups[0])


class _RowGenerator:
    """Makes the rows, always the same ones."""

    def __init__(self, wanted: int) -> None:
        self._random = random.Random(1)
        self._wanted = wanted
        self.groups = [self._id() for _ in range(50)]
        self.ids: list[str] = []
        self.events = 0
        self.long = ""

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield rows with the name of their table, in an order that satisfies the foreign keys."""
        while self.events < self._wanted or not self.long:
            flow_id, number = self._id(), len(self.ids)
            self.ids.append(flow_id)
            is_late = self.events >= self._wanted and not self.long
            is_long = number % PROJECTS == _OF_PROJECT and (
                number % LONG_EVERY == LONG_EVERY // 2 + _OF_PROJECT or is_late
            )
            if is_long:
                self.long = flow_id
            yield from self._flow(flow_id, number, ((LONG if is_long else SHORT) - 4) // 2)

    def _flow(self, flow_id: str, number: int, atoms: int) -> Iterator[tuple[str, Row]]:
        at = _BEGIN + timedelta(seconds=number * 7)
        names = [f"driver.snapshot[{self._id()}]" for _ in range(atoms)]
        is_rare = number % RARE_EVERY == 3
        operation = FEW_OPERATION if is_rare else self._random.choice(_OPERATIONS)
        if number % RARE_EVERY == RARE_EVERY // 2 + _OF_PROJECT:
            operation = f"{FEW_TYPE}.create"
        if atoms > SHORT:
            # Like every long flow: an operation on a group with very many members.
            is_rare, operation = False, LONG_OPERATION
        state = FEW_STATE if is_rare else self._random.choice(_STATES)
        members = [{"volume_id": name, "snapshot_id": flow_id} for name in names[:MEMBERS]]
        noun, group = operation.partition(".")[0], self._random.choice(self.groups)
        project = f"p{number % PROJECTS}"
        yield (
            "flows",
            (
                *(
                    flow_id,
                    operation,
                    1,
                    "0" * 64,
                    state,
                    project,
                    "u",
                    f"req-{number}",
                    noun,
                    self._id(),
                    group,
                ),
                *(json.dumps({"members": members}), json.dumps({"host": "here@qsd", "members": members}), 1),
                *("conductor:1", 0, str(at), str(at), str(at + timedelta(seconds=2))),
            ),
        )
        book = {"uuid": flow_id, "name": operation, "meta": "{}", "state": "SUCCESS", "at": str(at)}
        yield "logbooks", (book["uuid"], book["name"], book["meta"], book["at"])
        yield "flowdetails", (flow_id, flow_id, *(book[key] for key in ("name", "meta", "state", "at")))
        for name in names:
            kind = ("TASK_DETAIL", "EXECUTE", str(at))
            yield "atomdetails", (self._id(), flow_id, name, "{}", "SUCCESS", "null", *kind)
        yield from self._events(flow_id, at, names, state)

    def _events(self, flow_id: str, at: datetime, names: list[str], state: str) -> Iterator[tuple[str, Row]]:
        detail = json.dumps({"result": {"size_bytes": 1 << 30, "allocated_bytes": 4096}})
        moves: list[tuple[str | None, str | None, str, str | None]] = [
            (None, None, "accepted", None),
            (None, "accepted", "running", '{"result": {"resumed": false, "epoch": 1}}'),
            *((name, None, "RUNNING", None) for name in names),
            *((name, "RUNNING", "SUCCESS", detail) for name in names),
            (None, "running", "running", None),
            (None, "running", state, None),
        ]
        self.events += len(moves)
        for seq, (atom, before, after, told) in enumerate(moves, 1):
            when = str(at + timedelta(milliseconds=seq))
            yield "flow_events", (flow_id, seq, when, atom, before, after, 1, 1.5, "conductor:1", told)

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _write_rows(database: Database, rows: dict[str, list[Row]]) -> None:
    """Write the collected rows in the driver's fastest way."""
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        if database.is_sqlite:
            cursor.execute("BEGIN")
        for table, waiting in rows.items():
            names = _COLUMNS[table].split()
            if database.is_sqlite:
                marks = ", ".join("?" * len(names))
                cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", waiting)
            else:
                with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
                    for row in waiting:
                        copy.write_row(row)
            waiting.clear()
        if database.is_sqlite:
            cursor.execute("COMMIT")
        connection.commit()
    finally:
        connection.close()
