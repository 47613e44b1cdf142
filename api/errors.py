"""Maps errors to HTTP responses: the status of each error, the body of a fault, and its schemas.

Views catch nothing. An error that is not in ``STATUSES`` is a defect: it is logged with its traceback, and
the response names only the id of the request.

A fault is ``{"KEY": {"code": N, "message": "..."}}``, with Cinder's keys. A request for cgflow's extensions
(``api/versions.py``) gets more keys: ``cgflow:code``, the stable slug of the error, for scripts (Cinder's
clients read the message); ``cgflow:field``, the dotted path of the invalid input, if there is one;
``retryAfter``, if waiting helps; and ``request_id``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, g, jsonify, request
from marshmallow import INCLUDE, Schema, fields
from sqlalchemy import exc as database
from werkzeug.exceptions import HTTPException

from api import request_scope, versions
from api.disclosure import hide_hosts
from api.json_body import MAX_BYTES
from api.schemas.fields import Extension
from cgflow import errors
from cgflow.db.transient_errors import is_unavailable

LOG = logging.getLogger(__name__)

MALFORMED = (
    "The server could not comply with the request since it is either malformed or otherwise incorrect."
)
UNEXPECTED_ERROR = "The server has either erred or is incapable of performing the requested operation."

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


def register_error_handlers(app: Flask) -> None:
    """Make the application answer every exception with a fault."""
    app.register_error_handler(errors.CgflowError, _handle_cgflow_error)
    app.register_error_handler(HTTPException, _handle_http_exception)
    for failed in (database.DBAPIError, database.TimeoutError):
        app.register_error_handler(failed, _handle_database_error)
    app.register_error_handler(Exception, _handle_unexpected_error)


def _handle_cgflow_error(error: errors.CgflowError) -> Response:
    error_class = next((kind for kind in type(error).__mro__ if kind in STATUSES), None)
    if error_class is None:
        return _handle_unexpected_error(error)
    status = STATUSES[error_class]
    field = error.field if isinstance(error, errors.InvalidInput) else None
    challenge = error.challenge if isinstance(error, errors.Unauthenticated) else None
    headers = {"WWW-Authenticate": challenge} if challenge else None
    return fault_response(
        Fault(
            status=status,
            message=_message_for_client(error),
            slug=error.slug,
            field=field,
            retry_after_s=1 if isinstance(error, _BUSY) else _RETRY_AFTER_S.get(status),
            headers=headers,
        )
    )


def _message_for_client(error: errors.CgflowError) -> str:
    """Return the message of an error, without hosts and paths if a backend caused it."""
    is_of_backend = isinstance(error, errors.DriverError | errors.NoValidBackend | errors.ServiceUnavailable)
    return str(hide_hosts(error.message)) if is_of_backend and "caller" in g else error.message


def _handle_http_exception(error: HTTPException) -> Response | HTTPException:
    """Answer an HTTP exception of the framework: unknown path, wrong method, body too large."""
    status = error.code or 500
    if status < 400:
        return error
    message = error.description or error.name
    if status in (404, 405) and request.routing_exception is not None and not versions.has_extensions():
        return _unknown_path_response()
    if status == 404:
        message = "The resource could not be found: there is nothing at this address."
    if status == 413:
        # 413 means "over quota" in this API, so a body over the limit is a 400.
        status, message = 400, f"The request body is larger than {MAX_BYTES} bytes."
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    slug = error.name.lower().replace(" ", "_")
    return fault_response(Fault(status=status, message=message, slug=slug, headers=headers))


def _unknown_path_response() -> Response:
    """Answer an unknown address as Cinder does: with a body of its own shape, and 404 for a wrong method."""
    message = "The resource could not be found.<br /><br />\n\n\n"
    response = jsonify({"message": message, "code": "404 Not Found", "title": "Not Found"})
    response.status_code = 404
    return response


def _handle_database_error(error: Exception) -> Response:
    if not is_unavailable(error):
        return _handle_unexpected_error(error)
    # The database layer has logged it already.
    LOG.debug("The database did not answer (%s)", request_scope.request_id(), exc_info=error)
    slug = errors.ServiceUnavailable.slug
    message = "The database does not answer. Try again."
    if "full" in str(error):
        message = "The disk that holds the database is full. Free some space on it, then try again."
    return fault_response(Fault(status=503, message=message, slug=slug, retry_after_s=_RETRY_AFTER_S[503]))


def _handle_unexpected_error(error: Exception) -> Response:
    LOG.error("Unexpected failure while serving %s", request_scope.request_id(), exc_info=error)
    message = f"{UNEXPECTED_ERROR} (Request-ID: {request_scope.request_id()})"
    return fault_response(Fault(status=500, message=message, slug="unexpected"))


KEYS = {
    400: "badRequest",
    # Keystone and the services that use its middleware answer with this key.
    401: "error",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    406: "computeFault",
    409: "conflictingRequest",
    412: "preconditionFailed",
    413: "overLimit",
    415: "badMediaType",
    422: "unprocessableEntity",
    500: "computeFault",
    501: "notImplemented",
    503: "serviceUnavailable",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One error response. ``retry_after_s``: the seconds after which a retry may succeed."""

    status: int
    message: str
    slug: str
    field: str | None = None
    retry_after_s: int | None = None
    headers: Mapping[str, str] | None = None


def fault_response(fault: Fault) -> Response:
    """Return the response for a fault."""
    body: dict[str, object] = {"code": fault.status, "message": fault.message}
    if fault.status == 401:
        body["title"] = "Unauthorized"
    headers = dict(fault.headers or {})
    if fault.retry_after_s is not None:
        headers["Retry-After"] = str(fault.retry_after_s)
    has_extensions = versions.has_extensions()
    if fault.retry_after_s is not None and (fault.status == 413 or has_extensions):
        body["retryAfter"] = headers["Retry-After"]
    if has_extensions:
        body["cgflow:code"] = fault.slug
        if fault.field is not None:
            body["cgflow:field"] = fault.field
        body["request_id"] = request_scope.request_id()
    response = jsonify({KEYS.get(fault.status, "computeFault"): body})
    response.status_code = fault.status
    response.headers.update(headers)
    return response


class FaultOut(Schema):
    """The content of every fault."""

    code = fields.Integer(required=True)
    message = fields.String(required=True)
    title = fields.String(metadata={"description": "Present in a 401 only."})
    retryAfter = fields.String()  # noqa: N815 - the key in Cinder's API
    slug = Extension(fields.String(data_key="cgflow:code"))
    field = Extension(fields.String(data_key="cgflow:field"))
    request_id = Extension(fields.String())


class AnyFault(Schema):
    """A fault under the key of any status."""

    class Meta:  # noqa: D106
        unknown = INCLUDE


def _fault_schema(key: str) -> type[Schema]:
    fault: fields.Field[object] = fields.Nested(FaultOut, required=True)
    return Schema.from_dict({key: fault}, name=f"{key[0].upper()}{key[1:]}Fault")


BY_KEY = {key: _fault_schema(key) for key in sorted(set(KEYS.values()))}
BY_STATUS = {status: BY_KEY[key] for status, key in KEYS.items()}
"""The schema of a fault, by HTTP status."""
