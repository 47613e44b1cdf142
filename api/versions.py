"""The version documents, and the negotiation of microversions.

Clients start at the root, at ``/v3`` or at the address of their project, often
without a token, so the document is open and the same everywhere. What came later than
3.0 asks ``reached`` before it shows, or is a route marked with
``Blueprint.since``; the maximum that is advertised rises only when everything
up to it is there of the nouns that are offered (docs/clients.md).
"""

from __future__ import annotations

import re
from typing import cast

from flask import Response, current_app, g, request
from werkzeug.exceptions import NotAcceptable

from cgflow.errors import InvalidInput

HEADER = "OpenStack-API-Version"
SERVICE = "volume"
MINIMUM = (3, 0)
# For actions on snapshots openstacksdk asks for this one without looking what is offered.
MAXIMUM = (3, 65)
MAXIMUM_KEY = "MAXIMUM_MICROVERSION"
"""Under which name the application's configuration may hold another maximum, as (major, minor)."""

_UPDATED = "2026-11-22T00:00:00Z"
_NUMBER = re.compile(r"(\d{1,9})\.(\d{1,9})")


def document() -> dict[str, object]:
    """Return the version document, with addresses on the host that was asked."""
    root = request.url_root
    return {
        "versions": [
            {
                "id": "v3.0",
                "status": "CURRENT",
                "version": _text(maximum()),
                "min_version": _text(MINIMUM),
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


def maximum() -> tuple[int, int]:
    """Return the highest microversion that is offered."""
    return cast("tuple[int, int]", current_app.config.get(MAXIMUM_KEY, MAXIMUM))


def negotiate() -> None:
    """Settle the microversion of this request, before its view runs."""
    asked = request.headers.get(HEADER)
    g.microversion = MINIMUM if asked is None else _chosen(asked)


def reached(minor: int) -> bool:
    """Return whether this request is made with 3.``minor`` or later."""
    return cast("tuple[int, int]", g.microversion) >= (MINIMUM[0], minor)


def stamp(response: Response) -> Response:
    """Say in the answer which microversion was used, and that another may be answered otherwise."""
    if "microversion" in g:
        response.headers[HEADER] = f"{SERVICE} {_text(g.microversion)}"
    response.vary.add(HEADER)
    return response


def _chosen(asked: str) -> tuple[int, int]:
    # One header may speak to several services: "compute 2.1, volume 3.0".
    named = [words[1] for part in asked.split(",") if len(words := part.split()) == 2 and words[0] == SERVICE]
    if not named:
        raise InvalidInput(f"The {HEADER} header names no version of the service '{SERVICE}'.", HEADER)
    if named[-1] == "latest":
        return maximum()
    number = _NUMBER.fullmatch(named[-1])
    if number is None:
        text = named[-1][:64]
        raise InvalidInput(
            f"API Version String {text} is of invalid format. Must be MajorNum.MinorNum.", HEADER
        )
    version = int(number[1]), int(number[2])
    if not MINIMUM <= version <= maximum():
        raise NotAcceptable(
            f"Version {_text(version)} is not supported by the API. "
            f"Minimum is {_text(MINIMUM)} and maximum is {_text(maximum())}."
        )
    return version


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
