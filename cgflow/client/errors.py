"""Errors between a client and the service."""

from __future__ import annotations

from cgflow.errors import CgflowError


class ServiceError(CgflowError):
    """The service answered with an error.

    ``status`` is the HTTP status, ``code`` the API's key for it (``badRequest``), ``request_id`` the id of
    the request in the service's log.
    """

    slug = "refused"

    def __init__(self, status: int, code: str, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id


class ServiceUnreachable(CgflowError):
    """No answer arrived. The message says whether the request may have been accepted nevertheless."""

    slug = "unreachable"


class AmbiguousName(CgflowError):
    """Several resources have the name; the message lists their ids."""

    slug = "ambiguous_name"


class WaitTimedOut(CgflowError):
    """The flow did not end in the given time. It continues."""

    slug = "wait_timed_out"
