"""The ways in which one driver call of an operation can fail, the calls it makes, and how it must end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from cgflow import records
from cgflow.drivers.fault_injection.drill_file import Fault, Kind, When
from cgflow.drivers.fault_injection.faulty_driver import FaultSchedule
from cgflow.engine import backoff, conductor
from cgflow.status import FlowState
from flows import driver_calls
from tests.stories.scripts import SCRIPTS, Start
from tests.support import volume_content
from tests.support.case_sampling import CLOSELY, IS_FULL
from tests.support.world import World

WAYS: tuple[tuple[Kind, When], ...] = (
    ("final", "before"),
    ("ambiguous", "before"),
    ("ambiguous", "after"),
    # A faulty driver: it reports a final error although the object was made.
    ("final", "after"),
    ("busy", "before"),
    ("hang", "before"),
    ("hang", "after"),
    ("lie", "before"),
)
# Each half has one failure of every kind that makes an undo fail.
HALVES = (
    {("final", "before"), ("ambiguous", "after"), ("hang", "before"), ("lie", "before")},
    {("final", "after"), ("ambiguous", "before"), ("hang", "after"), ("busy", "before"), ("lie", "before")},
)
DEADLINE_S = 0.01


class CallRecorder(FaultSchedule):
    """A fault injector that also counts the driver calls of flows by name, in ``made``."""

    def __init__(self) -> None:
        super().__init__()
        self.made: Counter[str] = Counter()

    def apply_due_fault(self, call: str, when: When, ids: tuple[str, ...]) -> Fault | None:
        # Reports are requested by a timer, not by flows.
        if when == "before" and call != "report":
            self.made[call] += 1
        return super().apply_due_fault(call, when, ids)

    def begin(self, *faults: Fault) -> None:
        """Forget the recorded calls and the scheduled faults, and schedule these faults."""
        self.clear()
        self.made.clear()
        for fault in faults:
            self.add_fault(fault)


@dataclass(frozen=True)
class FailingCall:
    """One driver call, identified by its name and its number within that name, and how it fails."""

    call: str
    nth: int
    kind: Kind
    when: When

    def __str__(self) -> str:
        return f"{self.call} #{self.nth} {self.kind} {self.when}"

    def fault(self, *, always: bool = False) -> Fault:
        """Return the fault that makes the call fail once, or each time from then on."""
        times = None if always else 1
        return Fault(self.call, self.kind, when=self.when, nth=self.nth, times=times, deadline_s=DEADLINE_S)


def failing_calls(
    operation: str, calls: Counter[str], after: Counter[str] | None = None
) -> Iterator[FailingCall]:
    """Yield ways for each of these calls to fail; with ``after``, call numbers start after those.

    With a cgsnapshot's own operations the first call of a name fails in every way; with other
    operations in half of the ways, the halves taking turns. Later calls of a name, which the same code
    makes for the next member, fail in one way. In the full sweep, every call fails in every way.
    """
    passed = after or Counter()
    turn = sorted(SCRIPTS).index(operation)
    for number, (call, count) in enumerate(sorted(calls.items())):
        first = passed[call] + 1
        half = HALVES[(turn + number) % 2]
        for nth in range(first, count + 1):
            for kind, way in enumerate(WAYS):
                is_first = nth == first and (operation in CLOSELY or way in half)
                if IS_FULL or is_first or (nth != first and kind == (turn + number + nth) % len(WAYS)):
                    yield FailingCall(call, nth, *way)


@contextmanager
def no_retry_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make retries immediate, and retry an undo only on request."""
    with monkeypatch.context() as patch:
        patch.setattr(backoff, "FIRST_PAUSE_S", 0)
        patch.setattr(driver_calls, "BUSY_PAUSES_S", (0.0, 0.0))
        patch.setattr(conductor, "UNDO_ATTEMPTS", 0)
        yield


def problems_after(w: World, operation: str, target: str, flow: records.Flow, before: Start) -> list[str]:
    """Return what is wrong with the world after an operation that succeeded or was rolled back."""
    wrong = SCRIPTS[operation].faults(w, before, target, is_done=flow.state is FlowState.SUCCESS)
    after = w.state()
    if flow.state is FlowState.REVERTED:
        if not SCRIPTS[operation].forward and after != before.state:
            wrong.append(f"the world was {before.state} and is {after}")
    elif SCRIPTS[operation].deletes:
        if target in str(after):
            wrong.append("what was deleted is still there")
    elif operation == "volume.compact":
        wrong += [f"{due} is still to be compacted" for due in w.driver.compactions_due()]  # type: ignore[attr-defined]
    elif operation == "volume.extend":
        if w.get("volume", target).size != 2:
            wrong.append("the volume was not extended")
    elif operation == "consistencygroup.update":
        if w.get("volume", target).consistencygroup_id != flow.resource_id:
            wrong.append("the volume is no member")
    elif operation.endswith(".revert"):
        wrong += volume_content.volumes_not_restored(flow, after["content"])
    elif flow.resource_id not in str(after["things"]):
        wrong.append("what was made is not there")
    return wrong
