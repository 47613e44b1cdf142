"""The cut under load, bare and by the driver: its duration, the stall of clients, and violations."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.storage.clients import Clients, clients
from benchmarks.storage.contender import Contender, DriverContender
from benchmarks.storage.place import Place
from benchmarks.storage.tables import Row

ROUNDS = {4: 24, 32: 16, 100: 10}
"""Number of cuts of each contender, by the number of members."""

CONTROLS = 10

MARGIN_S = 0.05
"""Seconds before and after a call whose writes count too. Otherwise a longer call would meet more of them."""


@dataclass
class Measurements:
    """Measurements of one contender in seconds: the longest concurrent write, the cut, and the call.

    The duration of a driver's cut is taken from its evidence. Without a driver, it is the duration
    of the call.
    """

    calls_s: list[float] = field(default_factory=list)
    cuts_s: list[float] = field(default_factory=list)
    stalls_s: list[float] = field(default_factory=list)
    violations: int = 0


def run(place: Place) -> Iterator[Row]:
    """Take cuts of each contender in turn; yield a row for each size."""
    for members, rounds in ROUNDS.items():
        with place.bare(members) as bare, place.ours(members) as ours:
            yield compare(place, [bare, ours], members, rounds)


def control(place: Place, members: int = 4, rounds: int = CONTROLS) -> Iterator[Row]:
    """Cut members one by one with writes in between, which the checker must detect; yield one row."""
    with place.ours(members) as ours, clients(place.python, ours.members()) as load:
        broken = sum(_is_detected(ours, load) for _ in range(rounds))
    yield {"kind": place.kind, "members": members, "controls": rounds, "control violations": broken}


def compare(place: Place, both: Sequence[Contender], members: int, rounds: int) -> Row:
    """Take cuts of the bare contender and of the driver in turn, each under its own clients; return a row."""
    taken = [Measurements() for _ in both]
    with ExitStack() as held:
        loads = [held.enter_context(clients(place.python, one.members())) for one in both]
        turns = list(zip(both, loads, taken, strict=True))
        for number in range(rounds):
            # Alternate the order, so that neither always starts on idle storage.
            for contender, load, found in turns if number % 2 == 0 else reversed(turns):
                _cut(contender, load, found)
    bare, ours = (_figures(found) for found in taken)
    row: Row = {"kind": place.kind, "members": members, "cgsnapshots": rounds}
    row |= {f"bare {name}": figure for name, figure in bare.items()} | ours
    for what in ("stall", "cut", "call"):
        row[f"{what} ratio"] = round(ours[f"{what} p50"] / bare[f"{what} p50"], 2)
    return row


def _cut(contender: Contender, load: Clients, found: Measurements) -> None:
    contender.prepare()
    with load.writing():
        time.sleep(MARGIN_S)
        before = load.child.progress()
        began = time.monotonic()
        cut_ms = contender.cut()
        ended = time.monotonic()
        after = load.child.progress()
        # Wait for the writes that the cut delayed, and for the first ones after it, before reading the times.
        time.sleep(MARGIN_S)
        load.child.await_progress(count=0)
        found.stalls_s.append(load.child.longest_s(began=began - MARGIN_S, ended=ended + MARGIN_S))
        found.calls_s.append(ended - began)
        found.cuts_s.append(ended - began if cut_ms is None else cut_ms / 1000)
    finding = load.child.check(snapshots=contender.snapshots(), before=before, after=after)
    found.violations += bool(finding["order"] or finding["lost"] or finding["future"])
    contender.release_snapshots()


def _is_detected(ours: DriverContender, load: Clients) -> bool:
    def between() -> None:
        # Writes of the second wait depend on writes of the first.
        for _ in range(2):
            load.await_progress()

    with load.writing():
        before = load.child.progress()
        ours.cut_one_by_one(between)
        after = load.child.progress()
    finding = load.child.check(snapshots=ours.snapshots(), before=before, after=after)
    ours.release_snapshots()
    return bool(finding["order"])


def _figures(found: Measurements) -> dict[str, float]:
    figures: dict[str, float] = {"violations": found.violations}
    for what, seconds in (("stall", found.stalls_s), ("cut", found.cuts_s), ("call", found.calls_s)):
        figures[f"{what} p50"] = round(statistics.median(seconds) * 1000, 1)
        figures[f"{what} max"] = round(max(seconds) * 1000, 1)
    return figures
