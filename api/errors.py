"""Maps errors to HTTP responses: one table of status codes, and the error handlers.

Views catch nothing. An error that is not in the table is a defect: it is logged with its traceback, and the
response names only the id of the request.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, g, jsonify, request
from sqlalchemy import exc as database
from werkzeug.exceptions import HTTPException

from api import request_scope
from api.disclosure import hide_hosts
from api.faults import Fault, answer
from api.json_body import MAX_BYTES
from api.versions import has_extensions
from cgflow import errors
from cgflow.db.error_classes import is_unavailable

LOG = logging.getLogger(__name__)

MALFORMED = (
    "The server could not comply with the request since it is either malformed or otherwise incorrect."
)
UNEXPECTED = "The server has either erred or is incapable of performing the requested operation."

STATUSES: dict[type[errors.CgflowError], int] = {
    errors.InvalidInput: 400,
    errors.InvalidState: 400,
    errors.NoValidBackend: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Busy: 409,
    errors.Conflict: 409,
    errors.QuotaExceeded: 413,
    errors.ServiceUnavailable: 503,
    errors.SessionFenced: 503,
    errors.FinalDriverError: 400,
    errors.BusyDriverError: 409,
    # The calls made while a client waits are idempotent, so the client can retry.
    errors.AmbiguousDriverError: 503,
}

# A resource that is busy becomes free, so a retry helps. A conflict, such as a name in use, stays.
_BUSY = (errors.Busy, errors.BusyDriverError)

# Cinder's clients expect zero for an exceeded quota, although waiting does not help there.
_RETRY_AFTER_S = {413: 0, 503: 1}


def register(app: Flask) -> None:
    """Make the application answer every exception with a fault."""
    app.register_error_handler(errors.CgflowError, _refused)
    app.register_error_handler(HTTPException, _protocol)
    for failed in (database.DBAPIError, database.TimeoutError):
        app.register_error_handler(failed, _database_failed)
    app.register_error_handler(Exception, _unexpected)


def _refused(error: errors.CgflowError) -> Response:
    known = next((kind for kind in type(error).__mro__ if kind in STATUSES), None)
    if known is None:
        return _unexpected(error)
    status = STATUSES[known]
    field = error.field if isinstance(error, errors.InvalidInput) else None
    challenge = error.challenge if isinstance(error, errors.Unauthenticated) else None
    headers = {"WWW-Authenticate": challenge} if challenge else None
    return answer(
        Fault(
            status=status,
            message=_message(error),
            slug=error.slug,
            field=field,
            retry_after_s=1 if isinstance(error, _BUSY) else _RETRY_AFTER_S.get(status),
            headers=headers,
        )
    )


def _message(error: errors.CgflowError) -> str:
    """Return the message of an error, without hosts and paths if a backend caused it."""
    is_of_backend = isinstance(error, errors.DriverError | errors.NoValidBackend | errors.ServiceUnavailable)
    return str(hide_hosts(error.message)) if is_of_backend and "caller" in g else error.message


def _protocol(error: HTTPException) -> Response | HTTPException:
    """Answer an HTTP exception of the framework: unknown path, wrong method, body too large."""
    status = error.code or 500
    if status < 400:
        return error
    message = error.description or error.name
    if status in (404, 405) and request.routing_exception is not None and not has_extensions():
        return _no_such_address()
    if status == 404:
        message = "The resource could not be found: there is nothing at this address."
    if status == 413:
        # 413 means "over quota" in this API, so a body over the limit is a 400.
        status, message = 400, f"The request body is larger than {MAX_BYTES} bytes."
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    slug = error.name.lower().replace(" ", "_")
    return answer(Fault(status=status, message=message, slug=slug, headers=headers))


def _no_such_address() -> Response:
    """Answer an unknown address as Cinder does: with a body of its own shape, and 404 for a wrong method."""
    message = "The resource could not be found.<br /><br />\n\n\n"
    response = jsonify({"message": message, "code": "404 Not Found", "title": "Not Found"})
    response.status_code = 404
    return response


def _database_failed(error: Exception) -> Response:
    if not is_unavailable(error):
        return _unexpected(error)
    # The database layer has logged it already.
    LOG.debug("The database did not answer (%s)", request_scope.request_id(), exc_info=error)
    slug = errors.ServiceUnavailable.slug
    message = "The database does not answer. Try again."
    if "full" in str(error):
        message = "The disk that holds the database is full. Free some space on it, then try again."
    return answer(Fault(status=503, message=message, slug=slug, retry_after_s=_RETRY_AFTER_S[503]))


def _unexpected(error: Exception) -> Response:
    LOG.error("Unexpected failure while serving %s", request_scope.request_id(), exc_info=error)
    message = f"{UNEXPECTED} (Request-ID: {request_scope.request_id()})"
    return answer(Fault(status=500, message=message, slug="unexpected"))
