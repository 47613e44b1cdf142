"""Measures costs: wall time, CPU time of the process, commits and statements.

A statement that is sent once with the rows of many members counts once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from cgflow.db.database import Database


@dataclass
class Cost:
    """Seconds, and counts over all measured databases."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    commits: int = 0
    statements: int = 0


@contextmanager
def measure_cost(*databases: Database | Engine, only_here: bool = False) -> Iterator[Cost]:
    """Measure the body of a ``with``. A transaction that only read counts no commit.

    ``only_here`` counts only commits and statements of the calling thread.
    """
    cost = Cost()
    here = threading.get_ident()
    wrote: set[int] = set()

    def executed(connection: Any, _c: Any, statement: str, *_: Any) -> None:
        if only_here and threading.get_ident() != here:
            return
        verb = statement.lstrip()[:6].upper()
        if verb not in ("BEGIN", "BEGIN ", "PRAGMA"):
            cost.statements += 1
        if verb in ("INSERT", "UPDATE", "DELETE"):
            wrote.add(id(connection))

    def committed(connection: Any) -> None:
        if id(connection) in wrote:
            wrote.discard(id(connection))
            cost.commits += 1

    engines = {engine for database in databases for engine in _engines(database)}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", executed)
        event.listen(engine, "commit", committed)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield cost
    finally:
        cost.wall_s, cost.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        for engine in engines:
            event.remove(engine, "before_cursor_execute", executed)
            event.remove(engine, "commit", committed)


def _engines(database: Database | Engine) -> tuple[Engine, ...]:
    if isinstance(database, Database):
        return database.engine, database.writing_engine
    return (database,)
