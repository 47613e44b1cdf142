"""Query times on a long history, on SQLite and on PostgreSQL.

``CGFLOW_BENCH_EVENTS`` is the size of the history in events, a million by default. The repositories
are measured from the query to the last record, and then the whole API within one process. The table
also shows the CPU time of this process for one response, which does not depend on the load of the
machine.
"""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from cgflow.db.database import Database
from cgflow.db.upgrade import upgrade
from cgflow.drivers.memory.driver import MemoryDriver
from tests.support.bulk_history import BulkHistory, add_flows_in_bulk
from tests.support.history_queries import PATHS, QUERIES, Query
from tests.support.postgresql_server import postgres_server
from tests.support.world import world

EVENTS = int(os.environ.get("CGFLOW_BENCH_EVENTS", "1000000"))
ROUNDS, FEWEST = 50, 5
PATIENCE_S = 20
TARGET_MS = 50

Row = dict[str, Any]


def run() -> list[Row]:
    """Fill each database, run every query many times, print a table, and return its rows."""
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {"sqlite": f"sqlite:///{folder / 'cgflow.db'}"}
        try:
            urls["postgresql"] = stack.enter_context(postgres_server()).new_url()
        except pytest.skip.Exception as missing:
            print(f"no PostgreSQL: {missing}")
        for name, url in urls.items():
            upgrade(url)
            database = Database(url)
            started = time.perf_counter()
            filled = add_flows_in_bulk(database, EVENTS)
            took = time.perf_counter() - started
            print(f"\n{name}: {filled.events} events of {filled.flows} flows, filled in {took:.0f} s")
            found = [*_of_repositories(database, filled), *_over_http(folder, url, filled)]
            rows += [{"database": name, "events": filled.events, **row} for row in found]
            database.close()
    return rows


def _of_repositories(database: Database, filled: BulkHistory) -> Iterator[Row]:
    def once(ask: Query) -> Callable[[], object]:
        def asked() -> object:
            with database.read() as session:
                return ask(session, filled)

        return asked

    yield from _measured({name: once(ask) for name, ask in QUERIES.items()})


def _over_http(folder: Path, url: str, filled: BulkHistory) -> Iterator[Row]:
    with world(folder, MemoryDriver(), url=url) as w:
        client = create_app(w.runtime).test_client()

        def once(path: str) -> Callable[[], object]:
            def asked() -> object:
                answer = client.get(f"/v3{path}", headers={"X-Auth-Token": f"somebody:{filled.project}"})
                assert answer.status_code == 200, answer.text
                return answer

            return asked

        gc.collect()
        gc.freeze()  # as the service does
        yield from _measured(
            {f"HTTP {name}": once(path.format(**asdict(filled))) for name, path in PATHS.items()}
        )
        gc.unfreeze()


def _measured(questions: dict[str, Callable[[], object]]) -> Iterator[Row]:
    print(f"{'question':>44} {'p50 ms':>8} {'p95 ms':>8} {'cpu ms':>8}")
    for name, ask in questions.items():
        ask()  # warm up: the query plan is cached and the data is in memory
        times: list[float] = []
        spent = time.thread_time()
        started = time.monotonic()
        while len(times) < FEWEST or (len(times) < ROUNDS and time.monotonic() < started + PATIENCE_S):
            begun = time.perf_counter()
            ask()
            times.append((time.perf_counter() - begun) * 1000)
        cpu = (time.thread_time() - spent) * 1000 / len(times)
        middle, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        over = "" if slow < TARGET_MS else f"  over {TARGET_MS}"
        print(f"{name:>44} {middle:>8.1f} {slow:>8.1f} {cpu:>8.1f}{over}", flush=True)
        yield {"question": name, "p50_ms": middle, "p95_ms": slow, "cpu_ms": cpu}
