"""Sub-flows that several flows share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from taskflow.flow import Flow
from taskflow.patterns import linear_flow, unordered_flow

from cgflow.engine.backoff import Backoff
from cgflow.engine.task import Task

Member = Mapping[str, str | None]

PERSISTENCE_ATTEMPTS = 5


def for_each_member(
    members: Iterable[Member], step: type[Task], *, reads: Mapping[str, str] = MappingProxyType({})
) -> Flow:
    """Return a flow with the step once per member, unordered. Each member has a ``volume_id``."""
    return unordered_flow.Flow(step.atom).add(*(step(member, reads=reads) for member in members))


def forward_only(name: str, *steps: Task | Flow) -> Flow:
    """Return a flow of steps that have no revert and are retried, with pauses, until they succeed.

    Before the point of no return, at most ``PERSISTENCE_ATTEMPTS`` are made. Then the flow is
    undone, and the revert of its claim step records what is left.
    """
    return linear_flow.Flow(name, retry=Backoff(f"{name}.retry", PERSISTENCE_ATTEMPTS)).add(*steps)
