"""Every step of every operation fails once, before and after its effect, while executing and while reverting.

A failure while executing leaves the state as it was before, apart from a record in ``error``. A
forward-only operation ends in success, or leaves the state unchanged with the record in
``error_deleting``. A failure while reverting is a state of its own, which names what is left and
from which a retry finishes the undo.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cgflow.db.repositories import flow as flows
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import conductor
from cgflow.status import FlowState
from flows import flow_actions
from flows.catalog import OPERATIONS
from tests.stories.points_of_no_return import turning_step
from tests.stories.scripts import SCRIPTS
from tests.support.case_sampling import IS_FULL
from tests.support.failing_steps import StepPoint, inject_step_faults
from tests.support.world import CALLER, World, world

# The prefixes of drift between records and a backend.
STORAGE = ("volume.", "group.", "snapshot.", "restore.")


def steps(w: World, flow_id: str) -> list[str]:
    """Return the names of a flow's tasks, without its retries."""
    with w.database.read() as session:
        return [
            atom.atom for atom in flows.list_atom_states(session, flow_id) if not atom.atom.endswith(".retry")
        ]


def discover(w: World, operation: str) -> list[str]:
    """Run the operation without failures, and return the names of its steps."""
    script = SCRIPTS[operation]
    accepted = script.act(w, script.arrange(w))
    assert w.finish(accepted).state is FlowState.SUCCESS
    return steps(w, accepted.flow_id)


def places(atoms: list[str]) -> list[tuple[str, int]]:
    """Turn atom names into (step, index among the members), because ids differ between runs."""
    seen: dict[str, int] = {}
    placed = []
    for atom in atoms:
        step = atom.partition("[")[0]
        placed.append((step, seen.get(step, 0)))
        seen[step] = seen.get(step, 0) + 1
    return placed


def at(step: str, place: int, phase: str, when: str) -> Callable[[StepPoint], bool]:
    """Return a condition for one point, given by the member's index, because ids are not known beforehand."""
    names: list[str] = []

    def wanted(point: StepPoint) -> bool:
        if point.atom.partition("[")[0] != step:
            return False
        if point.atom not in names:
            names.append(point.atom)
        return (point.phase, point.when) == (phase, when) and point.atom in names[place : place + 1]

    return wanted


def sides(place: int) -> tuple[str, ...]:
    """Return where a step fails: before and after its effect, for members after the first in turns."""
    both = ("before", "after")
    return both if IS_FULL or place == 0 else (both[place % 2],)


def last(operation: str) -> StepPoint:
    """Return the point that fails so that everything is undone."""
    return StepPoint(turning_step(operation), "execute", "before")


def undoable(operation: str, placed: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the steps from which the flow can be undone."""
    end = [step for step, _ in placed].index(turning_step(operation))
    return placed[: end + 1]


def is_committed(operation: str, step: str, when: str) -> bool:
    """Return whether a step fails after its effect, which is the commit: the flow does not fail then."""
    return (step, when) == (turning_step(operation), "after")


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_a_step_that_fails_once_leaves_no_trace(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S38, S98, S129."""
    script = SCRIPTS[operation]
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        unlimited(w)
        placed = places(discover(w, operation))
        for step, place in placed:
            for when in sides(place):
                target = script.arrange(w)
                before = script.start(w)
                sabotage.order(at(step, place, "execute", when))
                flow = w.finish(script.act(w, target))
                sabotage.stop()
                told = f"{operation}: {step} #{place} {when} -> {flow.state}"
                assert len(sabotage.fired) == 1, told
                assert script.faults(w, before, target, is_done=flow.state is FlowState.SUCCESS) == [], told
                after = w.state()
                if script.deletes and flow.state is FlowState.SUCCESS:
                    assert target not in str(after), told
                elif script.forward:
                    assert (after["inventory"], after["usage"]) == (
                        before.state["inventory"],
                        before.state["usage"],
                    ), told
                elif (step, place) not in undoable(operation, placed) or is_committed(operation, step, when):
                    assert flow.state is FlowState.SUCCESS, told
                else:
                    assert flow.state is FlowState.REVERTED, told
                    assert "injected" in str(flow.reason), told
                    assert after == before.state, told


@pytest.mark.parametrize("operation", sorted(name for name, script in SCRIPTS.items() if not script.forward))
def test_an_undo_that_fails_names_what_is_left(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = SCRIPTS[operation]
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        unlimited(w)
        for step, place in undoable(operation, places(discover(w, operation))):
            for when in sides(place):
                target = script.arrange(w)
                before = script.start(w)
                undoing = at(step, place, "revert", when)
                sabotage.order(lambda point, undoing=undoing: point == last(operation) or undoing(point))  # type: ignore[misc]
                accepted = script.act(w, target)
                flow = w.finish(accepted)
                sabotage.stop()
                told = f"{operation}: undo of {step} #{place} {when} -> {flow.state}"
                assert flow.state is FlowState.ROLLBACK_FAILED, told
                stuck = [item["task"] for item in flow.leftovers if item["state"] == "REVERT_FAILURE"]
                assert [str(name).partition("[")[0] for name in stuck] == [step], told
                thing = w.get(flow.resource_type, flow.resource_id)
                assert flow.id in str(thing.reason), told
                flow_actions.retry(w.runtime, CALLER, accepted.flow_id)
                assert w.finish(accepted).state is FlowState.REVERTED, told
                assert script.faults(w, before, target, is_done=False) == [], told
                assert w.state() == before.state, told


@pytest.mark.parametrize("operation", sorted(name for name, script in SCRIPTS.items() if not script.forward))
def test_an_undo_that_is_given_up_holds_nothing_and_counts_what_is_there(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = SCRIPTS[operation]
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        unlimited(w)
        placed = undoable(operation, places(discover(w, operation)))
        for step, place in (placed[0], placed[len(placed) // 2]):
            target = script.arrange(w)
            undoing = at(step, place, "revert", "before")
            sabotage.order(lambda point, undoing=undoing: point == last(operation) or undoing(point))  # type: ignore[misc]
            accepted = script.act(w, target)
            assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
            sabotage.stop()
            flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="a drill")
            told = f"{operation}: undo of {step} given up"
            # What is left on the backend is for the operator to remove.
            left = [fault for fault in w.faults() if not fault.startswith(STORAGE)]
            assert left == [], told
            assert w.finish(accepted).state is FlowState.ABANDONED, told


def unlimited(w: World) -> None:
    w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
