"""All errors of cgflow, in one tree, and exceptions as text.

    CgflowError
     +- InvalidInput          the request is invalid; names the field
     +- NotFound              the resource does not exist, or not for this project
     +- InvalidState          the resource's status forbids the operation
     +- Busy                  another operation holds the resource; names the flow
     +- Conflict              a name or a key is taken
     +- QuotaExceeded         a project limit would be exceeded
     +- NoValidBackend        no backend can take the request; says why for each
     +- Unauthenticated       the caller is not authenticated
     +- Forbidden             the caller may not do this
     +- ConfigError           the service was started in a way that cannot work
     +- ServiceUnavailable    a required part is down; retry later
     +- FlowCancelled         the step was not started, because another one had failed
     |   +- StepInterrupted   the same for a step that an earlier owner of the flow had started
     +- CancelRequested       the step was not started, because an operator cancelled the flow
     +- AlreadyCommitted      the flow passed its point of no return before
     +- FlowMismatch          a stored flow does not fit the code that would run it
     +- FenceLost             another conductor has taken the flow over
     +- NotFenced             a flow's earlier owner could not be shut out; the flow waits
     +- SessionFenced         another conductor has shut this process out of a backend
     +- DriverError
         +- FinalDriverError      refused by the backend: nothing was made or changed
         +- AmbiguousDriverError  failed, and the effect may have happened
         +- BusyDriverError       not possible now: nothing was changed, retry

An error has one complete sentence as its message and no other state that has to survive, so that it
can be stored with a flow and raised again after a restart. ``slug`` is stable: clients may match
it. ``api/errors.py`` maps errors to HTTP.

The functions at the end return exceptions as text for people. The message of a cgflow error is used
as it is. The text of any other exception is prefixed with its type, because alone it may say nothing:
that of ``KeyError('volume')`` is ``'volume'``, and that of a bare ``AssertionError`` is empty. In such
a case the location is added, by the file's name without its folder.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Sequence


class CgflowError(Exception):
    """Base class of all errors that cgflow raises on purpose."""

    slug = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        """The message for people."""
        return str(self.args[0])


class InvalidInput(CgflowError):
    """The request is invalid; ``field`` is the dotted path of the invalid field, if there is one."""

    slug = "invalid_input"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(CgflowError):
    """The resource does not exist, or belongs to another project, which looks the same."""

    slug = "not_found"


class InvalidState(CgflowError):
    """The resource exists, but its status or its dependents forbid the operation."""

    slug = "invalid_state"


class Busy(CgflowError):
    """Another operation holds a resource that this one needs."""

    slug = "busy"


class Conflict(CgflowError):
    """A name or key is already taken."""

    slug = "conflict"


class QuotaExceeded(CgflowError):
    """A project limit would be exceeded; nothing was reserved."""

    slug = "quota_exceeded"


class NoValidBackend(CgflowError):
    """No backend can take the request; the message gives the reason for each."""

    slug = "no_valid_backend"


class Unauthenticated(CgflowError):
    """The caller is not authenticated; ``challenge`` is the value of HTTP's WWW-Authenticate header."""

    slug = "unauthenticated"

    def __init__(self, message: str, challenge: str | None = None) -> None:
        super().__init__(message)
        self.challenge = challenge


class Forbidden(CgflowError):
    """The caller is known but may not do this."""

    slug = "forbidden"


class ConfigError(CgflowError):
    """The service was configured or started in a way that cannot work."""

    slug = "config_error"


class ServiceUnavailable(CgflowError):
    """A required part does not answer; the same request may succeed later."""

    slug = "service_unavailable"


class FlowCancelled(CgflowError):
    """A step was not started, because another step of the flow had already failed."""

    slug = "flow_cancelled"


class StepInterrupted(FlowCancelled):
    """A step that an earlier owner had started was not started again, because another one had failed."""

    slug = "step_interrupted"


class CancelRequested(CgflowError):
    """A step was not started, because a user cancelled the flow; the message has the user and the reason."""

    slug = "cancel_requested"


class AlreadyCommitted(CgflowError):
    """The flow passed its point of no return before: its commit is not repeated."""

    slug = "already_committed"


class FlowMismatch(CgflowError):
    """A stored flow does not fit the definition that would run it, and is left unchanged."""

    slug = "flow_mismatch"


class FenceLost(CgflowError):
    """Another conductor owns the flow now; this process may write nothing more for it."""

    slug = "fence_lost"

    @classmethod
    def of(cls, flow_id: str, epoch: int, stored: int | None) -> FenceLost:
        """Return the error for a flow: its epoch when it was taken up here, and its stored epoch."""
        return cls(f"Flow {flow_id} was taken over: epoch {epoch} here, {stored} stored.")


class NotFenced(CgflowError):
    """The conductor that owned a flow before could not be shut out of the backend; the flow waits."""

    slug = "not_fenced"


class SessionFenced(CgflowError):
    """Another conductor considered this process dead and shut it out of a backend.

    This process may not use that backend any more. This is not a failure of a step: the process may
    undo nothing because of it, and may report nothing about the backend. A restart of the service
    opens a new session.
    """

    slug = "session_fenced"

    @classmethod
    def of(cls, session: str) -> SessionFenced:
        """Return the error for a session, for the process that uses it."""
        return cls(
            f"Session {session} was shut out of the backend: another conductor took this process for dead "
            "and its flows over. Restart this service."
        )


class DriverError(CgflowError):
    """A backend refused or failed. Base class only: raise one of its subclasses."""

    slug = "driver_error"


class FinalDriverError(DriverError):
    """The backend refused: nothing was made or changed, and a retry will not help."""

    slug = "driver_final"


class AmbiguousDriverError(DriverError):
    """The call failed, and its effect may or may not have happened: undo has to run."""

    slug = "driver_ambiguous"


class BusyDriverError(DriverError):
    """The backend cannot do it at this moment: nothing was changed, and a retry may succeed."""

    slug = "driver_busy"


_BASE = "cgflow.errors.CgflowError"
_LOCATION = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')


def describe(error: BaseException) -> str:
    """Return an exception as text."""
    types = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    return describe_stored(types, str(error), "".join(traceback.format_tb(error.__traceback__)))


def type_and_text(error: BaseException) -> str:
    """Return the type of an exception, and its text if it has one."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def describe_stored(types: Sequence[str], text: str, trace: str) -> str:
    """Return a stored exception as text, from the names of its types, its message and its traceback."""
    names = [name.rsplit(".", 1)[-1] for name in types] or ["Exception"]
    text = text.strip()
    if text and (_BASE in types or "KeyError" not in names):
        return text if _BASE in types else f"{names[0]}: {text}"
    return (f"{names[0]}: {text}" if text else f"{names[0]} without a message") + _location_text(trace)


def _location_text(trace: str) -> str:
    locations = list(_LOCATION.finditer(trace))
    if not locations:
        return "."
    last = locations[-1]
    return f", raised in {last['path'].rsplit('/', 1)[-1]}, line {last['line']}, in {last['function']}."


def join_reasons(reasons: Iterable[str]) -> str:
    """Return the distinct reasons as one text, each but the last ended as a sentence."""
    distinct = list(dict.fromkeys(reasons))
    return " ".join([*map(to_sentence, distinct[:-1]), *distinct[-1:]])


def to_sentence(text: str) -> str:
    """Return text that a person typed as a sentence, so that another can follow."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
