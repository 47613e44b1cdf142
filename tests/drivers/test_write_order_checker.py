"""The ordering checker itself: it detects each kind of violation, and none where there is none."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from cgflow.drivers.conformance.write_order_checker import (
    READ_BYTES,
    SLOT_BYTES,
    Finding,
    OrderedWriters,
    Progress,
    Ticket,
    check_snapshots,
    check_tickets,
)

# 0 to 5 were acknowledged before the cut; 9 was the last issued.
BEFORE, AFTER = Progress(6, frozenset(), 7), Progress(8, frozenset(), 10)


def seen(*numbers: int) -> list[Ticket]:
    return [Ticket(number, max(0, number - 2)) for number in numbers]


@pytest.mark.parametrize("numbers", [range(6), range(7), range(10), (*range(6), 7)])
def test_history_of_an_instant_is_sound(numbers: Sequence[int]) -> None:
    finding = check_tickets(seen(*numbers), BEFORE, AFTER)
    assert finding.is_consistent
    assert finding.violations() == []


@pytest.mark.parametrize(
    ("numbers", "word"), [((*range(6), 9), "order"), (range(5), "lost"), (range(11), "future")]
)
def test_history_that_is_no_instant_is_named(numbers: Sequence[int], word: str) -> None:
    finding = check_tickets(seen(*numbers), BEFORE, AFTER)
    (words,) = finding.violations()
    assert words.startswith(f"{word}: 1 writes ")
    assert not finding.is_consistent


def test_write_acknowledged_out_of_turn_may_not_be_lost() -> None:
    assert check_tickets(seen(*range(6)), Progress(6, frozenset({7}), 8), AFTER) == Finding(6, 0, 1, 0)


class Disk:
    """A member in memory, slow enough not to be filled."""

    def __init__(self, data: bytes = bytes(2 * READ_BYTES)) -> None:
        self.data = bytearray(data)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        threading.Event().wait(0.0005)
        self.data[offset : offset + len(data)] = data


def writing(disks: list[Disk]) -> OrderedWriters:
    return OrderedWriters([lambda member, at, data: disks[member].write(at, data)] * 8, len(disks))


def written(members: int, tickets: int) -> tuple[list[Disk], Progress]:
    disks = [Disk() for _ in range(members)]
    with writing(disks) as writers:
        assert writers.await_progress(tickets)
    # The writers have stopped: everything is acknowledged.
    return disks, writers.progress()


def test_everything_is_consistent_with_itself() -> None:
    disks, end = written(4, 500)
    finding = check_snapshots([disk.read for disk in disks], end, end)
    assert finding.is_consistent
    assert finding.tickets == end.issued == end.acknowledged


def test_a_missing_acknowledged_ticket_is_lost() -> None:
    disks, end = written(2, 100)
    last = end.issued - 1
    disks[last % 2].write(last // 2 * SLOT_BYTES, bytes(SLOT_BYTES))
    assert check_snapshots([disk.read for disk in disks], end, end).lost == 1


def test_what_nobody_wrote_is_no_ticket() -> None:
    disks, end = written(2, 100)
    disks[1].data[0:SLOT_BYTES] = disks[0].data[0:SLOT_BYTES]
    with pytest.raises(ValueError, match="at byte 0 holds what nobody wrote"):
        check_snapshots([disk.read for disk in disks], end, end)


def test_members_cut_one_after_another_are_caught() -> None:
    disks = [Disk() for _ in range(4)]
    with writing(disks) as writers:
        assert writers.await_progress(200)
        before = writers.progress()
        copies = []
        for disk in disks:
            copies.append(Disk(bytes(disk.data)))
            assert writers.await_progress(50)
            assert writers.await_progress(50)
        after = writers.progress()
    assert check_snapshots([copy.read for copy in copies], before, after).order > 0


def test_a_write_that_fails_ends_the_writers_and_is_told() -> None:
    def refuse(*_: object) -> None:
        raise OSError("the disk is gone")

    writers = OrderedWriters([refuse, refuse], 2)
    with pytest.raises(OSError, match="the disk is gone"), writers:
        assert not writers.await_progress(1)
