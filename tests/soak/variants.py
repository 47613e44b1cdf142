"""How a soak of the storage daemon cuts and writes: correctly, or with a fault that must be found.

That a soak finds nothing wrong means little unless it is shown to find faults. Each control is the
soak itself with one fault in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from cgflow.drivers.conformance.write_order_checker import OrderedWriters
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from tests.soak.retrying_clients import RetryingVolume, retry_cut
from tests.support.qsd_fixture import snapshot_specs

FORGOTTEN = 3
"""The number of the write that a forgetful client acknowledges and does not make."""

AHEAD = 16
"""Writes to wait for between the cuts of two members."""

Copies = Callable[[list[VolumeSpec], str], list[SnapshotSpec]]
Cut = Callable[[QsdDriver, list[SnapshotSpec], OrderedWriters], object]
Connect = Callable[[Callable[[], str]], RetryingVolume]


def cut_together(driver: QsdDriver, copies: list[SnapshotSpec], _: OrderedWriters) -> None:
    """Cut all members at one instant."""
    retry_cut(lambda: driver.cut(copies[0].cgsnapshot_id, "g", copies))


def separate_snapshots_of(volumes: list[VolumeSpec], name: str) -> list[SnapshotSpec]:
    """Return snapshots of which each is a cgsnapshot of its own."""
    return [replace(copy, cgsnapshot_id=copy.id) for copy in snapshot_specs(volumes, name)]


def cut_one_by_one(driver: QsdDriver, copies: list[SnapshotSpec], writer: OrderedWriters) -> None:
    """Cut one member after the other, with writes between them that depend on each other."""
    for copy in copies:
        retry_cut(partial(driver.cut, copy.cgsnapshot_id, "g", [copy]))
        writer.await_progress(AHEAD)
        writer.await_progress(AHEAD)


class ForgetfulVolume(RetryingVolume):
    """A client that acknowledges one write without making it."""

    def __init__(self, find: Callable[[], str]) -> None:
        super().__init__(find)
        self._left = FORGOTTEN

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        self._left -= 1
        if self._left != 0:
            super().write(offset, data, fua=fua)


@dataclass(frozen=True)
class SoakVariant:
    """How a soak cuts and writes; for a control, ``expected_fault`` is the fault that must be reported."""

    description: str
    copies: Copies = snapshot_specs
    cut: Cut = cut_together
    connect: Connect = RetryingVolume
    expected_fault: tuple[str, str] = ("", "")

    def is_found(self, wrong: list[str]) -> bool:
        """Return whether one of the reported faults is the expected one."""
        what, how = self.expected_fault
        return any(one.startswith(what) and how in one for one in wrong)


CORRECT = SoakVariant("cuts at one instant and makes every write")
CONTROLS = (
    SoakVariant(
        "cuts one by one",
        copies=separate_snapshots_of,
        cut=cut_one_by_one,
        expected_fault=("cgsnapshot ", "order: "),
    ),
    SoakVariant("forgets writes", connect=ForgetfulVolume, expected_fault=("the volumes: ", "lost: ")),
)
