"""What can go wrong between a client and the service."""

from __future__ import annotations

from cgflow.errors import CgflowError


class ServiceError(CgflowError):
    """The service answered, and refused or failed.

    ``status`` is HTTP's, ``code`` the wire's word for it (``badRequest``),
    ``request_id`` what the service's log knows the request by.
    """

    slug = "refused"

    def __init__(self, status: int, code: str, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id


class ServiceUnreachable(CgflowError):
    """No answer came. The message says whether the request may have been taken all the same."""

    slug = "unreachable"


class AmbiguousName(CgflowError):
    """Several things bear the name; the message lists their ids."""

    slug = "ambiguous_name"


class WaitTimedOut(CgflowError):
    """The flow had not ended in the time given. It goes on."""

    slug = "wait_timed_out"
