"""The adapter to flask-smorest: blueprints that load request schemas and dump response schemas.

All knowledge of flask-smorest, which ships no types, is here: the typed decorators, the strict request parser
that they use, and the API document that is generated from them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import unquote_to_bytes

import flask_smorest
from flask import Flask, Request, Response, current_app, request
from flask.views import MethodView
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import NotFound

from api import etags, idempotency, json_body, versions
from api.auth import authorization
from api.auth.identity import Strategy
from api.cross_site import check_media_type
from api.errors import BY_STATUS, AnyFault
from api.request_transaction import transactional
from api.schemas.fields import Conditional
from cgflow import __version__
from cgflow.errors import InvalidInput

ViewT = TypeVar("ViewT", bound=Callable[..., Any])
Shape = dict[str, object]

_FLOW_HEADERS = {
    "Location": {"description": "The address of the flow.", "schema": {"type": "string"}},
    "X-Cgflow-Flow-Id": {"description": "The id of the flow.", "schema": {"type": "string"}},
}

_Header = tuple[str, str, dict[str, Any]]

_ETAG = {"ETag": {"description": "Changes whenever the response changes.", "schema": {"type": "string"}}}
_REPLAYED = {
    "description": "`true` if this is the stored answer to an earlier request.",
    "schema": {"type": "string", "enum": ["true"]},
}
_IF_NONE_MATCH: _Header = ("If-None-Match", "ETags of known responses; 304 if one of them is current.", {})
_IF_MATCH: _Header = (
    "If-Match",
    "ETags of earlier responses; 412 without any change, if the resource has changed since.",
    {},
)
_KEY: _Header = (
    idempotency.HEADER,
    "Repeated with the same key within 24 hours, a request gets its stored answer.",
    {"minLength": 1, "maxLength": 255},
)


class _ArgumentsParser(FlaskParser):
    """Parses the input of a view. Every failure is an ``InvalidInput`` that names the field."""

    # Each schema declares by itself how it handles unknown fields.
    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"json": None, "query": None}

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002 - the base class's signature
        """Return the body, parsed strictly whatever its content type; None, if it is empty."""
        return json_body.parse_unless_empty(req.get_data())

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Return the query. Raises: InvalidInput, if it is not UTF-8, since bytes would be replaced."""
        try:
            unquote_to_bytes(req.query_string).decode()
        except UnicodeDecodeError:
            raise InvalidInput("The query string is not UTF-8.") from None
        return super().load_querystring(req, schema)

    def handle_error(
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:
        """Raise marshmallow's first validation error as InvalidInput."""
        del req, error_status_code, error_headers
        path, text = _first_validation_error(error.messages)
        # The location, and the resource name that wraps a body, tell the caller nothing new.
        skipped = 2 if len(path) > 2 and path[1] == getattr(schema, "root", None) and path[-1] else 1
        field = ".".join(path[skipped:])
        place = f" for field '{field}'" if field else ""
        raise InvalidInput(f"Invalid input{place}: {text}", field or None)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """Views of one resource. The caller and the microversion are established before each view runs."""

    ARGUMENTS_PARSER = _ArgumentsParser()

    def __init__(self, name: str, description: str, *, is_own: bool = False) -> None:
        """``is_own``: Cinder has no such resource, so every client is shown it with the extensions."""
        super().__init__(name, f"api.resources.{name}", description=description)
        self._prepare_doc_cbks.append(_describe_headers)
        own = (versions.show_extensions,) if is_own else ()
        for step in (
            versions.negotiate_microversion,
            *own,
            authorization.authenticate_caller,
            _check_minimum_microversion,
            check_media_type,
        ):
            self.before_request(step)

    def route(self, rule: str, **options: Any) -> Callable[[ViewT], ViewT]:
        """Register a view under a path, with the request transaction around its methods."""
        register = super().route(rule, **options)

        def decorate(view: ViewT) -> ViewT:
            if isinstance(view, type) and issubclass(view, MethodView):
                view.decorators = [*view.decorators, transactional]
            return cast(ViewT, register(view))

        return decorate

    def since(self, minor: int) -> Callable[[ViewT], ViewT]:
        """Offer a method, or every method of a view, from microversion 3.``minor`` on.

        A request with a lower microversion is answered with 404 before anything else of it is checked. The
        position among the decorators therefore makes no difference.
        """
        openapi_extension = {"x-min-microversion": f"3.{minor}"}

        def decorate(view: ViewT) -> ViewT:
            if not isinstance(view, type):
                marked = self.alt_response(404, schema=BY_STATUS[404])(self.doc(**openapi_extension)(view))
                marked._since = minor
                return cast(ViewT, marked)
            for name in getattr(view, "methods", None) or ():
                setattr(view, name.lower(), decorate(getattr(view, name.lower())))
            return view

        return decorate

    def takes(self, schema: type[Schema], *, location: str = "json") -> Callable[[ViewT], ViewT]:
        """Pass the body or the query, loaded with a schema, to the view as its first argument."""
        is_required = not getattr(schema, "is_optional", False)
        decorator: Callable[[ViewT], ViewT] = super().arguments(
            schema, location=location, required=is_required, error_status_code=400
        )
        return decorator

    def gives(
        self, status: int, schema: type[Schema] | Shape | None = None, *faults: int, **described: Any
    ) -> Callable[[ViewT], ViewT]:
        """Dump the response with a schema, and document the schema and the faults."""

        def decorate(view: ViewT) -> ViewT:
            decorated: ViewT = self.response(status, schema, **described)(
                self.documents_faults(*faults)(view)
            )
            return decorated

        return decorate

    def gives_accepted(self, schema: type[Schema] | None, *faults: int) -> Callable[[ViewT], ViewT]:
        """Answer 202 with a schema or without a body, and document the headers that name the flow."""
        return self.gives(202, schema, *faults, headers=_FLOW_HEADERS)

    def documents_faults(self, *faults: int) -> Callable[[ViewT], ViewT]:
        """Document the faults of a view, besides those that every view can answer."""

        def decorate(view: ViewT) -> ViewT:
            for fault in sorted({400, 401, 403, 406, 503, *faults}):
                view = self.alt_response(fault, schema=BY_STATUS[fault])(view)
            return view

        return decorate


class _Document(flask_smorest.Api):  # type: ignore[misc]
    """The API document. Responses without a stated status are documented in the shape of a fault."""

    ERROR_SCHEMA = AnyFault

    @cached_property
    def _content(self) -> tuple[bytes, bytes, str]:
        """The document, its gzip form and its tag; cached, because anyone may request the document."""
        content = json.dumps(self.spec.to_dict(), indent=2, sort_keys=False).encode()
        return content, gzip.compress(content, mtime=0), hashlib.sha256(content).hexdigest()[:32]

    def _openapi_json(self) -> Response:
        """Serve the document, or 304 if the client has it already."""
        content, compressed, tag = self._content
        is_compressed = request.accept_encodings["gzip"] > 0
        response = Response(compressed if is_compressed else content, mimetype="application/json")
        if is_compressed:
            response.content_encoding = "gzip"
        response.vary.add("Accept-Encoding")
        # The plain and the compressed form differ in their bytes, so they need different tags.
        response.set_etag(tag + "-gzip" * is_compressed)
        response.make_conditional(request)
        return response


def create_api_document(app: Flask, title: str, strategy: Strategy) -> _Document:
    """Create the API document and serve it. The strategy states the security scheme."""
    app.config.update(
        API_TITLE=title,
        API_VERSION=__version__,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "security": [{strategy.name: []}],
            "components": {"securitySchemes": {strategy.name: dict(strategy.scheme)}},
        },
    )
    served = _Document(app)
    served.ma_plugin.converter.add_attribute_function(_describe_conditional_field)
    return served


def register_blueprints(
    app: Flask,
    api: _Document,
    blueprints: Iterable[Blueprint],
    documented: str,
    others: Mapping[str, str],
) -> None:
    """Serve blueprints under a documented prefix, and under other prefixes that stay undocumented."""
    for blueprint in blueprints:
        api.register_blueprint(blueprint, url_prefix=documented)
        for name, prefix in others.items():
            app.register_blueprint(blueprint, url_prefix=prefix, name=f"{name}_{blueprint.name}")


def _check_minimum_microversion() -> None:
    """Answer 404 if the view is newer than the microversion of this request."""
    view = getattr(current_app.view_functions[request.endpoint or ""], "view_class", None)
    method = "get" if request.method == "HEAD" else request.method.lower()
    if not versions.is_at_least(getattr(getattr(view, method, None), "_since", 0)):
        raise NotFound


def _describe_headers(doc: dict[str, Any], _info: object, *, method: str, **_: object) -> dict[str, Any]:
    """Add the headers and responses that hold for every operation of the same HTTP method."""
    answers = doc["responses"]
    if method.upper() in etags.SAFE:
        _add_parameters(doc, _IF_NONE_MATCH)
        if "200" in answers or 200 in answers:
            answers[304] = {"description": "Not modified."}
            success = next(answer for status, answer in answers.items() if str(status) == "200")
            success.setdefault("headers", {}).update(_ETAG)
        return doc
    _add_parameters(doc, _IF_MATCH, _KEY)
    for status in (404, 409, 412, 415, 422):
        if str(status) not in answers:
            content = {"application/json": {"schema": BY_STATUS[status]}}
            answers.setdefault(status, {"description": BY_STATUS[status].__name__, "content": content})
    for status, answer in answers.items():
        if str(status).startswith("2"):
            answer["headers"] = {**answer.get("headers", {}), idempotency.REPLAYED: _REPLAYED}
    return doc


def _add_parameters(doc: dict[str, Any], *headers: _Header) -> None:
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


def _describe_conditional_field(converter: Any, field: Any, **_: Any) -> Shape:
    """Describe a conditional field as the field that it wraps, with the condition."""
    return (
        {**converter.field2property(field.inner), **field.openapi_extension}
        if isinstance(field, Conditional)
        else {}
    )


def _first_validation_error(messages: Any, path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], str]:
    if isinstance(messages, Mapping):
        key, inner = next(iter(messages.items()))
        return _first_validation_error(inner, path if key == "_schema" else (*path, str(key)))
    return path, str(messages[0] if isinstance(messages, list) else messages)
