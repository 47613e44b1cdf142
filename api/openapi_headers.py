"""Adds the headers of conditional and idempotent requests to every operation of the API document."""

from __future__ import annotations

from typing import Any

from api import etags, idempotency
from api.schemas.fault import BY_STATUS

_Header = tuple[str, str, dict[str, Any]]

_ETAG = {"ETag": {"description": "Changes with what is shown.", "schema": {"type": "string"}}}
_REPLAYED = {
    "description": "`true` if the request was made before, and is answered again.",
    "schema": {"type": "string", "enum": ["true"]},
}
_IF_NONE_MATCH: _Header = ("If-None-Match", "ETags of what is known; 304 if it is still the same.", {})
_IF_MATCH: _Header = (
    "If-Match",
    "ETags as they were read; 412, and nothing is changed, if it changed since.",
    {},
)
_KEY: _Header = (
    idempotency.HEADER,
    "Repeated with the same key within 24 hours, the request is answered again and not done again.",
    {"minLength": 1, "maxLength": 255},
)


def describe(doc: dict[str, Any], _info: object, *, method: str, **_: object) -> dict[str, Any]:
    """Add the headers and responses that hold for every operation of the same HTTP method."""
    answers = doc["responses"]
    if method.upper() in etags.SAFE:
        _parameters(doc, _IF_NONE_MATCH)
        if "200" in answers or 200 in answers:
            answers[304] = {"description": "It is still the same."}
            _succeeds(doc).setdefault("headers", {}).update(_ETAG)
        return doc
    _parameters(doc, _IF_MATCH, _KEY)
    for status in (404, 409, 412, 415, 422):
        told = {"description": BY_STATUS[status].__name__, "content": {}}
        told["content"] = {"application/json": {"schema": BY_STATUS[status]}}
        if str(status) not in answers:
            answers.setdefault(status, told)
    for status, answer in answers.items():
        if str(status).startswith("2"):
            answer["headers"] = {**answer.get("headers", {}), idempotency.REPLAYED: _REPLAYED}
    return doc


def _succeeds(doc: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(value for key, value in doc["responses"].items() if str(key) == "200")
    return found


def _parameters(doc: dict[str, Any], *headers: _Header) -> None:
    for name, description, bounds in headers:
        doc.setdefault("parameters", []).append(
            {
                "in": "header",
                "name": name,
                "required": False,
                "description": description,
                "schema": {"type": "string", **bounds},
            }
        )
