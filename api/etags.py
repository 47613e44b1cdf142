"""ETags of what is read, and conditional changes with ``If-Match``.

A tag is strong, and every route has one. The tag of a single resource is a hash of its record and of all
else that its representation depends on, so that a 304 needs no serialization. Other tags are a hash of the
response body. A change with ``If-Match`` reads the resource once more within its own transaction, before it
writes. It is refused if the tag differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, g, make_response, request
from werkzeug.datastructures import ETags
from werkzeug.exceptions import HTTPException, PreconditionFailed

from api import disclosure, request_scope, versions
from api.auth import authorization
from cgflow import __version__, records
from cgflow.errors import InvalidInput
from cgflow.policies.volumes import HOST, MIGRATION, TENANT

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_READS = ("GET", "HEAD")
_TAGGED = "application/json"

FIELD_RULES = (HOST, MIGRATION, TENANT)
"""The rules that decide which fields of a single resource are shown."""


def resource_response(
    key: str, record: records.Resource | records.Flow, **added: object
) -> dict[str, object] | Response:
    """Return the body of a read, ``{key: record}``, or 304 if the client has that version already.

    ``added`` are fields that are shown beside those of the record.
    """
    g.etag = _compute_record_etag(key, record, added)
    if request.method in _READS and _is_known(g.etag):
        return Response(status=304)
    return {key: vars(record) | added if added else record}


def set_etag(response: Response) -> Response:
    """Set the ETag of a successful read; answer 304 if the client has that version already."""
    if request.method not in _READS or response.status_code not in (200, 304) or "caller" not in g:
        return response
    if "etag" not in g and response.mimetype != _TAGGED:
        return response
    tag = _take_etag(response)
    response.set_etag(tag)
    if _is_known(tag):
        response.status_code = 304
        response.set_data(b"")
        for header in ("Content-Type", "Content-Length"):
            del response.headers[header]
    return response


def if_match_tags() -> ETags | None:
    """Return the tags in ``If-Match``, None without the header. Raises: InvalidInput, if it holds no tag."""
    given = request.headers.get("If-Match")
    if given is None or request.method in SAFE:
        return None
    tags = request.if_match
    if not tags:
        raise InvalidInput(
            'If-Match must be *, or ETags of earlier responses, such as "0123abcd".', "If-Match"
        )
    return tags


def check_unchanged(tags: ETags) -> None:
    """Refuse if the resource has changed. Raises: PreconditionFailed; NotFound; InvalidInput."""
    current = _current_response()
    # ``*`` requires only that the resource exists. A weak tag does not match, since it does not prove that
    # nothing changed.
    if not tags.contains(_take_etag(current)):
        raise PreconditionFailed(
            "The resource has changed since it was read with this ETag. Read it again before you change it."
        )


def _current_response() -> Response:
    """Return the current response to a GET of the resource. For an action, that is the parent path."""
    view, values = _find_get_view()
    return make_response(view().get(**values))


def _find_get_view() -> tuple[Any, dict[str, Any]]:
    view = getattr(current_app.view_functions[request.endpoint or ""], "view_class", None)
    if hasattr(view, "get"):
        return view, dict(request.view_args or {})
    parent = request.path.rstrip("/").rpartition("/")[0]
    try:
        endpoint, values = current_app.create_url_adapter(request).match(parent, method="GET")  # type: ignore[union-attr]
    except HTTPException:
        raise InvalidInput("If-Match is not supported here: nothing can be read at this address.") from None
    values = {name: value for name, value in values.items() if name != "project_id"}
    return getattr(current_app.view_functions[endpoint], "view_class", None), values


def _is_known(tag: str) -> bool:
    return request.if_none_match.contains_weak(tag)


def _take_etag(response: Response) -> str:
    """Return the tag of a response: that of its record, or else of its body."""
    tag: str | None = g.pop("etag", None)
    return tag or _hash(response.get_data())


def _compute_record_etag(
    key: str, record: records.Resource | records.Flow, added: Mapping[str, object]
) -> str:
    # Only some texts are redacted. What is redacted differs between hosts, and tags should not.
    has_texts = isinstance(record, records.Flow) or record.reason is not None
    decides = (
        *(key, vars(record), added, __version__, versions.used_versions()),
        *(request_scope.absolute_url("", has_version=has_version) for has_version in (True, False)),
        *(authorization.shows_field(rule) for rule in FIELD_RULES),
        disclosure.redacted_pattern() if has_texts else None,
    )
    return _hash(repr(decides).encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
