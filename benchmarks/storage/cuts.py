"""The cut under load, bare and through the driver: its time, how long clients wait, and what it holds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.storage.contender import Contender, Timed
from cgflow.drivers.conformance.ordering import OrderedWriters, check


@dataclass
class Taken:
    """Cuts of one contender: seconds of each cut and of the longest write beside it, and violations found."""

    cuts_s: list[float]
    stalls_s: list[float]
    violations: int = 0


def compare(kind: str, both: Sequence[Contender], members: int, rounds: int) -> list[dict[str, Any]]:
    """Take cuts of each contender in turn, half of the rounds and then the other; return rows of a table."""
    taken = {contender.name: Taken([], []) for contender in both}
    issued = dict.fromkeys(taken, 0)
    for _ in range(2):
        for contender in both:
            issued[contender.name] = _load(contender, members, rounds // 2, taken[contender.name], issued)
    rows = [_row(kind, name, members, found) for name, found in taken.items()]
    bare, ours = rows
    for key in ("cut_p50_ms", "stall_p50_ms"):
        ours[f"{key}_ratio"] = round(ours[key] / bare[key], 2)
    return rows


def _load(contender: Contender, members: int, rounds: int, found: Taken, issued: dict[str, int]) -> int:
    timed = [Timed(contender.writer()) for _ in range(members)]
    with OrderedWriters(timed, members, issued[contender.name]) as writers:
        for _ in range(rounds):
            contender.prepare()
            writers.await_progress(10 * members)
            before = writers.moment()
            began = time.perf_counter()
            contender.cut()
            ended = time.perf_counter()
            after = writers.moment()
            # Whoever waited for the cut is through before the times are read.
            writers.await_progress(0)
            found.cuts_s.append(ended - began)
            found.stalls_s.append(max(one.longest_s(began, ended) for one in timed))
            with writers.resting():
                finding = check(contender.copies(), before, after)
                found.violations += not finding.is_consistent
                contender.rest()
    return writers.moment().issued


def _row(kind: str, name: str, members: int, found: Taken) -> dict[str, Any]:
    return {
        "kind": kind,
        "contender": name,
        "members": members,
        "cgsnapshots": len(found.cuts_s),
        "violations": found.violations,
        "cut_p50_ms": round(statistics.median(found.cuts_s) * 1000, 2),
        "cut_max_ms": round(max(found.cuts_s) * 1000, 2),
        "stall_p50_ms": round(statistics.median(found.stalls_s) * 1000, 2),
        "stall_max_ms": round(max(found.stalls_s) * 1000, 2),
    }
