"""The checker itself: it must see each kind of violation, and none where there is none."""

from __future__ import annotations

import threading

from tests.support.ordering import READ_BYTES, SLOT_BYTES, Mark, OrderedWriter, check


class Memory:
    """A disk of 8 MiB in memory, slow enough not to be filled."""

    def __init__(self, data: bytes = bytes(8 * READ_BYTES)) -> None:
        self.data = bytearray(data)
        self.lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        threading.Event().wait(0.0005)
        with self.lock:
            self.data[offset : offset + len(data)] = data


def written(members: int, tickets: int) -> tuple[list[Memory], Mark]:
    disks = [Memory() for _ in range(members)]
    with OrderedWriter([disks] * 4) as writer:
        while writer.mark().acked < tickets:
            threading.Event().wait(0.001)
        writer.pause()
        mark = writer.mark()
    return disks, mark


def test_everything_is_consistent_with_itself() -> None:
    disks, mark = written(4, 500)
    finding = check(disks, mark, mark)
    assert finding.is_consistent
    assert finding.tickets == mark.issued


def test_a_missing_cause_is_out_of_order() -> None:
    disks, mark = written(4, 500)
    disks[1].write(3 * SLOT_BYTES, bytes(SLOT_BYTES))
    assert check(disks, Mark(0, 0), mark).out_of_order == 1


def test_a_missing_acknowledged_ticket_is_lost() -> None:
    disks, mark = written(2, 100)
    last = mark.issued - 1
    disks[last % 2].write(last // 2 * SLOT_BYTES, bytes(SLOT_BYTES))
    finding = check(disks, mark, mark)
    assert finding.lost_acks == 1


def test_a_ticket_issued_after_the_answer_is_from_the_future() -> None:
    disks, mark = written(2, 100)
    assert check(disks, Mark(0, 0), Mark(0, mark.issued - 5)).from_the_future == 5


def test_members_cut_one_after_another_are_caught() -> None:
    disks = [Memory() for _ in range(4)]
    with OrderedWriter([disks] * 8) as writer:
        while writer.mark().acked < 200:
            threading.Event().wait(0.001)
        before = writer.mark()
        copies = []
        for disk in disks:
            copies.append(Memory(bytes(disk.data)))
            goal = writer.mark().acked + 50
            while writer.mark().acked < goal:
                threading.Event().wait(0.001)
        after = writer.mark()
    assert check(copies, before, after).out_of_order > 0
