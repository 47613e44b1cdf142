"""Every driver call of every operation fails in every way: before or after its effect, or with a lie.

A lie is a false result without the effect. An operation succeeds or is rolled back, and the state
is as it must be then. An undo that meets a failing backend is a failed rollback, and a retry of it
leads to the same end. A driver that reports success and does nothing is never believed where that
would leave a record without its object, or an object without its record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cgflow import records
from cgflow.drivers.contract import StorageDriver
from cgflow.drivers.fault_injection.faulty_driver import FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState
from flows import flow_actions
from flows.acceptance import Accepted
from tests.stories.points_of_no_return import has_steps_behind, turning_step
from tests.stories.scripts import SCRIPTS
from tests.support.driver_faults import (
    CallRecorder,
    FailingCall,
    failing_calls,
    no_retry_pauses,
    problems_after,
)
from tests.support.failing_steps import StepFaults, StepPoint, inject_step_faults
from tests.support.qsd_fixture import QsdDriverFixture, require_qsd
from tests.support.world import CALLER, World, world

pytestmark = pytest.mark.slow

CALLING = sorted(name for name, script in SCRIPTS.items() if script.calls_driver)
UNDONE = [name for name in CALLING if not SCRIPTS[name].forward]
FORWARD = [name for name in CALLING if SCRIPTS[name].forward]


def last(operation: str) -> StepPoint:
    """Return the point that fails so that everything is undone."""
    return StepPoint(turning_step(operation), "execute", "before")


# Calls that only verify: a false result of one of these hides nothing, because the effect is there.
HARMLESS_LIES = {
    # A missing group is missing from a false result too.
    ("audit.conform", "detail"),
    ("cgsnapshot.create", "snapshot"),
    ("consistencygroup.revert", "snapshot"),
    ("snapshot.create", "snapshot"),
    ("volume.create_from_volume", "snapshot"),
    ("volume.create_from_volume", "inventory"),
    ("volume.create_from_volume", "has_snapshot"),
    ("consistencygroup.create_from_group", "has_snapshot"),
}
# Calls that verify removals, of which a false "nothing" is true, and creations, of which it is detected.
# Members run in parallel, so which of them gets the false result is random.
PERHAPS_HARMLESS_LIES = {
    ("consistencygroup.update", "inventory"),
}


# No delete can succeed while one of these keeps failing.
NEEDED = ("delete_snapshot", "delete_volume", "delete_group")


@contextmanager
def swept(
    path: Path, monkeypatch: pytest.MonkeyPatch, driver: StorageDriver | None = None
) -> Iterator[tuple[World, CallRecorder]]:
    faults = CallRecorder()
    with (
        no_retry_pauses(monkeypatch),
        world(path, FaultyDriver(driver or MemoryDriver(), faults)) as w,
    ):
        w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        yield w, faults


def play(w: World, operation: str, target: str) -> tuple[Accepted, records.Flow]:
    accepted = SCRIPTS[operation].act(w, target)
    return accepted, w.finish(accepted)


def calls_of(w: World, faults: CallRecorder, operation: str) -> Counter[str]:
    """Run the operation to its end, and return the driver calls that it makes."""
    target = SCRIPTS[operation].arrange(w)
    faults.begin()
    assert play(w, operation, target)[1].state is FlowState.SUCCESS
    made = Counter(faults.made)
    assert made, f"{operation} made no driver call"
    return made


def calls_there_and_back(
    w: World, faults: CallRecorder, operation: str, undoing: StepFaults
) -> tuple[Counter[str], Counter[str]]:
    """Run the operation and have it undone; return its driver calls until the failure, and all of them."""
    target = SCRIPTS[operation].arrange(w)
    faults.begin()
    doing: Counter[str] = Counter()

    def turned(point: StepPoint) -> bool:
        if point == last(operation):
            doing.update(faults.made)
        return point == last(operation)

    undoing.order(turned)
    assert play(w, operation, target)[1].state is FlowState.REVERTED
    return doing, Counter(faults.made)


def expected(operation: str, failing: FailingCall) -> tuple[FlowState, ...]:
    """Return the states in which an operation may end if one call fails once while it executes."""
    if failing.call == "detail":
        # Without a second look there is no repair.
        is_harmless = failing.kind == "lie" and (operation, failing.call) in HARMLESS_LIES
        return (FlowState.SUCCESS if is_harmless else FlowState.REVERTED,)
    if SCRIPTS[operation].forward or failing.kind == "busy":
        return (FlowState.SUCCESS,)
    if failing.kind == "lie" and (operation, failing.call) in HARMLESS_LIES:
        return (FlowState.SUCCESS,)
    if failing.kind == "lie" and (operation, failing.call) in PERHAPS_HARMLESS_LIES:
        return (FlowState.REVERTED, FlowState.SUCCESS)
    # Before the point of no return the flow is undone, after it it continues; the state must be right in
    # both.
    return (FlowState.REVERTED, FlowState.SUCCESS) if has_steps_behind(operation) else (FlowState.REVERTED,)


def is_refused(failing: FailingCall) -> bool:
    """Return whether the call itself may fail, so that the fault after it is not met.

    What is gone has no address, so ``connection`` fails.
    """
    return (failing.call, failing.when) == ("connection", "after")


@pytest.mark.parametrize("operation", CALLING)
def test_a_call_that_fails_while_doing(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S123, S129."""
    problems = []
    with swept(tmp_path, monkeypatch) as (w, faults):
        for failing in failing_calls(operation, calls_of(w, faults, operation)):
            target = SCRIPTS[operation].arrange(w)
            before = SCRIPTS[operation].start(w)
            faults.begin(failing.fault())
            _, flow = play(w, operation, target)
            told = f"{failing} -> {flow.state} ({flow.reason})"
            if len(faults.firings) != 1 and not is_refused(failing):
                problems.append(f"{told}: it was not met")
            faults.clear()
            if flow.state not in expected(operation, failing):
                problems.append(f"{told}: not {expected(operation, failing)}")
            problems += [f"{told}: {what}" for what in problems_after(w, operation, target, flow, before)]
    assert problems == []


@pytest.mark.parametrize("operation", UNDONE)
def test_a_call_that_fails_while_undoing(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[str] = []
    ends: Counter[tuple[str, str]] = Counter()
    with inject_step_faults(monkeypatch) as sabotage, swept(tmp_path, monkeypatch) as (w, faults):
        doing, whole = calls_there_and_back(w, faults, operation, sabotage)
        assert whole > doing, "the undo made no driver call"
        for failing in failing_calls(operation, whole, after=doing):
            undoing(w, faults, sabotage, operation, failing, problems, ends)
    assert problems == []
    assert all(ends[kind, FlowState.ROLLBACK_FAILED] for kind in ("final", "ambiguous", "hang", "lie")), ends
    assert not ends["busy", FlowState.ROLLBACK_FAILED], ends


def undoing(
    w: World,
    faults: CallRecorder,
    sabotage: StepFaults,
    operation: str,
    failing: FailingCall,
    problems: list[str],
    ends: Counter[tuple[str, str]],
) -> None:
    sabotage.stop()
    target = SCRIPTS[operation].arrange(w)
    before = SCRIPTS[operation].start(w)
    sabotage.order(lambda point: point == last(operation))
    faults.begin(failing.fault())
    accepted, flow = play(w, operation, target)
    ends[failing.kind, flow.state] += 1
    told = f"undo: {failing} -> {flow.state}"
    if len(faults.firings) != 1 and not is_refused(failing):
        problems.append(f"{told}: it was not met")
    faults.clear()
    if flow.state is FlowState.ROLLBACK_FAILED:
        if flow.id not in str(w.get(flow.resource_type, flow.resource_id).reason):
            problems.append(f"{told}: the resource does not say so")
        flow_actions.retry(w.runtime, CALLER, accepted.flow_id)
        flow = w.finish(accepted)
    if flow.state is not FlowState.REVERTED:
        problems.append(f"{told}: ended {flow.state}")
    problems += [f"{told}: {what}" for what in problems_after(w, operation, target, flow, before)]


@pytest.mark.parametrize("operation", FORWARD)
def test_a_call_of_what_only_goes_forward_that_goes_on_failing(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delete ends in ``error_deleting``, with what is left still listed; a retry finishes it (S125)."""
    problems = []
    with swept(tmp_path, monkeypatch) as (w, faults):
        for failing in failing_calls(operation, calls_of(w, faults, operation)):
            target = SCRIPTS[operation].arrange(w)
            before = SCRIPTS[operation].start(w)
            faults.begin(failing.fault(always=True))
            _, flow = play(w, operation, target)
            told = f"always {failing} -> {flow.state} ({flow.reason})"
            faults.begin()
            if failing.call != "inventory":
                # A backend that cannot list its objects keeps all records listed.
                problems += [f"{told}: {what}" for what in problems_after(w, operation, target, flow, before)]
            (left,) = [t for t in w.all(flow.resource_type) if t.id == target] or [None]
            if left is not None:
                if left.status != ("error_deleting" if SCRIPTS[operation].deletes else "available"):
                    problems.append(f"{told}: it rests in {left.status}")
                _, flow = play(w, operation, target)
            elif SCRIPTS[operation].mends and flow.state is FlowState.REVERTED:
                if target not in str(w.state()["inventory"]):
                    # The object is gone; only the backend's answer was missing.
                    continue
                _, flow = play(w, operation, target)
            elif flow.state is FlowState.REVERTED:
                # All objects and the record are gone; only the backend's answer was missing.
                assert failing.call not in NEEDED or failing.when == "after", told
                continue
            elif failing.call in NEEDED:
                problems.append(f"{told}: it cannot have succeeded")
            if flow.state is not FlowState.SUCCESS:
                problems.append(f"{told}: asked again it ended {flow.state} ({flow.reason})")
            problems += [
                f"{told}, again: {what}" for what in problems_after(w, operation, target, flow, before)
            ]
    assert problems == []


QSD = [
    ("cgsnapshot.create", FailingCall("prepare", 2, "lie", "before")),
    ("cgsnapshot.create", FailingCall("cut", 1, "lie", "before")),
    ("cgsnapshot.create", FailingCall("cut", 1, "ambiguous", "after")),
    ("cgsnapshot.create", FailingCall("cut", 1, "busy", "before")),
    ("cgsnapshot.create", FailingCall("snapshot", 2, "final", "before")),
    ("cgsnapshot.delete", FailingCall("delete_snapshot", 1, "lie", "before")),
    ("cgsnapshot.delete", FailingCall("delete_snapshot", 2, "final", "after")),
    ("consistencygroup.create", FailingCall("create_group", 1, "lie", "before")),
    ("consistencygroup.create", FailingCall("create_group", 1, "final", "after")),
    ("consistencygroup.create_from_cgsnapshot", FailingCall("clone_volume", 1, "lie", "before")),
    ("consistencygroup.create_from_cgsnapshot", FailingCall("clone_volume", 2, "final", "after")),
    ("consistencygroup.create_from_group", FailingCall("cut", 1, "ambiguous", "after")),
    ("consistencygroup.create_from_group", FailingCall("clone_volume", 2, "final", "before")),
    ("consistencygroup.create_from_group", FailingCall("delete_snapshot", 1, "lie", "before")),
    ("consistencygroup.update", FailingCall("move_volume", 1, "lie", "before")),
    ("consistencygroup.update", FailingCall("move_volume", 2, "ambiguous", "after")),
    ("consistencygroup.delete", FailingCall("delete_volume", 1, "lie", "before")),
    ("consistencygroup.delete", FailingCall("delete_group", 1, "lie", "before")),
    ("volume.create", FailingCall("create_volume", 1, "lie", "before")),
    ("volume.create", FailingCall("create_volume", 1, "ambiguous", "after")),
    ("volume.delete", FailingCall("delete_volume", 1, "lie", "before")),
    ("volume.extend", FailingCall("extend_volume", 1, "lie", "before")),
    ("volume.extend", FailingCall("extend_volume", 1, "final", "after")),
]


@pytest.mark.real
def test_the_same_on_real_volumes(monkeypatch: pytest.MonkeyPatch) -> None:
    require_qsd()
    problems = []
    bench = QsdDriverFixture()
    try:
        with swept(bench.root, monkeypatch, bench.driver) as (w, faults):
            for operation, failing in QSD:
                target = SCRIPTS[operation].arrange(w)
                before = SCRIPTS[operation].start(w)
                faults.begin(failing.fault())
                _, flow = play(w, operation, target)
                told = f"{operation}: {failing} -> {flow.state} ({flow.reason})"
                assert len(faults.firings) == 1, told
                assert flow.state in expected(operation, failing), told
                problems += [f"{told}: {what}" for what in problems_after(w, operation, target, flow, before)]
    finally:
        bench.clean()
    assert problems == []
