"""The whole operation, from POST to ``available``, beside the bare mechanism with its preparation."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

from benchmarks.storage.qsd import contenders
from tests.integration.conftest import ground, starting
from tests.support.project import Project

SIZES = (4, 32, 100)
ROUNDS = 10


def run() -> list[dict[str, Any]]:
    """Measure a cgsnapshot over HTTP against a served process, for groups of several sizes."""
    rows = []
    with ground() as place, starting(place) as start:
        project = start()
        project.client.quotas.set("demo", dict.fromkeys(("volumes", "snapshots", "gigabytes"), -1))
        for members in SIZES:
            bare, prepared = _bare(members)
            whole = _served(project, members)
            rows.append(
                {
                    "kind": "qsd",
                    "members": members,
                    "bare_cut_p50_ms": round(bare * 1000, 2),
                    "bare_prepared_and_cut_p50_ms": round(prepared * 1000, 2),
                    "post_to_available_p50_ms": round(whole * 1000, 2),
                    "ratio_to_prepared": round(whole / prepared, 2),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def _bare(members: int) -> tuple[float, float]:
    cuts, prepared = [], []
    with contenders(members) as (bare, _):
        for _ in range(ROUNDS):
            began = time.perf_counter()
            bare.prepare()
            ready = time.perf_counter()
            bare.cut()
            ended = time.perf_counter()
            bare.copies()
            bare.rest()
            cuts.append(ended - ready)
            prepared.append(ended - began)
    return statistics.median(cuts), statistics.median(prepared)


def _served(project: Project, members: int) -> float:
    group_id, _ = project.group(members, f"g{members}-")
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        accepted = project.ask_cgsnapshot(group_id)
        project.end(accepted.flow_id)
        took.append(time.perf_counter() - began)
    return statistics.median(took)
