"""The exit codes of a command, and the errors for the states in which a flow ends.

The exit code alone tells a script whether anything is left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from cgflow.atom_states import undone_text
from cgflow.cli import flow_report
from cgflow.client.http import ServiceError, ServiceUnreachable, WaitTimedOut
from cgflow.errors import CgflowError, InvalidInput
from cgflow.status import FlowState


class ExitCode(IntEnum):
    """The exit code of the process. 2 is also click's code for a usage error."""

    SUCCESS = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    LEFTOVERS = 4
    TIMED_OUT = 5
    DRIFT = 6
    INTERRUPTED = 130


EPILOG = """\b
Exit codes:
    0  success (without --wait: accepted)
    1  refused, or failed and undone; of several, at least one failed
    2  invalid command line
    3  the service does not answer
    4  failed, and undoing it failed: the leftovers are listed
    5  not finished within --timeout; the operation continues
    6  an audit found differences that remain
  130  interrupted; accepted operations continue
"""

_MOST_SEVERE_FIRST = (
    ExitCode.LEFTOVERS,
    ExitCode.UNREACHABLE,
    ExitCode.TIMED_OUT,
    ExitCode.FAILED,
    ExitCode.USAGE,
)


class FlowReverted(CgflowError):
    """The operation failed, and everything was undone except what an operator skipped."""

    slug = "flow_reverted"

    def __init__(self, flow: dict[str, Any]) -> None:
        skipped = ", ".join(each["task"] for each in flow.get("skipped") or ())
        but = f" Not undone, because an operator skipped it: {skipped}." if skipped else ""
        end = undone_text(flow["operation"])
        super().__init__(f"{flow['operation']} {end}: {_reason_sentence(flow)}{but}{_flow_show_hint(flow)}")


class RollbackFailed(CgflowError):
    """The operation failed, and undoing it failed as well."""

    slug = "rollback_failed"

    def __init__(self, flow: dict[str, Any]) -> None:
        self.leftovers = list(flow.get("leftovers") or ())
        left = "".join(f"\n  {flow_report.leftover_line(each)}" for each in self.leftovers)
        what = f"leftovers remain:{left}" if left else "no leftovers remain."
        super().__init__(
            f"{flow['operation']} failed: {_reason_sentence(flow)} Undoing it failed too, "
            f"{self._describe_next_attempt(flow)}, and {what}{_flow_show_hint(flow)}"
        )

    @staticmethod
    def _describe_next_attempt(flow: dict[str, Any]) -> str:
        if flow["state"] == FlowState.ABANDONED:
            return "it was abandoned"
        if flow.get("undo_at"):
            return f"it is retried automatically at {flow['undo_at']}"
        return "it waits for an administrator"


class SomeFailed(CgflowError):
    """Some of several requested operations failed."""

    slug = "some_failed"

    def __init__(self, message: str, failures: Sequence[tuple[str, CgflowError]]) -> None:
        super().__init__(message)
        self.failures = list(failures)


def raise_unless_succeeded(flow: dict[str, Any]) -> None:
    """Raise FlowReverted or RollbackFailed, unless an ended flow has succeeded."""
    if flow["state"] in (FlowState.ROLLBACK_FAILED, FlowState.ABANDONED):
        raise RollbackFailed(flow)
    if flow["state"] != FlowState.SUCCESS:
        raise FlowReverted(flow)


def exit_code_of(error: CgflowError) -> ExitCode:
    """Return the exit code of an error."""
    if isinstance(error, SomeFailed):
        codes = {exit_code_of(each) for _, each in error.failures}
        return next(code for code in _MOST_SEVERE_FIRST if code in codes)
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED


def error_as_json(error: CgflowError) -> dict[str, Any]:
    """Return an error as JSON for scripts."""
    result: dict[str, Any] = {
        "code": error.slug,
        "message": error.message,
        "exit_code": int(exit_code_of(error)),
    }
    if isinstance(error, ServiceError):
        result |= {"code": error.code, "status": error.status, "request_id": error.request_id}
    if isinstance(error, RollbackFailed):
        result["leftovers"] = error.leftovers
    if isinstance(error, SomeFailed):
        result["failures"] = [{"name": name, **error_as_json(each)} for name, each in error.failures]
    return result


_CODES: dict[type[CgflowError], ExitCode] = {
    InvalidInput: ExitCode.USAGE,
    ServiceUnreachable: ExitCode.UNREACHABLE,
    RollbackFailed: ExitCode.LEFTOVERS,
    WaitTimedOut: ExitCode.TIMED_OUT,
}


def _reason_sentence(flow: dict[str, Any]) -> str:
    reason = flow.get("reason") or "no reason was recorded"
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _flow_show_hint(flow: dict[str, Any]) -> str:
    return f"\nFor all steps: cgflow flow show {flow['id']}"
