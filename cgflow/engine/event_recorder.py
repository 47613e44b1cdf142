"""Events for state transitions: which atom, when, at which attempt, and how long it was in the state before.

An event is a row of the same batch as the state it describes, so neither is stored without the
other. Events are append-only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskflow import states
from taskflow.types import failure

from cgflow import clock, records
from cgflow.errors import describe_stored
from cgflow.masking import mask_text
from cgflow.status import FlowState

# The states that begin an attempt: of an atom, and of the flow itself.
STARTS = (states.RUNNING, FlowState.RUNNING)


@dataclass
class _LastState:
    state: str
    at: datetime
    attempts: int


class EventRecorder:
    """Builds the events of one flow, continuing from the last ones that are stored."""

    def __init__(self, flow_id: str, conductor: str, told: Iterable[records.LastEvent]) -> None:
        self._flow_id = flow_id
        self._conductor = conductor
        self._seq = 0
        self._last: dict[str | None, _LastState] = {}
        for event in told:
            self._seq = event.seq
            self._last[event.atom] = _LastState(event.to_state, event.at, event.attempt)

    def state_of(self, atom: str | None) -> str | None:
        """Return the last recorded state of an atom, or of the flow itself (None)."""
        last = self._last.get(atom)
        return None if last is None else last.state

    def build_transition_event(
        self, atom: str | None, to_state: str, detail: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the row of one transition. An atom's attempt number rises each time it starts to execute."""
        before = self._last.get(atom)
        now = clock.now()
        self._seq += 1
        attempts = 0 if before is None else before.attempts
        if to_state in STARTS:
            attempts += 1
        self._last[atom] = _LastState(to_state, now, attempts)
        return {
            "flow_id": self._flow_id,
            "seq": self._seq,
            "at": now,
            "atom": atom,
            "from_state": None if before is None else before.state,
            "to_state": to_state,
            "attempt": attempts,
            "duration_ms": None if before is None else (now - before.at).total_seconds() * 1000,
            "conductor": self._conductor,
            "detail": detail,
        }

    def build_note_event(self, detail: dict[str, Any]) -> dict[str, Any]:
        """Return the row of an event of the flow itself that does not change its state."""
        last = self._last[None]
        self._seq += 1
        return {
            "flow_id": self._flow_id,
            "seq": self._seq,
            "at": clock.now(),
            "atom": None,
            "from_state": last.state,
            "to_state": last.state,
            "attempt": last.attempts,
            "duration_ms": None,
            "conductor": self._conductor,
            "detail": detail,
        }


def failure_text(what: failure.Failure | dict[str, Any]) -> str:
    """Return the text of a failure, without secrets."""
    stored = what.to_dict(include_args=False) if isinstance(what, failure.Failure) else what
    # Mask the message alone: the name of an exception type may look like that of a secret.
    text = mask_text(_escape_unstorable(stored.get("exception_str") or ""))
    return describe_stored(stored.get("exc_type_names") or [], text, stored.get("traceback_str") or "")


def _escape_unstorable(text: str) -> str:
    """Return the text with escapes for invalid Unicode (as in file names) and NUL (which ends a string)."""
    return text.encode(errors="backslashreplace").decode().replace("\x00", "\\x00")


def failure_detail(what: failure.Failure | dict[str, Any]) -> dict[str, Any]:
    """Return a failure as JSON: its type, its message without secrets, and where it was raised."""
    stored = what.to_dict(include_args=False) if isinstance(what, failure.Failure) else what
    type_names = stored.get("exc_type_names") or ["Exception"]
    trace = (stored.get("traceback_str") or "").strip().splitlines()
    where = [line.strip() for line in trace if line.strip().startswith("File ")]
    return {
        "type": type_names[0].rsplit(".", 1)[-1],
        "message": mask_text(stored.get("exception_str", "")),
        "where": where[-1] if where else None,
    }
