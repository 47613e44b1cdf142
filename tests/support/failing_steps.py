"""Wraps the real steps so that they fail once, where a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from taskflow.flow import Flow

from cgflow.engine.definition import Definition
from cgflow.engine.task import Task
from flows import catalog, service


@dataclass(frozen=True)
class StepPoint:
    """One place to fail: an atom, in ``execute`` or ``revert``, before or after its effect."""

    atom: str
    phase: str
    when: str

    def __str__(self) -> str:
        return f"{self.atom} {self.phase} {self.when}"


class InjectedFailure(Exception):
    """The failure that a test injects."""


@dataclass
class StepFaults:
    """Fails once at every requested point. ``fired`` has the points at which it did."""

    wanted: Callable[[StepPoint], bool] = lambda _: False
    fired: list[StepPoint] = field(default_factory=list)

    def order(self, wanted: Callable[[StepPoint], bool]) -> None:
        """Fail once at each of these points from now on, and forget earlier requests."""
        self.wanted, self.fired = wanted, []

    def stop(self) -> None:
        """Inject no more failures."""
        self.wanted = lambda _: False

    def meet(self, point: StepPoint) -> None:
        """Fail if this point is requested and has not failed yet."""
        if self.wanted(point) and point not in self.fired:
            self.fired.append(point)
            raise InjectedFailure(f"injected at {point}")

    def define(self, operation: str) -> Definition:
        """Return the real definition of an operation, with every step wrapped."""
        real = catalog.definition_of(operation)

        def build(**shape: object) -> Flow:
            graph = real.build(**shape)
            for node, _attributes in list(graph.iter_nodes()):
                self._wrap_all(node)
            return graph

        return replace(real, build=build)

    def _wrap_all(self, node: Any) -> None:
        if isinstance(node, Flow):
            for child, _attributes in node.iter_nodes():
                self._wrap_all(child)
        elif isinstance(node, Task):
            node.execute = self._wrapped(node.name, "execute", node.execute)
            node.revert = self._wrapped(node.name, "revert", node.revert)

    def _wrapped(self, atom: str, phase: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.meet(StepPoint(atom, phase, "before"))
            result = real(*args, **kwargs)
            self.meet(StepPoint(atom, phase, "after"))
            return result

        return wrapped


@contextmanager
def inject_step_faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[StepFaults]:
    """Make the steps of every service that is started within fail where requested."""
    sabotage = StepFaults()
    with monkeypatch.context() as patch:
        patch.setattr(service, "definition_of", sabotage.define)
        yield sabotage
