"""Responses that several resources share: an accepted operation, and a page of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlencode

from flask import Response, request
from sqlalchemy.orm import Session

from api import request_scope
from api.schemas.base import links_key
from api.versions import has_extensions
from cgflow.db.repositories.paging import ListQuery
from flows.acceptance import Accepted

Answer = tuple[dict[str, object], int, dict[str, str]]


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


def accepted_response(accepted: Accepted, body: dict[str, object]) -> Answer:
    """Answer 202 with a body and with the headers that name the flow."""
    return body, 202, _flow_headers(accepted)


def accepted_reference_response(accepted: Accepted, key: str, name: str | None) -> Answer:
    """Answer 202 with the id and the name of the new resource, and with the headers that name the flow."""
    return accepted_response(accepted, {key: {"id": accepted.resource_id, "name": name}})


def accepted_response_without_body(accepted: Accepted | None) -> Response:
    """Answer 202 without a body, as Cinder does. ``accepted`` is None if no flow was needed."""
    response = empty_response()
    if accepted is not None:
        response.headers.update(_flow_headers(accepted))
    return response


def empty_response() -> Response:
    """Answer 202 without a body."""
    return Response(status=202, mimetype="application/json")


def page_response(
    key: str,
    read: Callable[[Session, ListQuery, str | None], Sequence[_Identified]],
    query: ListQuery,
    count: Callable[[Session, ListQuery, str | None], int] | None = None,
    has_links: bool = True,
    is_exact: bool = False,
) -> dict[str, object]:
    """Answer with one page of a list, a link to the next page, and the count if it is requested.

    Lists that Cinder does not link (``has_links`` is false) are linked if the client requests the extensions.
    As in Cinder, every full page has a link, although the next page may be empty; with ``is_exact`` only a
    page that has a next one.
    """
    scope = request_scope.caller().scope
    with request_scope.runtime().database.read() as session:
        found = read(session, replace(query, limit=query.limit + 1), scope)
        body: dict[str, object] = {key: found[: query.limit]}
        is_full = len(found) > query.limit - (not is_exact) and query.limit > 0
        if is_full and (has_links or has_extensions()):
            body[links_key(key)] = [
                {"rel": "next", "href": _next_page_url(found[query.limit - 1].id, query.limit)}
            ]
        if count is not None and query.with_count:
            body["count"] = count(session, query, scope)
    return body


def _next_page_url(last_id: str, limit: int) -> str:
    query = {name: value for name, value in request.args.to_dict().items() if name != "offset"}
    return f"{request.base_url}?{urlencode({**query, 'limit': str(limit), 'marker': last_id})}"


def _flow_headers(accepted: Accepted) -> dict[str, str]:
    return {
        "Location": f"{request_scope.url_prefix()}/flows/{accepted.flow_id}",
        "X-Cgflow-Flow-Id": accepted.flow_id,
    }
