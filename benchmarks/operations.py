"""Whole operations on the memory driver: wall time, commits, and statements per member."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cgflow.db.repositories import volume
from cgflow.db.repositories.paging import ListQuery
from cgflow.drivers.memory.driver import MemoryDriver
from tests.support.cost_measurement import measure_cost
from tests.support.world import World, world

SIZES = (10, 100, 1000)


def run() -> list[dict[str, Any]]:
    """Measure cgsnapshot create and delete, and a list, at several sizes; print a table, return its rows."""
    rows: list[dict[str, Any]] = []
    print(
        f"\n{'members':>8} {'operation':>18} {'wall ms':>9} {'cpu ms/member':>14} {'commits':>8} "
        f"{'statements/member':>18}"
    )
    for members in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            driver = MemoryDriver(capacity_gib=1e6)
            with world(Path(folder), driver) as w:
                w.patience_s = 1800
                w.quota(snapshots=-1, volumes=-1, gigabytes=-1)
                w.type()
                rows += _measure(w, members, w.old_group_of(members))
    return rows


def _measure(w: World, members: int, group_id: str) -> list[dict[str, Any]]:
    rows = []
    with measure_cost(w.database) as create:
        with measure_cost(w.database, only_here=True) as accepting:
            accepted = w.accept_cgsnapshot(group_id)
        cgsnapshot_id = w.make(accepted)
    with measure_cost(w.database) as delete:
        w.make(w.delete_cgsnapshot(cgsnapshot_id))
    with measure_cost(w.database) as listing, w.database.read() as session:
        volume.page(session, ListQuery(limit=1000), None)
    for name, cost in (
        ("accept create", accepting),
        ("cgsnapshot.create", create),
        ("cgsnapshot.delete", delete),
        ("volume list", listing),
    ):
        rows.append({"members": members, "operation": name, **asdict(cost)})
        print(
            f"{members:>8} {name:>18} {cost.wall_s * 1000:>9.0f} {cost.cpu_s * 1000 / members:>14.2f} "
            f"{cost.commits:>8} "
            f"{cost.statements / members:>18.2f}",
            flush=True,
        )
    return rows
