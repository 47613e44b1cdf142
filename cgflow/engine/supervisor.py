"""Judges: does a stored flow fit its definition, and how did a flow end.

TaskFlow's own word is not enough for either. It matches stored atoms by name
alone and says nothing when the graph has changed; and it calls a flow REVERTED
although an atom's undo had failed, when the flow was resumed after that.
So the ends are judged here, from the states of the atoms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from taskflow import states
from taskflow.persistence import models
from taskflow.types import failure

from cgflow import records
from cgflow.engine.history import failure_detail, failure_text
from cgflow.error_text import join_reasons
from cgflow.errors import FlowCancelled, FlowMismatch, StepInterrupted
from cgflow.status import FlowState

_DONE = states.SUCCESS
_ENDS = (states.SUCCESS, states.REVERTED, states.FAILURE)
_UNDONE = (states.REVERTED, states.PENDING, states.IGNORE)


@dataclass(frozen=True)
class Verdict:
    """How a flow ended. ``leftovers`` are the atoms whose effect may still be there."""

    state: FlowState
    reason: str | None = None
    leftovers: tuple[dict[str, Any], ...] = ()


def fingerprint(graph: Any) -> str:
    """Return a digest of an execution graph: the names of its nodes and how they hang together."""
    edges = sorted(f"{a.name}>{b.name}" for a, b in graph.edges)
    nodes = sorted(node.name for node in graph.nodes)
    return hashlib.sha256("\n".join(nodes + edges).encode()).hexdigest()


def check_fit(flow: records.Flow, version: int, digest: str) -> None:
    """Refuse to run a stored flow under a definition that is not the one it began with.

    Raises: FlowMismatch; the flow is left as it is.
    """
    if flow.version != version:
        raise FlowMismatch(
            f"Flow {flow.id} began as {flow.operation} version {flow.version}, this cgflow has version "
            f"{version}. Start the release that began it once more, so that the flow can end, then upgrade."
        )
    if flow.fingerprint not in (None, digest):
        raise FlowMismatch(
            f"The stored graph of flow {flow.id} is not that of {flow.operation} version {version}. "
            "It was begun by a different build; start that one once more, so that the flow can end."
        )


def judge(flow_detail: models.FlowDetail, without_effect: Container[str] = ()) -> Verdict | None:
    """Return how the flow ended, or None if it has not: it was stopped, and goes on when resumed.

    ``without_effect`` names the steps that leave nothing behind, whatever became of them.
    """
    atoms = list(flow_detail)
    stuck = [atom for atom in atoms if atom.state == states.REVERT_FAILURE]
    if stuck or (flow_detail.state == states.REVERTED and not _is_undone(atoms)):
        left = [atom for atom in atoms if _may_have_left(atom, without_effect)]
        # What an operator has to see to comes first, then the newest effect.
        left.sort(key=lambda atom: atom.state != states.REVERT_FAILURE)
        return Verdict(FlowState.ROLLBACK_FAILED, reason_of(atoms), tuple(map(_leftover, left)))
    if flow_detail.state == states.SUCCESS:
        return Verdict(FlowState.SUCCESS)
    if flow_detail.state == states.REVERTED:
        return Verdict(FlowState.REVERTED, reason_of(atoms))
    return None


def has_ended(flow_detail: models.FlowDetail) -> bool:
    """Return whether the engine was through when the process died: only its end is still to be told.

    It must not run again. TaskFlow begins a flow that was undone all over.
    """
    return flow_detail.state in _ENDS and judge(flow_detail) is not None


def _may_have_left(atom: models.AtomDetail, without_effect: Container[str]) -> bool:
    if atom.state == states.REVERT_FAILURE:
        return True
    failed = getattr(atom, "failure", None)
    was_not_begun = (
        isinstance(failed, failure.Failure)
        and bool(failed.check(FlowCancelled))
        and not failed.check(StepInterrupted)
    )
    return atom.state not in _UNDONE and atom.name not in without_effect and not was_not_begun


def _is_undone(atoms: Iterable[models.AtomDetail]) -> bool:
    return all(atom.state in _UNDONE for atom in atoms)


def reason_of(atoms: Iterable[models.AtomDetail]) -> str:
    """Return in words why a flow is being undone: the failures that were not merely its consequence."""
    return reason_from(atom.failure for atom in atoms if isinstance(atom.failure, failure.Failure))


def reason_from(failures: Iterable[failure.Failure]) -> str:
    """Return the distinct messages of the failures, without secrets and steps that were not begun."""
    texts = [failure_text(what) for what in failures if not what.check(FlowCancelled)]
    return join_reasons(texts) or "It was undone without a recorded failure."


def _leftover(atom: models.AtomDetail) -> dict[str, Any]:
    failed = atom.revert_failure
    return {
        "task": atom.name,
        "state": atom.state,
        "failure": failure_detail(failed) if isinstance(failed, failure.Failure) else None,
    }
