"""Every step of every story fails once, before and after its effect, while doing and while undoing.

A failure while doing leaves the world as it was before, apart from a record in
``error``; a story that only goes forward ends finished, or stays as it was and
is in ``error_deleting``. A failure while undoing is a state of its own, which
names what is left.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cgflow.db.repositories import flow as flows
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState
from flows.catalog import OPERATIONS
from tests.stories.scripts import SCRIPTS
from tests.support.sabotage import Point, Sabotage, sabotaged
from tests.support.world import World, world


def steps(w: World, flow_id: str) -> list[str]:
    """The names of a flow's tasks, without its retries."""
    with w.database.read() as session:
        return [atom.atom for atom in flows.atoms(session, flow_id) if not atom.atom.endswith(".retry")]


def discover(w: World, sabotage: Sabotage, operation: str) -> list[str]:
    """Play the operation undisturbed, and return how its steps are called, members by their place."""
    sabotage.order()
    script = SCRIPTS[operation]
    accepted = script.act(w, script.arrange(w))
    assert w.finish(accepted).state is FlowState.SUCCESS
    return steps(w, accepted.flow_id)


def places(atoms: list[str]) -> list[tuple[str, int]]:
    """Turn atom names into (step, place among the members): ids differ from play to play."""
    seen: dict[str, int] = {}
    placed = []
    for atom in atoms:
        step = atom.partition("[")[0]
        placed.append((step, seen.get(step, 0)))
        seen[step] = seen.get(step, 0) + 1
    return placed


class Aim:
    """A point given by place, which finds its atom when the flow has been built."""

    def __init__(self, sabotage: Sabotage, step: str, place: int, phase: str, when: str) -> None:
        self.goal = (step, place, phase, when)
        self._names: list[str] = []
        self._sabotage = sabotage
        sabotage.order()
        sabotage.meet = self._meet  # type: ignore[method-assign]

    def _meet(self, point: Point) -> None:
        step, place, phase, when = self.goal
        if point.atom.partition("[")[0] == step and point.atom not in self._names:
            self._names.append(point.atom)
        if (point.phase, point.when) != (phase, when) or point.atom not in self._names[place : place + 1]:
            return
        self._sabotage.points = [point]
        Sabotage.meet(self._sabotage, point)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_a_step_that_fails_once_leaves_no_trace(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = SCRIPTS[operation]
    with sabotaged(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        atoms = discover(w, sabotage, operation)
        for step, place in places(atoms):
            for when in ("before", "after"):
                sabotage.order()
                target = script.arrange(w)
                before = w.state()
                Aim(sabotage, step, place, "execute", when)
                flow = w.finish(script.act(w, target))
                told = f"{operation}: {step} #{place} {when} -> {flow.state}"
                assert sabotage.fired, told
                assert w.faults() == [], told
                if script.forward and flow.state is FlowState.SUCCESS:
                    assert target not in str(w.state()), told
                elif script.forward:
                    assert w.state()["inventory"] == before["inventory"], told
                    assert w.state()["usage"] == before["usage"], told
                else:
                    assert flow.state is FlowState.REVERTED, told
                    assert "injected" in str(flow.reason), told
                    assert w.state() == before, told


@pytest.mark.parametrize("operation", sorted(name for name, script in SCRIPTS.items() if not script.forward))
def test_an_undo_that_fails_names_what_is_left(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = SCRIPTS[operation]
    with sabotaged(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        atoms = discover(w, sabotage, operation)
        accepted = None
        for when in ("before", "after"):
            for step, place in places(atoms):
                sabotage.order()
                target = _fresh(w, operation)
                aim = Aim(sabotage, step, place, "revert", when)
                doing = Point("record.commit", "execute", "after")

                def meet(point: Point, aim: Aim = aim, doing: Point = doing) -> None:
                    if point == doing:
                        raise RuntimeError("the last step fails, so that all is undone")
                    aim._meet(point)

                sabotage.meet = meet  # type: ignore[method-assign]
                accepted = script.act(w, target)
                flow = w.finish(accepted)
                told = f"{operation}: undo of {step} #{place} {when} -> {flow.state}"
                assert flow.state is FlowState.ROLLBACK_FAILED, told
                stuck = [item["task"] for item in flow.leftovers if item["state"] == "REVERT_FAILURE"]
                assert [str(name).partition("[")[0] for name in stuck] == [step], told
                thing = w.get(flow.resource_type, flow.resource_id)
                assert thing.status == "error", told
                assert flow.id in str(thing.reason), told


def _fresh(w: World, operation: str) -> str:
    """A target that no earlier flow of the test still holds."""
    if operation.startswith("volume.extend"):
        return w.make(w.accept_volume())
    group_id = w.make(w.accept_group())
    for _ in range(2):
        w.make(w.accept_volume(group_id))
    return group_id
