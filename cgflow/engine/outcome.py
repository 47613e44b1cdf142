"""The outcome of a flow, determined from the stored states of its atoms.

TaskFlow's own flow state does not suffice: a flow that was resumed after the undo of an atom had
failed is REVERTED to TaskFlow.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from taskflow import states
from taskflow.persistence import models
from taskflow.types import failure

from cgflow.engine.event_recorder import failure_detail, failure_text
from cgflow.errors import FlowCancelled, StepInterrupted, join_reasons
from cgflow.status import FlowState

_DONE = states.SUCCESS
_ENDS = (states.SUCCESS, states.REVERTED, states.FAILURE)
_UNDONE = (states.REVERTED, states.PENDING, states.IGNORE)


@dataclass(frozen=True)
class Outcome:
    """How a flow ended. ``leftovers`` are the atoms whose effect may remain."""

    state: FlowState
    reason: str | None = None
    leftovers: tuple[dict[str, Any], ...] = ()


def outcome_of(flow_detail: models.FlowDetail, without_effect: Container[str] = ()) -> Outcome | None:
    """Return how the flow ended, or None if it was stopped and continues when resumed.

    ``without_effect`` names the steps that leave no effect, in whatever state they are.
    """
    atoms = list(flow_detail)
    stuck = [atom for atom in atoms if atom.state == states.REVERT_FAILURE]
    if stuck or (flow_detail.state == states.REVERTED and not _are_all_undone(atoms)):
        left = [atom for atom in atoms if _may_have_effect_left(atom, without_effect)]
        # What needs the operator comes first, then the newest effect.
        left.sort(key=lambda atom: atom.state != states.REVERT_FAILURE)
        return Outcome(
            FlowState.ROLLBACK_FAILED, reason_from_atoms(atoms), tuple(map(_leftover_to_json, left))
        )
    if flow_detail.state == states.SUCCESS:
        return Outcome(FlowState.SUCCESS)
    if flow_detail.state == states.REVERTED:
        return Outcome(FlowState.REVERTED, reason_from_atoms(atoms))
    return None


def has_engine_finished(flow_detail: models.FlowDetail) -> bool:
    """Return whether the engine had finished when the process died, with only the outcome left to record.

    The engine must not run again: TaskFlow starts a reverted flow from the beginning.
    """
    return flow_detail.state in _ENDS and outcome_of(flow_detail) is not None


def _may_have_effect_left(atom: models.AtomDetail, without_effect: Container[str]) -> bool:
    if atom.state == states.REVERT_FAILURE:
        return True
    failed = getattr(atom, "failure", None)
    was_not_begun = (
        isinstance(failed, failure.Failure)
        and bool(failed.check(FlowCancelled))
        and not failed.check(StepInterrupted)
    )
    return atom.state not in _UNDONE and atom.name not in without_effect and not was_not_begun


def _are_all_undone(atoms: Iterable[models.AtomDetail]) -> bool:
    return all(atom.state in _UNDONE for atom in atoms)


def reason_from_atoms(atoms: Iterable[models.AtomDetail]) -> str:
    """Return why a flow is being reverted: the failures that are not mere consequences of another."""
    return reason_from_failures(atom.failure for atom in atoms if isinstance(atom.failure, failure.Failure))


def reason_from_failures(failures: Iterable[failure.Failure]) -> str:
    """Return the distinct messages of the failures, without secrets and steps that were not started."""
    texts = [failure_text(what) for what in failures if not what.check(FlowCancelled)]
    return join_reasons(texts) or "It was undone without a recorded failure."


def _leftover_to_json(atom: models.AtomDetail) -> dict[str, Any]:
    failed = atom.revert_failure
    return {
        "task": atom.name,
        "state": atom.state,
        "failure": failure_detail(failed) if isinstance(failed, failure.Failure) else None,
    }
