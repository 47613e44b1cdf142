"""Our persistence against TaskFlow's stock one and its memory backend, on the same flow, in one run.

The flow is the shape of a cgsnapshot: one step, N members in no order, one
step. The steps do nothing, so what is measured is the engine. Ours includes
the barrier, the fence and the events; the others have none of these.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from taskflow import engines, task
from taskflow.patterns import linear_flow, unordered_flow
from taskflow.persistence.backends import impl_memory, impl_sqlalchemy

from tests.support.counting import Cost, cost_of
from tests.support import graphs

SIZES = (1, 10, 100, 1000)
ROUNDS = 3
# One round of the stock backend with a thousand members takes minutes.
STOCK_ROUNDS = {1000: 1}


class Plain(task.Task):  # type: ignore[misc]  # TaskFlow ships no types
    """A step that does nothing, for the backends without our base class."""

    def execute(self) -> None:
        """Do nothing."""


def _plain(members: int) -> Any:
    each = unordered_flow.Flow("each").add(*(Plain(f"member[{i}]") for i in range(members)))
    return linear_flow.Flow("test").add(Plain("first"), each, Plain("last"))


def ours(members: int, folder: Path) -> Cost:
    """Run the flow through the conductor on SQLite, from its acceptance to its end."""
    database = graphs.database(f"sqlite:///{folder / 'ours.db'}")
    with graphs.conducting(database, graphs.World()) as conductor:
        graphs.finish(database, conductor, _accepted(database, conductor, 1))
        with cost_of(database.engine) as cost:
            flow_id = _accepted(database, conductor, members)
            graphs.finish(database, conductor, flow_id)
    database.close()
    return cost


def stock(members: int, folder: Path) -> Cost:
    """Run it on TaskFlow's SQLAlchemy backend on SQLite, as it is shipped."""
    backend = impl_sqlalchemy.SQLAlchemyBackend({"connection": f"sqlite:///{folder / 'stock.db'}"})
    backend.get_connection().upgrade()
    with cost_of(backend.engine) as cost:
        _run_plain(members, backend)
    backend.close()
    return cost


def memory(members: int, folder: Path) -> Cost:  # noqa: ARG001 - the same signature as the others
    """Run it on TaskFlow's memory backend, which keeps nothing."""
    with cost_of() as cost:
        _run_plain(members, impl_memory.MemoryBackend({}))
    return cost


def _run_plain(members: int, backend: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        engines.load(_plain(members), backend=backend, engine="parallel", executor=pool).run()


def _accepted(database: Any, conductor: Any, members: int) -> str:
    flow_id = graphs.accept(database, *(f"m{i}" for i in range(members)))
    conductor.wake(flow_id)
    return flow_id


BACKENDS: dict[str, Callable[[int, Path], Cost]] = {"cgflow": ours, "stock": stock, "memory": memory}


def run() -> list[dict[str, Any]]:
    """Measure every backend at every size in turn, print a table of medians, and return its rows."""
    logging.getLogger("taskflow").setLevel(logging.CRITICAL)
    rows = []
    print(
        f"{'members':>8} {'backend':>8} {'wall ms':>9} {'cpu ms/atom':>12} {'commits':>8} {'statements':>11}"
    )
    for members in SIZES:
        costs: dict[str, list[Cost]] = {name: [] for name in BACKENDS}
        for number in range(ROUNDS):
            for name, measure in BACKENDS.items():
                if name == "stock" and number >= STOCK_ROUNDS.get(members, ROUNDS):
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    costs[name].append(measure(members, Path(folder)))
        for name, found in costs.items():
            wall = statistics.median(cost.wall_s for cost in found)
            cpu = statistics.median(cost.cpu_s for cost in found)
            middle = Cost(wall, cpu, found[0].commits, found[0].statements)
            rows.append({"members": members, "backend": name, **asdict(middle)})
            print(
                f"{members:>8} {name:>8} {wall * 1000:>9.0f} {cpu * 1000 / (members + 2):>12.2f} "
                f"{middle.commits:>8} {middle.statements:>11}",
                flush=True,
            )
        _print_ratios(rows[-len(BACKENDS) :])
    return rows


def _print_ratios(rows: list[dict[str, Any]]) -> None:
    by_name = {row["backend"]: row for row in rows}
    faster = by_name["stock"]["wall_s"] / by_name["cgflow"]["wall_s"]
    dearer = by_name["cgflow"]["cpu_s"] / by_name["memory"]["cpu_s"]
    print(f"{'':>8} {faster:.1f} times faster than stock, {dearer:.2f} times the CPU of memory")
