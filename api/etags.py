"""ETags of what is read, and conditional changes with ``If-Match``.

A tag is a hash of the response body, so it is strong, and every route has it. A change with ``If-Match``
reads the resource once more within its own transaction, before it writes. It is refused if the tag differs.
"""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, current_app, g, make_response, request
from werkzeug.datastructures import ETags
from werkzeug.exceptions import HTTPException, PreconditionFailed

from cgflow.errors import InvalidInput

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TAGGED = "application/json"


def set_etag(response: Response) -> Response:
    """Set the ETag of a successful read; answer 304 if the client has that version already."""
    if request.method not in ("GET", "HEAD") or response.status_code != 200 or "caller" not in g:
        return response
    if response.mimetype != _TAGGED:
        return response
    tag = _compute_etag(response)
    response.set_etag(tag)
    if request.if_none_match.contains_weak(tag):
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
    if not tags.contains(_compute_etag(current)):
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


def _compute_etag(response: Response) -> str:
    return hashlib.sha256(response.get_data()).hexdigest()[:32]
