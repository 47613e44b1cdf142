"""The state of each step of a flow and the actions of operators, folded from the flow's events.

No other code interprets events. The service shows the result in ``/flows/ID``, and the command line
prints it from there. Events stored by earlier releases are supported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cgflow import clock
from cgflow.errors import to_sentence
from cgflow.status import UNFINISHED, FlowState

if TYPE_CHECKING:
    # The command line imports this module, and starts faster without the imports of records.
    from cgflow import records

SKIPPED = "SKIPPED"
"""The state of a step whose undo failed and which an operator declared undone."""

NO_UNDO = "It has no undo: what it did stays."
"""The result in the event that ends the undo of a step without one."""

_MOVING = ("RUNNING", "REVERTING", "RETRYING", "PENDING")
_OPEN = ("RUNNING", "REVERTING")


class Execution(StrEnum):
    """The execution of a step. ``not begun`` includes a step that was stopped before its effect."""

    NOT_BEGUN = "not begun"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Undo(StrEnum):
    """The undo of a step. ``no undo``: the step has none, and its effect stays."""

    NOT_CALLED_FOR = ""
    UNDOING = "being undone"
    UNDONE = "undone"
    NONE = "no undo"
    FAILED = "undo FAILED"
    SKIPPED = "undo skipped"


@dataclass(frozen=True, kw_only=True)
class AtomState:
    """The state of one step of a flow, folded from the flow's events.

    ``updated_at`` is the time of the last transition. ``attempts`` counts executions,
    ``undo_attempts`` the undos since the last execution. ``duration_ms`` is that of the last
    execution, ``undo_duration_ms`` that of the last undo. ``skipped`` says who declared the step
    undone, when and why. ``is_taken_over``: one conductor started it, and another one ended it.
    """

    atom: str
    state: str
    updated_at: datetime | None = None
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    execution: Execution = Execution.NOT_BEGUN
    duration_ms: float | None = None
    result: Any = None
    failure: dict[str, Any] | None = None
    undo: Undo = Undo.NOT_CALLED_FOR
    undo_attempts: int = 0
    undo_duration_ms: float | None = None
    undo_failure: dict[str, Any] | None = None
    skipped: dict[str, Any] | None = None
    is_taken_over: bool = False

    @property
    def outcome(self) -> str:
        """Return execution and undo as text, such as ``failed, undone``."""
        if self.execution is Execution.NOT_BEGUN and self.undo in (Undo.UNDOING, Undo.UNDONE, Undo.NONE):
            # There was nothing to undo.
            return str(self.execution)
        undo = str(self.undo)
        # Not all of these need have failed: the process may have died during one.
        if self.undo in (Undo.UNDOING, Undo.FAILED) and self.undo_attempts > 1:
            undo += f" (try {self.undo_attempts})"
        if self.skipped is not None and self.undo is Undo.SKIPPED:
            undo += f" by {self.skipped.get('by')}: {self.skipped.get('reason')}"
        return ", ".join(filter(None, (str(self.execution), undo)))


Transition = tuple[str, str, datetime, int, float | None, str | None, dict[str, Any] | None]
"""Fields of a step's event: name, new state, time, attempt, duration, conductor, detail."""


def fold_transitions(moves: Iterable[Transition]) -> list[AtomState]:
    """Return the state of each step after these transitions, in the order of their first ones."""
    steps: dict[str, _AtomProgress] = {}
    # Performance matters: a long flow has thousands of events, which are folded at each request.
    for name, state, at, attempt, duration_ms, conductor, detail in moves:
        step = steps.get(name)
        if step is None:
            step = steps[name] = _AtomProgress()
        if conductor is not None and conductor != step.conductor:
            # A conductor that takes a flow over continues the steps that were in progress.
            step.is_taken_over |= step.conductor is not None and step.state in _OPEN
            step.conductor = conductor
        apply = _APPLY.get(state)
        if apply is not None:
            apply(step, at, duration_ms, detail or {})
        step.state, step.at, step.attempts = state, at, attempt
    return [step.to_record(name) for name, step in steps.items()]


def transitions_of(events: Iterable[records.FlowEvent]) -> Iterator[Transition]:
    """Return the transitions of steps among events."""
    for event in events:
        if event.atom is not None:
            what = (event.atom, event.to_state, event.at, event.attempt, event.duration_ms)
            yield (*what, event.conductor, event.detail)


def flow_action_of(detail: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the flow action, by an operator or the service itself, that an event records, or None.

    Keys: ``action``, ``by``, ``reason``; ``request_id`` and ``task`` are missing in older events.
    """
    result = (detail or {}).get("result")
    return result if isinstance(result, dict) and "action" in result and "by" in result else None


def flow_state_text(flow: records.Flow, actions: Sequence[dict[str, Any]]) -> str:
    """Return the state of a flow as text, and what it waits for."""
    if flow.state is FlowState.RUNNING and flow.committed_at is not None:
        return _committed_text(flow)
    if flow.state in UNFINISHED and flow.reason is not None:
        return "It stands still: its reason says why."
    if flow.state is FlowState.ACCEPTED and flow.cancel_reason is not None:
        return "A cancel was accepted: it is undone as soon as a conductor takes it up."
    if flow.state is FlowState.ACCEPTED:
        return "It has not begun: it waits for a conductor."
    if flow.state is FlowState.RUNNING and flow.cancel_reason is not None:
        return "A cancel was accepted: no further step begins, and what was done is undone."
    if flow.state is FlowState.RUNNING:
        return "It is running."
    if flow.state is FlowState.REVERTING:
        return _undoing_text(actions)
    if flow.state is FlowState.ROLLBACK_FAILED:
        return f"It failed, and undoing it failed too. {undo_retry_text(flow.id, flow.undo_at)}"
    if flow.state is FlowState.REVERTED:
        return _reverted_text(flow)
    if flow.state is FlowState.ABANDONED:
        return _abandoned_text(actions)
    if flow.cancel_reason is not None:
        return "It succeeded: the cancel came after its last step that can be cancelled."
    return "It succeeded."


def _committed_text(flow: records.Flow) -> str:
    if flow.reason is None:
        return "It is running. Its change is committed, so it is neither cancelled nor undone."
    return "Its change is committed, so it is not undone: what follows fails, and is tried until it is done."


def _undoing_text(actions: Sequence[dict[str, Any]]) -> str:
    if actions and actions[-1]["action"] in ("retry", "skip"):
        return f"Undoing it failed, and is tried again: {action_text(actions[-1])}"
    return "A step failed or was cancelled: what was done is being undone."


def is_deletion(operation: str) -> bool:
    """Return whether the effect of an operation is deletion, which cannot be undone."""
    return operation.endswith(".delete") or operation == "audit.remove"


def undone_text(operation: str) -> str:
    """Return the text for an operation that failed and was undone as far as possible."""
    return "failed, and what is gone stays so" if is_deletion(operation) else "failed and was undone"


def _reverted_text(flow: records.Flow) -> str:
    if flow.skipped:
        steps = ", ".join(str(one.get("task")) for one in flow.skipped)
        return f"It failed. What was done was undone, except what an operator had skipped: {steps}."
    if is_deletion(flow.operation):
        return "It failed. What is gone stays so; what could not be removed is in error_deleting."
    if flow.operation.partition(".")[2].startswith("create"):
        return "It failed. What was done was undone: only the record in error is left, which counts nothing."
    return "It failed. What was done was undone."


def _abandoned_text(actions: Sequence[dict[str, Any]]) -> str:
    given_up = [one for one in actions if one["action"] == "abandon"]
    by = f": {action_text(given_up[-1])}" if given_up else "."
    return f"It failed, undoing it failed too, and it was given up{by}"


def action_text(done: Mapping[str, Any]) -> str:
    """Return a flow action as text: what was done, by whom, in which request, and why."""
    step = f" of {done['task']}" if done.get("task") else ""
    request = f" ({done['request_id']})" if done.get("request_id") else ""
    why = to_sentence(done["reason"]) if done.get("reason") else "no reason was given."
    return f"{done['action']}{step} by {done['by']}{request}: {why}"


def find_unrecorded_cancel(flow: records.Flow, actions: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the last cancel request of a flow, if its conductor has not stored the event yet."""
    request = flow.cancel_request
    same = ("cancel", None if request is None else request["request_id"])
    if request is None or any((done["action"], done.get("request_id")) == same for done in actions):
        return None
    return dict(request)


def held_resource_text(flow_id: str | None, operation: str, undo_at: datetime | None) -> str:
    """Return why a flow whose undo failed holds a resource, and what it waits for."""
    return (
        f"flow {flow_id} ({operation}) failed, undoing it failed too, and it holds this until it is undone. "
        f"{undo_retry_text(flow_id, undo_at)}"
    )


def undo_retry_text(flow_id: str | None, undo_at: datetime | None) -> str:
    """Return what a flow whose undo failed waits for: an automatic retry at a time, or an administrator."""
    if undo_at is not None:
        return f"The undo is tried again by itself at {clock.iso(undo_at)}."
    return (
        "The undo is not tried again by itself. An administrator has to retry it, skip a step of it, or "
        f"abandon the flow; 'cgflow flow show {flow_id}' says what is left."
    )


class _AtomProgress:
    """The state of one step while its events are folded."""

    __slots__ = (
        *("at", "attempts", "conductor", "duration_ms", "execution", "failure", "is_taken_over", "result"),
        *("skipped", "started_at", "state", "undo", "undo_attempts", "undo_duration_ms", "undo_failure"),
    )

    def __init__(self) -> None:
        self.state: str = "PENDING"
        self.at: datetime
        self.attempts = 0
        self.conductor: str | None = None
        self.is_taken_over = False
        self.started_at: datetime | None = None
        self.execution = Execution.NOT_BEGUN
        self.duration_ms: float | None = None
        self.result: Any = None
        self.failure: dict[str, Any] | None = None
        self.undo = Undo.NOT_CALLED_FOR
        self.undo_attempts = 0
        self.undo_duration_ms: float | None = None
        self.undo_failure: dict[str, Any] | None = None
        self.skipped: dict[str, Any] | None = None

    def to_record(self, name: str) -> AtomState:
        is_skipped = self.undo is Undo.SKIPPED
        return AtomState(
            atom=name,
            state=SKIPPED if is_skipped else self.state,
            updated_at=self.at,
            attempts=self.attempts,
            started_at=self.started_at,
            ended_at=None if self.state in _MOVING else self.at,
            execution=self.execution,
            duration_ms=self.duration_ms,
            result=self.result,
            failure=self.failure,
            undo=self.undo,
            undo_attempts=self.undo_attempts,
            undo_duration_ms=self.undo_duration_ms,
            undo_failure=self.undo_failure,
            skipped=self.skipped,
            is_taken_over=self.is_taken_over,
        )


def _apply_running(step: _AtomProgress, at: datetime, _ms: float | None, _detail: dict[str, Any]) -> None:
    step.started_at = step.started_at or at
    step.execution, step.result = Execution.RUNNING, None
    step.undo, step.undo_attempts, step.undo_failure = Undo.NOT_CALLED_FOR, 0, None


def _apply_success(step: _AtomProgress, _at: datetime, ms: float | None, detail: dict[str, Any]) -> None:
    step.execution, step.duration_ms = Execution.DONE, ms
    step.result, step.failure = detail.get("result"), None


def _apply_failure(step: _AtomProgress, _at: datetime, ms: float | None, detail: dict[str, Any]) -> None:
    step.failure, step.duration_ms = detail.get("failure"), ms
    kind = (step.failure or {}).get("type")
    step.execution = _EXECUTIONS.get(str(kind), Execution.FAILED)
    if step.execution is Execution.NOT_BEGUN:
        step.duration_ms = None


def _apply_reverting(step: _AtomProgress, _at: datetime, _ms: float | None, _detail: dict[str, Any]) -> None:
    if step.execution is Execution.RUNNING:
        step.execution = Execution.INTERRUPTED
    step.undo = Undo.UNDOING
    step.undo_attempts += 1


def _apply_reverted(step: _AtomProgress, at: datetime, ms: float | None, detail: dict[str, Any]) -> None:
    action = flow_action_of(detail)
    if action is not None:
        # Earlier releases stored a skip as REVERTED.
        _apply_skipped(step, at, ms, detail)
        return
    step.undo = Undo.NONE if detail.get("result") == NO_UNDO else Undo.UNDONE
    step.undo_duration_ms, step.undo_failure = ms, None


def _apply_skipped(step: _AtomProgress, at: datetime, _ms: float | None, detail: dict[str, Any]) -> None:
    step.undo = Undo.SKIPPED
    step.skipped = {**(flow_action_of(detail) or {}), "at": clock.iso(at)}


def _apply_revert_failure(
    step: _AtomProgress, _at: datetime, ms: float | None, detail: dict[str, Any]
) -> None:
    step.undo, step.undo_duration_ms = Undo.FAILED, ms
    step.undo_failure = detail.get("failure")


_EXECUTIONS = {
    # TaskFlow sets a step to RUNNING before the step can detect that another one has failed.
    "FlowCancelled": Execution.NOT_BEGUN,
    "StepInterrupted": Execution.INTERRUPTED,
    "CancelRequested": Execution.CANCELLED,
}

_APPLY: dict[str, Callable[[_AtomProgress, datetime, float | None, dict[str, Any]], None]] = {
    "RUNNING": _apply_running,
    "SUCCESS": _apply_success,
    "FAILURE": _apply_failure,
    "REVERTING": _apply_reverting,
    "REVERTED": _apply_reverted,
    "REVERT_FAILURE": _apply_revert_failure,
    SKIPPED: _apply_skipped,
}
