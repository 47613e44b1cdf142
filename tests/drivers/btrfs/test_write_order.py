"""The cut level of btrfs for each way to write, under load; and copying file by file is detected.

The conformance suite runs its rule of order with clients that open files as instructed.
Here each way of opening is tested, with a complete block of the file system for
each write, which O_DIRECT accepts without falling back to buffers.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from cgflow.drivers.btrfs import system_calls
from cgflow.drivers.conformance.write_order_checker import (
    SLOT_BYTES,
    Finding,
    OrderedWriters,
    check_snapshots,
)
from cgflow.drivers.contract import VolumeSpec
from tests.support.btrfs_fixture import (
    BLOCK,
    DIRECT,
    BtrfsDriverFixture,
    OpenFile,
    open_volume,
    snapshot_specs,
)

pytestmark = [pytest.mark.real, pytest.mark.slow]

MEMBERS, WRITERS, CUTS = 4, 12, 6
PROGRESS = 4 * WRITERS
"""Acknowledged writes awaited before each cut, and between two copies of the control."""


@pytest.fixture
def bench(btrfs_folder: Path) -> Iterator[BtrfsDriverFixture]:
    bench = BtrfsDriverFixture(btrfs_folder)
    bench.start()
    yield bench
    bench.clean()


def write(files: list[OpenFile], member: int, offset: int, slot: bytes) -> None:
    files[member].write(offset // SLOT_BYTES * BLOCK, slot.ljust(BLOCK, b"\0"))


def read(copy: OpenFile, offset: int, length: int) -> bytes:
    blocks = copy.read(offset // SLOT_BYTES * BLOCK, length // SLOT_BYTES * BLOCK)
    return b"".join(blocks[place : place + SLOT_BYTES] for place in range(0, len(blocks), BLOCK))


@contextmanager
def writing(bench: BtrfsDriverFixture, volumes: list[VolumeSpec], flags: int) -> Iterator[OrderedWriters]:
    """Keep dependent writes running on files that are opened with the given flags."""
    with ExitStack() as held:
        files = [held.enter_context(open_volume(bench.driver, volume, flags)) for volume in volumes]
        yield held.enter_context(OrderedWriters([partial(write, files)] * WRITERS, MEMBERS))


def judged(writers: OrderedWriters, cut: Callable[[], list[Path]]) -> Finding:
    """Let the writers run for a while, cut, and read the snapshots while the writers pause."""
    assert writers.await_progress(PROGRESS)
    before = writers.progress()
    paths = cut()
    after = writers.progress()
    with writers.pause(), ExitStack() as held:
        copies = [held.enter_context(OpenFile(path, 0, writable=False)) for path in paths]
        return check_snapshots([partial(read, copy) for copy in copies], before, after)


def cuts(bench: BtrfsDriverFixture, volumes: list[VolumeSpec], writers: OrderedWriters) -> Iterator[Finding]:
    """Take cgsnapshots through the driver, one after the other."""
    for number in range(CUTS):
        copies = snapshot_specs(volumes, f"c{number}")
        with writers.pause():
            for copy in copies:
                bench.driver.prepare(copy)
        subvolume = bench.folder / "homes" / "g" / "cuts" / f"c{number}"

        def cut(copies=copies, subvolume=subvolume) -> list[Path]:
            bench.driver.cut(subvolume.name, "g", copies)
            return [subvolume / "volumes" / copy.volume_id for copy in copies]

        yield judged(writers, cut)
        with writers.pause():
            for copy in copies:
                bench.driver.delete_snapshot(copy)


@pytest.mark.parametrize(
    "flags", [DIRECT, os.O_DIRECT, os.O_DSYNC], ids=["direct and synchronous", "direct", "synchronous"]
)
def test_a_cut_keeps_the_order_of_direct_and_synchronous_writes(bench, flags):
    volumes = bench.make_group(MEMBERS)
    with writing(bench, volumes, flags) as writers:
        for finding in cuts(bench, volumes, writers):
            assert finding.is_consistent, finding


def test_a_cut_has_what_buffered_writers_wrote_before_it_and_promises_no_order_of_the_rest(bench):
    volumes = bench.make_group(MEMBERS)
    with writing(bench, volumes, 0) as writers:
        for finding in cuts(bench, volumes, writers):
            # The number of writes out of order is not checked: a power failure keeps no order either.
            assert (finding.lost, finding.future) == (0, 0), finding


def test_copying_file_by_file_is_found_out(bench):
    volumes = bench.make_group(MEMBERS)
    with writing(bench, volumes, DIRECT) as writers:

        def copy_each() -> list[Path]:
            for volume in volumes:
                live = Path(str(bench.driver.connection(volume).data["device_path"]))
                with (
                    system_calls.open_descriptor(live, os.O_RDONLY) as source,
                    system_calls.open_descriptor(bench.path / volume.id, os.O_CREAT | os.O_RDWR) as target,
                ):
                    system_calls.share_blocks(source, target)
                # The writes of the second wait depend on those of the first.
                for _ in range(2):
                    assert writers.await_progress(PROGRESS)
            return [bench.path / volume.id for volume in volumes]

        assert judged(writers, copy_each).order, "copies made one after the other pass for one instant"
