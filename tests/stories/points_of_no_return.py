"""Where each operation can no longer be undone, read from its flow's definition."""

from __future__ import annotations

from functools import cache
from typing import Any

from taskflow.task import Task

from cgflow.engine.parallel_engine import Compiler
from cgflow.engine.point_of_no_return import atom_names_after, find_commit_step
from flows.catalog import OPERATIONS, definition_of
from tests.stories.shapes import SHAPES

OPERATIONS_WITHOUT_TURN = frozenset({"volume.compact"})
"""Operations without effects that others see: they can be cancelled until their end."""

WITH = sorted(OPERATIONS.keys() - OPERATIONS_WITHOUT_TURN)


@cache
def graph_of(operation: str) -> Any:
    """Return the execution graph of an operation in its usual shape."""
    return Compiler(definition_of(operation).build(**SHAPES[operation])).compile().execution_graph


@cache
def turning_step(operation: str) -> str:
    """Return the step that divides a flow: a failure before its effect undoes all, one after it nothing.

    It is the point of no return, or the last step of a flow without one.
    """
    graph = graph_of(operation)
    commit = find_commit_step(graph)
    return commit.name if commit else [node.name for node in graph.nodes if isinstance(node, Task)][-1]


def has_steps_behind(operation: str) -> bool:
    """Return whether steps follow the point of no return."""
    graph = graph_of(operation)
    commit = find_commit_step(graph)
    return commit is not None and bool(atom_names_after(graph, commit))
