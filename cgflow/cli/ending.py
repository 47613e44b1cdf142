"""How a command ends: the exit codes, and the errors that a flow's end becomes.

Scripts tell by the code alone whether anything is left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from cgflow.cli import history
from cgflow.client.errors import ServiceError, ServiceUnreachable, WaitTimedOut
from cgflow.errors import CgflowError, InvalidInput
from cgflow.status import FlowState


class ExitCode(IntEnum):
    """What the process returns. 2 is also click's own, for words that are no command."""

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
    0  it was done (without --wait: it was accepted)
    1  it was refused, or it failed and was undone; of several, one or more failed
    2  the command was not understood
    3  no service answers
    4  it failed and undoing failed too: what is left is listed
    5  it had not ended within --timeout; it goes on
    6  an audit found drift, and it is still there
  130  interrupted; what had been accepted goes on
"""

_GRAVEST_FIRST = (
    ExitCode.LEFTOVERS,
    ExitCode.UNREACHABLE,
    ExitCode.TIMED_OUT,
    ExitCode.FAILED,
    ExitCode.USAGE,
)


class FlowReverted(CgflowError):
    """The operation failed, and everything it had done was undone."""

    slug = "flow_reverted"

    def __init__(self, flow: dict[str, Any]) -> None:
        super().__init__(f"{flow['operation']} failed and was undone: {_reason(flow)}{_see(flow)}")


class RollbackFailed(CgflowError):
    """The operation failed, and undoing it failed as well."""

    slug = "rollback_failed"

    def __init__(self, flow: dict[str, Any]) -> None:
        left = "".join(f"\n  {history.leftover(each)}" for each in flow.get("leftovers") or ())
        super().__init__(
            f"{flow['operation']} failed: {_reason(flow)} Undoing it failed too, and something is left:"
            f"{left}{_see(flow)}"
        )
        self.leftovers = list(flow.get("leftovers") or ())


class SomeFailed(CgflowError):
    """Of several things asked for at once, some were not done."""

    slug = "some_failed"

    def __init__(self, message: str, failures: Sequence[tuple[str, CgflowError]]) -> None:
        super().__init__(message)
        self.failures = list(failures)


def check(flow: dict[str, Any]) -> None:
    """Raise unless a flow that has ended has succeeded."""
    if flow["state"] == FlowState.ROLLBACK_FAILED:
        raise RollbackFailed(flow)
    if flow["state"] != FlowState.SUCCESS:
        raise FlowReverted(flow)


def code_of(error: CgflowError) -> ExitCode:
    """Return the exit code that tells of an error."""
    if isinstance(error, SomeFailed):
        codes = {code_of(each) for _, each in error.failures}
        return next(code for code in _GRAVEST_FIRST if code in codes)
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED


def as_json(error: CgflowError) -> dict[str, Any]:
    """Return an error as scripts read it."""
    told: dict[str, Any] = {"code": error.slug, "message": error.message, "exit_code": int(code_of(error))}
    if isinstance(error, ServiceError):
        told |= {"code": error.code, "status": error.status, "request_id": error.request_id}
    if isinstance(error, RollbackFailed):
        told["leftovers"] = error.leftovers
    if isinstance(error, SomeFailed):
        told["failures"] = [{"name": name, **as_json(each)} for name, each in error.failures]
    return told


_CODES: dict[type[CgflowError], ExitCode] = {
    InvalidInput: ExitCode.USAGE,
    ServiceUnreachable: ExitCode.UNREACHABLE,
    RollbackFailed: ExitCode.LEFTOVERS,
    WaitTimedOut: ExitCode.TIMED_OUT,
}


def _reason(flow: dict[str, Any]) -> str:
    reason = flow.get("reason") or "no reason was recorded"
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _see(flow: dict[str, Any]) -> str:
    return f"\nWhat happened, step by step: cgflow flow show {flow['id']}"
