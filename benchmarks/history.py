"""What people ask of a long history: how long each question takes, on SQLite and on PostgreSQL.

``CGFLOW_BENCH_EVENTS`` is the size of the history, a million events unless it
is set. What is measured is the answer of the repositories, from the question to
the last record; HTTP comes on top of it. Beside the times stands what this
process computed for one answer, which a busy machine does not change.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cgflow.db.database import Database
from cgflow.db.upgrade import upgrade
from tests.support.filling import fill
from tests.support.postgres import postgres_server
from tests.support.questions import ASKED

EVENTS = int(os.environ.get("CGFLOW_BENCH_EVENTS", "1000000"))
ROUNDS = 50
TARGET_MS = 50


def run() -> list[dict[str, Any]]:
    """Fill each database, ask every question many times, print a table, and return its rows."""
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {"sqlite": f"sqlite:///{folder / 'history.db'}"}
        try:
            urls["postgresql"] = stack.enter_context(postgres_server()).new_url()
        except pytest.skip.Exception as missing:
            print(f"no PostgreSQL: {missing}")
        for name, url in urls.items():
            rows += _measure(name, url)
    return rows


def _measure(name: str, url: str) -> Iterator[dict[str, Any]]:
    upgrade(url)
    database = Database(url)
    started = time.perf_counter()
    filled = fill(database, EVENTS)
    took = time.perf_counter() - started
    print(f"\n{name}: {filled.events} events of {filled.flows} flows, filled in {took:.0f} s")
    print(f"{'question':>38} {'p50 ms':>8} {'p95 ms':>8} {'cpu ms':>8}")
    for question, ask in ASKED.items():
        times: list[float] = []
        spent = time.thread_time()
        for _ in range(ROUNDS):
            with database.read() as session:
                begun = time.perf_counter()
                ask(session, filled)
                times.append((time.perf_counter() - begun) * 1000)
        spent = (time.thread_time() - spent) * 1000 / ROUNDS
        middle, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        over = "" if slow < TARGET_MS else f"  over {TARGET_MS}"
        print(f"{question:>38} {middle:>8.1f} {slow:>8.1f} {spent:>8.1f}{over}", flush=True)
        times_ms = {"p50_ms": middle, "p95_ms": slow, "cpu_ms": spent}
        yield {"database": name, "events": filled.events, "question": question, **times_ms}
    database.close()
