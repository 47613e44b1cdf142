"""Version documents, and the negotiation of microversions and of cgflow's extensions.

Clients start at the root, at ``/v3`` or at the URL of their project, often without a token, so the document
needs no authentication and is the same everywhere. What Cinder added after 3.0 checks ``is_at_least`` before
it is shown, or is a route marked with ``Blueprint.since``. The advertised maximum is raised only when
everything up to it is implemented for the resources that are offered (docs/clients.md).

The same header lists a second service, ``cgflow 1.0``, for what cgflow adds to Cinder's answers: keys that
begin with ``cgflow:``. Answers to requests that do not list it hold Cinder's keys only. Resources that Cinder
does not have are always shown in full.
"""

from __future__ import annotations

import re
from typing import cast

from flask import Flask, Response, current_app, g, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotAcceptable, NotFound

from cgflow.errors import InvalidInput

HEADER = "OpenStack-API-Version"
SERVICE = "volume"
MINIMUM = (3, 0)
MAXIMUM = (3, 71)
CGFLOW = "cgflow"
"""The name of cgflow's extensions in the header."""
CGFLOW_VERSION = (1, 0)
"""The only version of the extensions."""
MAXIMUM_KEY = "MAXIMUM_MICROVERSION"
"""The key of the application's configuration that may hold another maximum, as (major, minor)."""

_UPDATED = "2026-11-22T00:00:00Z"
_NUMBER = re.compile(r"([1-9]\d{0,15})\.(0|[1-9]\d{0,15})", re.ASCII)


# Names of resources in Cinder. If no route serves such a path it is answered with 404, and not taken for a
# project.
_RESOURCES = frozenset(
    {
        "backups", "clusters", "default-types", "group_snapshots", "group_types", "groups", "workers",
    }
)  # fmt: skip


def register_version_routes(app: Flask) -> None:
    """Serve the version document at the paths where clients look for it."""
    app.add_url_rule("/", "versions", _answer_version_choices)
    app.add_url_rule("/v3", "versions_v3", lambda: redirect(f"{request.host_url}v3/"), strict_slashes=True)
    app.add_url_rule("/v3/", "versions_v3_final", _answer_versions)
    app.add_url_rule("/v3/<project_id>", "versions_project", _answer_versions_of_project)


def _answer_version_choices() -> ResponseReturnValue:
    """Answer 300, the status of a choice of versions."""
    negotiate_microversion()
    return jsonify(version_document()), 300


def _answer_versions() -> ResponseReturnValue:
    negotiate_microversion()
    return jsonify(version_document())


def _answer_versions_of_project() -> ResponseReturnValue:
    if g.project_in_url in _RESOURCES or g.project_in_url.startswith("os-"):
        raise NotFound
    return _answer_versions()


def version_document() -> dict[str, object]:
    """Return the version document, with URLs on the host that the client used."""
    root = request.url_root
    return {
        "versions": [
            {
                "id": "v3.0",
                "status": "CURRENT",
                "version": _format_version(maximum_microversion()),
                "min_version": _format_version(MINIMUM),
                "updated": _UPDATED,
                "links": [
                    {"rel": "describedby", "type": "application/json", "href": f"{root}openapi.json"},
                    {"rel": "self", "href": f"{root}v3/"},
                ],
                "media-types": [
                    {
                        "base": "application/json",
                        "type": "application/vnd.openstack.volume+json;version=3",
                    }
                ],
            }
        ]
    }


def maximum_microversion() -> tuple[int, int]:
    """Return the highest microversion that is offered."""
    return cast("tuple[int, int]", current_app.config.get(MAXIMUM_KEY, MAXIMUM))


def negotiate_microversion() -> None:
    """Set the microversion of this request, and whether it requests the extensions, before its view runs."""
    requested = _parse_version_header(request.headers.get(HEADER))
    g.cgflow_version = _requested_extensions_version(requested)
    g.microversion = _requested_microversion(requested)


def has_extensions() -> bool:
    """Return whether the answer to this request holds the keys that cgflow adds to Cinder's."""
    if "cgflow_version" not in g:
        # The request was refused before it reached a view, or because of its header.
        try:
            g.cgflow_version = _requested_extensions_version(
                _parse_version_header(request.headers.get(HEADER))
            )
        except (InvalidInput, NotAcceptable):
            g.cgflow_version = None
    return g.cgflow_version is not None


def show_extensions() -> None:
    """Answer this request with the extensions in any case, because Cinder has no such resource."""
    g.cgflow_version = CGFLOW_VERSION


def is_at_least(minor: int) -> bool:
    """Return whether this request states microversion 3.``minor`` or later."""
    return cast("tuple[int, int]", g.microversion) >= (MINIMUM[0], minor)


def set_version_headers(response: Response) -> Response:
    """Set the header with the versions used, and ``Vary``, since other versions may get other answers."""
    if "microversion" in g:
        response.headers[HEADER] = used_versions()
        response.vary.add(HEADER)
    return response


def used_versions() -> str:
    """Return the versions with which this request is served, as the header lists them."""
    volume = f"{SERVICE} {_format_version(g.microversion)}"
    return f"{volume}, {CGFLOW} {_format_version(g.cgflow_version)}" if g.get("cgflow_version") else volume


def _parse_version_header(header: str | None) -> dict[str, str]:
    """Return the version of each service in a header such as ``compute 2.1, volume 3.0``.

    As in Cinder, every name that contains "volume" means this service, because clients take the name from the
    service catalogue. The first one listed counts.
    """
    found: dict[str, str] = {}
    for words in (part.split() for part in (header or "").split(",")):
        if len(words) == 2:
            found.setdefault(SERVICE if SERVICE in words[0] else words[0], words[1])
    return found


def _requested_microversion(requested: dict[str, str]) -> tuple[int, int]:
    if SERVICE not in requested:
        if HEADER not in request.headers or CGFLOW in requested:
            return MINIMUM
        raise InvalidInput(f"The {HEADER} header names no version of the service '{SERVICE}'.", HEADER)
    if requested[SERVICE] == "latest":
        return maximum_microversion()
    version = _parse_version(requested[SERVICE])
    if not MINIMUM <= version <= maximum_microversion():
        if version > MINIMUM:
            # Cinder repeats a refused version of this API in the response, but not one below the minimum.
            g.microversion = version
        raise NotAcceptable(
            f"Version {_format_version(version)} is not supported by the API. "
            f"Minimum is {_format_version(MINIMUM)} and maximum is {_format_version(maximum_microversion())}."
        )
    return version


def _requested_extensions_version(requested: dict[str, str]) -> tuple[int, int] | None:
    text = requested.get(CGFLOW)
    if text is None:
        return None
    if text != "latest" and (version := _parse_version(text)) != CGFLOW_VERSION:
        raise NotAcceptable(
            f"Version {_format_version(version)} of the extensions of {CGFLOW} is not supported. "
            f"The only one is {_format_version(CGFLOW_VERSION)}."
        )
    return CGFLOW_VERSION


def _parse_version(text: str) -> tuple[int, int]:
    number = _NUMBER.fullmatch(text)
    if number is None:
        raise InvalidInput(
            f"API Version String {text[:64]} is of invalid format. Must be MajorNum.MinorNum.", HEADER
        )
    return int(number[1]), int(number[2])


def _format_version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
