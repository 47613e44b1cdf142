"""The cut is one instant across members, under dependent writes; and a check that can fail says so.

Tickets 0, 1, 2, ... are written round robin over the volumes, each to a slot of
its own, with up to eight outstanding. A slot holds its ticket and *low*: all
tickets below it were acknowledged before this one was issued. In a consistent
copy, every ticket below the highest low that is found must be found too.
"""

import itertools
import struct
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.nbd import NbdClient
from tests.support.qsd import Bench, group_of, snapshots_of, take

pytestmark = [pytest.mark.real, pytest.mark.slow]

SLOT = 4096
OUTSTANDING = 8
CUTS = 10
_STAMP = struct.Struct("<QQ")


class Writer:
    """Issues tickets from a thread, until it is stopped. ``low`` and ``issued`` may be read at any time."""

    def __init__(self, clients: list[NbdClient]) -> None:
        self._clients = clients
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.low = 0
        self.issued = 0

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        outstanding: dict[Future[bytes], int] = {}
        for ticket in itertools.count():
            while len(outstanding) >= OUTSTANDING:
                done, _ = wait(outstanding, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    del outstanding[future]
            self.low = min(outstanding.values(), default=ticket)
            if self._stop.is_set():
                wait(outstanding)
                return
            self.issued = ticket + 1
            volume, slot = ticket % len(self._clients), ticket // len(self._clients)
            block = _STAMP.pack(ticket + 1, self.low).ljust(SLOT, b"\0")
            outstanding[self._clients[volume].submit_write(slot * SLOT, block)] = ticket


def found_in(bench: Bench, snapshots: list[SnapshotSpec], issued: int) -> dict[int, int]:
    """Return the tickets in the copies, each with its low."""
    found = {}
    slots = issued // len(snapshots) + 2
    for snapshot in snapshots:
        with NbdClient.from_uri(str(bench.driver.export_snapshot(snapshot).data["uri"])) as client:
            for first in range(0, slots, 1024):
                content = client.read(first * SLOT, 1024 * SLOT)
                for offset in range(0, len(content), SLOT):
                    number, low = _STAMP.unpack_from(content, offset)
                    if number:
                        found[number - 1] = low
        bench.driver.unexport_snapshot(snapshot)
    return found


def violations(found: dict[int, int]) -> int:
    """Count the tickets that are missing although something that came after them is there."""
    return sum(1 for ticket in range(max(found.values(), default=0)) if ticket not in found)


def make_group(bench: Bench) -> list[VolumeSpec]:
    volumes = group_of(4)
    bench.driver.create_group("g")
    for volume in volumes:
        bench.driver.create_volume(volume)
    return volumes


def test_a_cut_keeps_order_loses_nothing_and_holds_nothing_from_the_future(bench: Bench) -> None:
    volumes = make_group(bench)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    with Writer(clients) as writer:
        for round_ in range(CUTS):
            snapshots = snapshots_of(volumes, f"c{round_}")
            for snapshot in snapshots:
                bench.driver.prepare(snapshot)
            acknowledged = writer.low
            bench.driver.cut(f"c{round_}", "g", snapshots)
            issued = writer.issued
            found = found_in(bench, snapshots, issued)
            assert violations(found) == 0
            assert all(ticket in found for ticket in range(acknowledged))
            assert max(found, default=-1) < issued
            for snapshot in snapshots:
                bench.driver.delete_snapshot(snapshot)
        assert writer.issued > 0


def test_the_check_finds_cuts_that_are_not_one_instant(bench: Bench) -> None:
    volumes = make_group(bench)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    seen = 0
    with Writer(clients) as writer:
        for round_ in range(CUTS):
            snapshots = [take(bench.driver, [volume], f"c{round_}.{volume.id}")[0] for volume in volumes]
            seen += violations(found_in(bench, snapshots, writer.issued))
            for snapshot in snapshots:
                bench.driver.delete_snapshot(snapshot)
            if seen:
                break
    assert seen > 0
