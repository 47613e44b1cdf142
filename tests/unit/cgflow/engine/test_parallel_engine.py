"""The engine compared with TaskFlow's own: the same graph, and the same choice of the next atoms."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from taskflow import atom as taskflow_atom
from taskflow.engines.action_engine import compiler, selector
from taskflow.flow import Flow
from taskflow.patterns import linear_flow, unordered_flow

from cgflow.engine import parallel_engine
from cgflow.engine.backoff import Backoff
from cgflow.engine.task import Task
from cgflow.errors import FinalDriverError
from cgflow.status import FlowState
from flows.catalog import OPERATIONS
from tests.stories.shapes import SHAPES
from tests.support.small_flows import StepLog, accept_flow, await_flow, create_database, running_conductor


class Step(Task):
    """A step with its own name, which does what its world orders."""

    atom = "step"

    def execute(self, world: StepLog) -> None:
        world.do(self.name)

    def revert(self, world: StepLog, **_: object) -> None:
        world.do(f"-{self.name}")


class Steps:
    """Creates steps and flows with numbered names."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names: list[str] = []

    def step(self) -> Step:
        made = Step({"volume_id": str(len(self.names))})
        self.names.append(made.name)
        return made

    def flow(self, depth: int) -> Flow:
        kind = self.random.choice((linear_flow.Flow, unordered_flow.Flow))
        number = len(self.names)
        retry = Backoff(f"retry{number}.{depth}", 2) if self.random.random() < 0.25 else None
        parts: list[Any] = [
            self.flow(depth - 1) if depth and self.random.random() < 0.5 else self.step()
            for _ in range(self.random.randint(1, 4))
        ]
        return kind(f"flow{number}.{depth}", retry=retry).add(*parts)


def portrait(compilation: compiler.Compilation) -> tuple[Any, ...]:
    """Return everything that a compilation contains, by name and in its order."""
    graph = compilation.execution_graph
    return (
        [
            (node.name, data["kind"], data.get("noop"), str(data.get("retry")))
            for node, data in graph.nodes(data=True)
        ],
        [(before.name, after.name, data) for before, after, data in graph.edges(data=True)],
        [(node.item.name, dict(node.metadata)) for node in compilation.hierarchy.dfs_iter(include_self=True)],
    )


def compiled_both_ways(build: Callable[[], Flow]) -> tuple[Any, Any]:
    ours = parallel_engine.Compiler(build()).compile()
    return portrait(ours), portrait(compiler.PatternCompiler(build()).compile())


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_graph_of_a_story_is_the_one_that_taskflow_makes(operation: str) -> None:
    ours, theirs = compiled_both_ways(lambda: OPERATIONS[operation].build(**SHAPES[operation]))
    assert ours == theirs


@pytest.mark.parametrize("seed", range(40))
def test_any_graph_is_the_one_that_taskflow_makes(seed: int) -> None:
    ours, theirs = compiled_both_ways(lambda: Steps(seed).flow(3))
    assert ours == theirs


class Compared(parallel_engine.SuccessorSelector):
    """Selects as the engine does, and compares each choice with TaskFlow's own selector."""

    differences: list[str]

    def __init__(self, runtime: Any) -> None:
        super().__init__(runtime)
        self._theirs = selector.Selector(runtime)

    def iter_next_atoms(self, atom: taskflow_atom.Atom | None = None) -> Iterator[tuple[Any, Any]]:
        ours = list(super().iter_next_atoms(atom))
        chosen = {found.name for found, _ in ours}
        wanted = {found.name for found, _ in self._theirs.iter_next_atoms(atom)}
        if chosen != wanted:
            self.differences.append(f"after {atom}: {sorted(chosen)} and not {sorted(wanted)}")
        return iter(ours)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_next_is_what_taskflow_would_choose(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over random graphs with retries, in which random steps fail in execute and in revert."""
    monkeypatch.setattr(Compared, "differences", [], raising=False)
    monkeypatch.setattr(parallel_engine, "SuccessorSelector", Compared)
    monkeypatch.setattr("cgflow.engine.backoff.FIRST_PAUSE_S", 0)
    drawn = Steps(seed)
    drawn.flow(3)
    world = StepLog()
    for name in drawn.random.sample(drawn.names, k=min(len(drawn.names), seed % 3)):
        world.at[name] = fail
    if seed % 5 == 4:
        world.at[f"-{drawn.random.choice(drawn.names)}"] = fail
    db = create_database(f"sqlite:///{tmp_path / 'test.db'}")
    with running_conductor(db, world, lambda members: Steps(seed).flow(3)) as conductor:
        flow_id = accept_flow(db)
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    db.close()
    assert Compared.differences == []
    assert flow.state in (FlowState.SUCCESS, FlowState.REVERTED, FlowState.ROLLBACK_FAILED)
    assert (flow.state is FlowState.SUCCESS) == (seed % 3 == 0)


def fail() -> None:
    raise FinalDriverError("broken")


def test_waiting_gives_what_is_done_and_keeps_the_rest() -> None:
    wait = parallel_engine.FutureWaiter()
    first, second, third = Future[int](), Future[int](), Future[int]()
    first.set_result(1)
    assert wait({first, second}, timeout=30) == ({first}, {second})
    second.set_exception(ValueError())
    third.cancel()
    assert wait({second, third}, timeout=30) == ({second, third}, set())


def test_waiting_ends_when_the_time_is_over() -> None:
    out = Future[int]()
    wait = parallel_engine.FutureWaiter()
    assert wait({out}, timeout=0) == (set(), {out})
    out.set_result(1)
    assert wait({out}, timeout=30) == ({out}, set())
