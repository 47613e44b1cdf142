"""The body of an error response: ``{"KEY": {"code": N, "message": "..."}}``, with Cinder's keys.

A request for cgflow's extensions (``api/versions.py``) gets more keys: ``cgflow:code``, the stable slug of
the error, for scripts (Cinder's clients read the message); ``cgflow:field``, the dotted path of the invalid
input, if there is one; ``retryAfter``, if waiting helps; and ``request_id``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, jsonify

from api import request_scope, versions

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


def answer(fault: Fault) -> Response:
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
