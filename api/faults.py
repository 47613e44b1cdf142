"""The shape of a refusal: ``{"KEY": {"code": N, "message": "..."}}``, with Cinder's keys.

A request for the extensions of cgflow (``api/versions.py``) finds more inside:
``cgflow:code``, the stable slug of the error, which scripts may match where Cinder's
clients read the message; ``cgflow:field``, the dotted path of what was wrong with the
input, if there is one; ``retryAfter``, if waiting helps; and the request's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, jsonify

from api import request_scope, versions

KEYS = {
    400: "badRequest",
    # What keystone and all that stand behind it say.
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
    """One refusal. ``retry_after_s`` tells when the same request may do better."""

    status: int
    message: str
    slug: str
    field: str | None = None
    retry_after_s: int | None = None
    headers: Mapping[str, str] | None = None


def answer(fault: Fault) -> Response:
    """Return the response that tells of a fault."""
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
