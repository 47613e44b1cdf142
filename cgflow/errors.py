"""Every way in which cgflow refuses or fails, in one tree.

    CgflowError
     +- InvalidInput          what was asked for makes no sense; names the field
     +- NotFound              the thing named does not exist, or not for this project
     +- InvalidState          the thing exists, but its status forbids the operation
     +- Busy                  another operation holds it; names the flow
     +- Conflict              a name or a key is taken
     +- QuotaExceeded         a project limit would be passed
     +- NoValidBackend        no backend can take the request; says why for each
     +- Unauthenticated       nobody knows who the caller is
     +- Forbidden             the caller may not do this
     +- ConfigError           the service was started in a way that cannot work
     +- ServiceUnavailable    a part that is needed is down; try again
     +- FlowCancelled         the step was not begun, because another one had failed
     |   +- StepInterrupted   the same of a step that an earlier owner of the flow had begun
     +- CancelRequested       the step was not begun, because an operator cancelled the flow
     +- AlreadyCommitted      the flow has passed its point of no return before
     +- FlowMismatch          a stored flow does not fit the code that would run it
     +- FenceLost             another conductor has taken the flow over
     +- NotFenced             a flow's earlier owner could not be shut out; the flow waits
     +- SessionFenced         another conductor has shut this process out of a backend
     +- DriverError
         +- FinalDriverError      refused by the backend: nothing was made or changed
         +- AmbiguousDriverError  failed, and the effect may have happened
         +- BusyDriverError       not now: nothing was changed, ask again

An error carries one finished sentence and nothing else, so that it survives
being stored with a flow and raised again after a restart. ``slug`` is stable:
clients may match it. What HTTP makes of each is in ``api/errors.py``.
"""


class CgflowError(Exception):
    """Base of everything that cgflow raises on purpose."""

    slug = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        """The sentence to show to a person."""
        return str(self.args[0])


def describe(error: BaseException) -> str:
    """Return the type of an exception and its text, if it has one."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class InvalidInput(CgflowError):
    """The request is malformed; ``field`` is the dotted path of what is wrong, if there is one."""

    slug = "invalid_input"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(CgflowError):
    """The thing does not exist, or belongs to another project, which looks the same."""

    slug = "not_found"


class InvalidState(CgflowError):
    """The thing is there, but its status or its dependents forbid the operation."""

    slug = "invalid_state"


class Busy(CgflowError):
    """Another operation holds what this one needs."""

    slug = "busy"


class Conflict(CgflowError):
    """A name or key is already taken."""

    slug = "conflict"


class QuotaExceeded(CgflowError):
    """A project limit would be passed; nothing was reserved."""

    slug = "quota_exceeded"


class NoValidBackend(CgflowError):
    """No backend can take the request; the message gives the reason of each."""

    slug = "no_valid_backend"


class Unauthenticated(CgflowError):
    """Who is asking is not known; ``challenge`` says how to prove it, as HTTP's WWW-Authenticate."""

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
    """A part that is needed does not answer; the same request may work later."""

    slug = "service_unavailable"


class FlowCancelled(CgflowError):
    """A step was not begun, because another step of the flow had already failed."""

    slug = "flow_cancelled"


class StepInterrupted(FlowCancelled):
    """A step that an earlier owner had begun was not begun again, because another one had failed."""

    slug = "step_interrupted"


class CancelRequested(CgflowError):
    """A step was not begun, because an operator cancelled the flow; the message names him and his reason."""

    slug = "cancel_requested"


class AlreadyCommitted(CgflowError):
    """The flow has passed its point of no return before: its commit is not made a second time."""

    slug = "already_committed"


class FlowMismatch(CgflowError):
    """A stored flow does not fit the definition that would run it, and is left untouched."""

    slug = "flow_mismatch"


class FenceLost(CgflowError):
    """Another conductor owns the flow now; nothing more may be written for it here."""

    slug = "fence_lost"

    @classmethod
    def of(cls, flow_id: str, epoch: int, stored: int | None) -> "FenceLost":
        """Say it of a flow: its epoch when it was taken up here, and now."""
        return cls(f"Flow {flow_id} was taken over: epoch {epoch} here, {stored} stored.")


class NotFenced(CgflowError):
    """The conductor that owned a flow before could not be shut out of the backend; the flow waits."""

    slug = "not_fenced"


class SessionFenced(CgflowError):
    """Another conductor took this process for dead, and shut it out of a backend: it may do nothing there.

    No failure of a step: nothing may be undone for it here, and nothing said of
    the backend. A new start of the service opens a session of its own.
    """

    slug = "session_fenced"

    @classmethod
    def of(cls, session: str) -> "SessionFenced":
        """Say it of a session, to the process that works under it."""
        return cls(
            f"Session {session} was shut out of the backend: another conductor took this process for dead "
            "and its flows over. Restart this service."
        )


class DriverError(CgflowError):
    """A backend refused or failed. Raise one of the three below, never this one."""

    slug = "driver_error"


class FinalDriverError(DriverError):
    """The backend refused: nothing was made or changed, and asking again will not help."""

    slug = "driver_final"


class AmbiguousDriverError(DriverError):
    """The call failed and its effect may or may not have happened: undo has to run."""

    slug = "driver_ambiguous"


class BusyDriverError(DriverError):
    """The backend cannot do it at this moment; nothing was changed, ask again."""

    slug = "driver_busy"
