"""cgflow's persistence, TaskFlow's SQLAlchemy backend and its memory backend, on the same flow in one run.

The flow has the shape of a cgsnapshot: one step, N unordered members, one step. The steps do
nothing, so only the engine is measured. cgflow's times include the durable barrier, the fence and
the events, which the other backends do not have.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from taskflow import engines, task
from taskflow.patterns import linear_flow, unordered_flow
from taskflow.persistence.backends import impl_memory, impl_sqlalchemy

from tests.support import small_flows
from tests.support.cost_measurement import Cost, measure_cost
from tests.support.postgresql_server import postgres_server

SIZES = (1, 10, 100, 1000)
ROUNDS = 3
# One round of TaskFlow's SQLAlchemy backend with a thousand members takes minutes.
STOCK_ROUNDS = {1000: 1}


class Plain(task.Task):  # type: ignore[misc]  # TaskFlow ships no types
    """A step that does nothing, for the backends that do not use cgflow's base class."""

    def execute(self) -> None:
        """Do nothing."""


def _plain(members: int) -> Any:
    each = unordered_flow.Flow("each").add(*(Plain(f"member[{i}]") for i in range(members)))
    return linear_flow.Flow("test").add(Plain("first"), each, Plain("last"))


def ours(members: int, url: str) -> Cost:
    """Run the flow through the conductor, from its acceptance to its end."""
    database = small_flows.create_database(url)
    with small_flows.running_conductor(database, small_flows.StepLog()) as conductor:
        small_flows.await_flow(database, conductor, _accepted(database, conductor, 1))
        with measure_cost(database) as cost:
            flow_id = _accepted(database, conductor, members)
            small_flows.await_flow(database, conductor, flow_id)
    database.close()
    return cost


def stock(members: int, url: str) -> Cost:
    """Run the flow on TaskFlow's unmodified SQLAlchemy backend."""
    backend = impl_sqlalchemy.SQLAlchemyBackend({"connection": url})
    backend.get_connection().upgrade()
    with measure_cost(backend.engine) as cost:
        _run_plain(members, backend)
    backend.close()
    return cost


def memory(members: int, url: str) -> Cost:  # noqa: ARG001 - the same signature as the others
    """Run the flow on TaskFlow's memory backend, which persists nothing."""
    with measure_cost() as cost:
        _run_plain(members, impl_memory.MemoryBackend({}))
    return cost


def _run_plain(members: int, backend: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        engines.load(_plain(members), backend=backend, engine="parallel", executor=pool).run()


def _accepted(database: Any, conductor: Any, members: int) -> str:
    flow_id = small_flows.accept_flow(database, *(f"m{i}" for i in range(members)))
    conductor.submit_flow(flow_id)
    return flow_id


BACKENDS: dict[str, Callable[[int, str], Cost]] = {"cgflow": ours, "stock": stock, "memory": memory}


def run() -> list[dict[str, Any]]:
    """Measure every backend on every database at every size; print a table, and return its rows."""
    logging.getLogger("taskflow").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        numbers = count()
        urls = {"sqlite": lambda: f"sqlite:///{folder / str(next(numbers))}.db"}
        try:
            # Durable, as in production: commits are on disk.
            urls["postgresql"] = stack.enter_context(postgres_server(is_durable=True)).new_url
        except pytest.skip.Exception as missing:
            print(f"no PostgreSQL: {missing}")
        return [row for members in SIZES for row in _measure(members, urls)]


def _measure(members: int, urls: dict[str, Callable[[], str]]) -> Iterator[dict[str, Any]]:
    cases = [(name, on) for on in urls for name in ("cgflow", "stock")] + [("memory", "")]
    costs: dict[tuple[str, str], list[Cost]] = {case: [] for case in cases}
    for number in range(ROUNDS):
        for name, on in cases:
            if name == "stock" and number >= STOCK_ROUNDS.get(members, ROUNDS):
                continue
            costs[name, on].append(BACKENDS[name](members, urls[on]() if on else ""))
    middles = {case: _middle(found) for case, found in costs.items()}
    print(
        f"{'members':>8} {'backend':>8} {'database':>11} {'wall ms':>9} {'cpu ms/atom':>12} {'commits':>8} "
        f"{'statements':>11}"
    )
    for (name, on), cost in middles.items():
        print(
            f"{members:>8} {name:>8} {on:>11} {cost.wall_s * 1000:>9.0f} "
            f"{cost.cpu_s * 1000 / (members + 2):>12.2f} {cost.commits:>8} {cost.statements:>11}",
            flush=True,
        )
        yield {"members": members, "backend": name, "database": on, **asdict(cost)}
    for on in urls:
        faster = middles["stock", on].wall_s / middles["cgflow", on].wall_s
        dearer = middles["cgflow", on].cpu_s / middles["memory", ""].cpu_s
        print(f"{on:>8}: {faster:.1f} times faster than stock, {dearer:.2f} times the CPU of memory")


def _middle(found: list[Cost]) -> Cost:
    wall = statistics.median(cost.wall_s for cost in found)
    cpu = statistics.median(cost.cpu_s for cost in found)
    return Cost(wall, cpu, found[0].commits, found[0].statements)
