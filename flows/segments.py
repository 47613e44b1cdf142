"""Parts that several stories share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from taskflow.flow import Flow
from taskflow.patterns import linear_flow, unordered_flow

from cgflow.engine.backoff import Backoff
from cgflow.engine.task import Task

Member = Mapping[str, str | None]

PERSISTENCE_ATTEMPTS = 5


def for_each_member(members: Iterable[Member], step: type[Task]) -> Flow:
    """Return the step once for every member, in no order. Each member has a ``volume_id``."""
    return unordered_flow.Flow(step.atom).add(*(step(member) for member in members))


def forward_only(name: str, *steps: Task | Flow) -> Flow:
    """Return steps that have no undo and are tried again, with pauses, until they are done.

    Before the point of no return the attempts are counted. When they are used up
    the flow is undone, and the claim at its start tells what is left.
    """
    return linear_flow.Flow(name, retry=Backoff(f"{name}.retry", PERSISTENCE_ATTEMPTS)).add(*steps)
