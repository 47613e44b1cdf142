"""Kills the storage daemon repeatedly under writers, cgsnapshots and compactions: no data may be lost.

``python -m tests.soak.daemons --rounds 40 [--seed N]``

Writers put ordered tickets on the four members of a group, each write with FUA, and reconnect when
necessary. Meanwhile cgsnapshots are taken and deleted and chains are shortened. In each round the
daemon gets SIGKILL up to 30 ms after the driver has reached some point. Then every cgsnapshot that
was returned must be of one instant, and the volumes must have every write that was acknowledged.
The controls run first (``ways``): a round with a fault in it, which must be found.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cgflow.drivers.conformance.write_order_checker import OrderedWriters, Progress, Write, check_snapshots
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.errors import AmbiguousDriverError
from tests.soak.retrying_clients import RetryingVolume, retry_call
from tests.soak.variants import CONTROLS, CORRECT, SoakVariant
from tests.support.qsd_fixture import QsdDriverFixture, volume_specs

MEMBERS = 4
WRITERS = 8
KEPT = 6
"""The number of cgsnapshots to keep; usually the oldest is deleted, sometimes one of the newest."""

POINTS = (
    *("prepare:after-manifest", "prepare:after-open", "cut:before-transaction", "cut:after-transaction"),
    *("cut:after-record", "delete:after-record", "merge:after-start", "merge:after-job"),
    *("merge:after-close", "flatten:after-start", "flatten:after-job", "flatten:after-rest"),
)
LATEST_S = 0.03
PROGRESS = 200
"""Tickets to wait for after a kill before the round is checked."""


@dataclass
class Total:
    """The result of a soak. ``outages_s`` is the time from each kill to the next acknowledged write."""

    rounds: int = 0
    writes: int = 0
    cuts: int = 0
    lost_cuts: int = 0
    compacted: int = 0
    checked: int = 0
    outages_s: list[float] = field(default_factory=list)
    points: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        outages = sorted(self.outages_s) or [0.0]
        return (
            f"rounds={self.rounds} writes={self.writes} cgsnapshots={self.cuts} broken off={self.lost_cuts} "
            f"compactions={self.compacted} checks={self.checked} points={len(self.points)} "
            f"outage p50={statistics.median(outages) * 1000:.0f} ms max={outages[-1] * 1000:.0f} ms "
            f"wrong={len(self.wrong)}"
        )


class Killer:
    """Kills the daemon once, some milliseconds after the driver has reached a point."""

    def __init__(self, bench: QsdDriverFixture) -> None:
        self._bench = bench
        self._point, self._after_s = "", 0.0
        self._timer: threading.Timer | None = None
        self.killed = threading.Event()
        self.killed_at = 0.0

    def arm(self, point: str, after_s: float) -> None:
        self.killed.clear()
        self._point, self._after_s = point, after_s

    def __call__(self, reached: str) -> None:
        if reached == self._point:
            self._point = ""
            self._timer = threading.Timer(self._after_s, self.kill)
            self._timer.start()

    def kill(self) -> None:
        """Kill it now, unless it has been killed."""
        self._point = ""
        if not self.killed.is_set():
            os.kill(self._bench.pid("g"), signal.SIGKILL)
            self.killed_at = time.monotonic()
            self.killed.set()


class Keeper:
    """Takes cgsnapshots, deletes them, and has chains shortened, until it is stopped."""

    def __init__(
        self,
        bench: QsdDriverFixture,
        volumes: list[VolumeSpec],
        chance: random.Random,
        total: Total,
        variant: SoakVariant,
    ) -> None:
        self._bench, self._volumes, self._chance, self._total = bench, volumes, chance, total
        self._variant = variant
        self._number = 0
        self.kept: list[tuple[list[SnapshotSpec], Progress, Progress]] = []

    def turn(self, writer: OrderedWriters) -> None:
        """Take a cgsnapshot, delete one if there are many, compact what is due."""
        driver = self._bench.driver
        self._number += 1
        copies = self._variant.copies(self._volumes, f"c{self._number}")
        for copy in copies:
            retry_call(lambda copy=copy: driver.prepare(copy))  # type: ignore[misc]
        before = writer.progress()
        try:
            self._variant.cut(driver, copies, writer)
        except AmbiguousDriverError:
            self._total.lost_cuts += 1
            self._delete(copies)
        else:
            self._total.cuts += 1
            self.kept.append((copies, before, writer.progress()))
        while len(self.kept) > KEPT:
            self._delete(self.kept.pop(self._chance.choice((0, 0, -2)))[0])
        for due in retry_call(driver.compactions_due):
            self._total.compacted += bool(retry_call(lambda due=due: driver.compact_volume(due, 20)))  # type: ignore[misc]

    def check(self) -> list[str]:
        """Return what is wrong with the kept cgsnapshots, and delete them."""
        driver, wrong = self._bench.driver, []
        for copies, before, after in self.kept:
            disks = [
                RetryingVolume(
                    lambda copy=copy: str(retry_call(lambda: driver.export_snapshot(copy)).data["uri"])
                )  # type: ignore[misc]
                for copy in copies
            ]
            found = check_snapshots([disk.read for disk in disks], before, after)
            self._total.checked += 1
            if not found.is_consistent:
                wrong.append(f"cgsnapshot {copies[0].cgsnapshot_id}: {found}")
            for disk, copy in zip(disks, copies, strict=True):
                disk.close()
                retry_call(lambda copy=copy: driver.unexport_snapshot(copy))  # type: ignore[misc]
        return wrong

    def _delete(self, copies: list[SnapshotSpec]) -> None:
        for copy in copies:
            retry_call(lambda copy=copy: self._bench.driver.delete_snapshot(copy))  # type: ignore[misc]


def soak(
    rounds: int,
    seed: int,
    report_line: Callable[[str], None] = lambda _: None,
    variant: SoakVariant = CORRECT,
) -> Total:
    """Run rounds on the same group, until there were enough or something is wrong."""
    chance, total = random.Random(seed), Total()
    with _group() as (bench, volumes, killer):
        keeper = Keeper(bench, volumes, chance, total, variant)
        disks = [[_connect(bench, volume, variant) for volume in volumes] for _ in range(WRITERS)]
        with OrderedWriters([_write(mine) for mine in disks], len(volumes)) as writer:
            while total.rounds < rounds and not total.wrong:
                _round(killer, keeper, writer, chance, total)
                with writer.pause():
                    _let_write(writer, 0)
                    found = check_snapshots(
                        [disk.read for disk in disks[0]], writer.progress(), writer.progress()
                    )
                    if not found.is_consistent:
                        total.wrong.append(f"the volumes: {found}")
                    total.wrong += keeper.check()
                total.wrong += retry_call(bench.driver.inventory).problems
                total.rounds, total.writes = total.rounds + 1, writer.progress().acknowledged
                report_line(f"soak: daemons round={total.rounds} {total}")
        for disk in (disk for mine in disks for disk in mine):
            disk.close()
    return total


def _round(
    killer: Killer, keeper: Keeper, writer: OrderedWriters, chance: random.Random, total: Total
) -> None:
    point = chance.choice(POINTS)
    killer.arm(point, chance.uniform(0, LATEST_S))
    for _ in range(4):
        keeper.turn(writer)
        if killer.killed.is_set():
            break
    # The chosen point has not been reached: kill at any point.
    total.points |= {point} if killer.killed.is_set() else {"any"}
    killer.kill()
    _let_write(writer, WRITERS)
    total.outages_s.append(time.monotonic() - killer.killed_at)
    _let_write(writer, PROGRESS - WRITERS)
    keeper.turn(writer)


def _let_write(writer: OrderedWriters, more: int) -> None:
    if not writer.await_progress(more):
        raise AssertionError("the writers have come to a stop")


def _write(disks: list[RetryingVolume]) -> Write:
    return lambda member, offset_bytes, data: disks[member].write(offset_bytes, data)


@contextmanager
def _group() -> Iterator[tuple[QsdDriverFixture, list[VolumeSpec], Killer]]:
    bench = QsdDriverFixture(max_chain_depth=4)
    try:
        killer = Killer(bench)
        bench.start(killer)
        volumes = volume_specs(MEMBERS)
        bench.driver.create_group("g")
        for volume in volumes:
            bench.driver.create_volume(volume)
        yield bench, volumes, killer
    finally:
        bench.clean()


def _connect(bench: QsdDriverFixture, volume: VolumeSpec, variant: SoakVariant) -> RetryingVolume:
    return variant.connect(lambda: str(bench.driver.connection(volume).data["uri"]))


def undetected_controls(seed: int, report_line: Callable[[str], None] = lambda _: None) -> list[str]:
    """Run a round of each control; return the faults that were not found."""
    undetected = []
    for control in CONTROLS:
        wrong = soak(1, seed, variant=control).wrong
        found = control.is_found(wrong)
        result = "found" if found else "NOT FOUND"
        report_line(f"soak: daemons control that {control.description}: {result}, {wrong[:1]}")
        undetected += [] if found else [control.description]
    return undetected


def main() -> int:
    """Return 0 if nothing was wrong and every control was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.daemons", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    undetected = undetected_controls(options.seed, _print_line)
    total = soak(options.rounds, options.seed, _print_line)
    for what in total.wrong:
        _print_line(f"soak: {what}")
    result = "WRONG" if total.wrong else "BLIND" if undetected else "ok"
    controls = f"controls={len(CONTROLS) - len(undetected)} of {len(CONTROLS)} found"
    _print_line(f"soak: daemons {result} seed={options.seed} {total} {controls}")
    return 1 if total.wrong or undetected else 0


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
