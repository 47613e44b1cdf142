"""Refuses requests that a web page of another site makes with the rights of its viewer.

Such a page can send simple requests; these state their ``Origin``, and their bodies have the media types of
forms. If its host name resolves to a loopback address (DNS rebinding), it can send any request; these state a
``Host`` that is no name of this machine.

Programs label any body ``application/x-www-form-urlencoded`` unless a type is set (``curl -d``, Python's
``urllib``). Browsers send an ``Origin`` header with such a body; programs do not.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import current_app, request
from werkzeug.exceptions import UnsupportedMediaType

from api.auth.authorization import STRATEGY
from api.auth.identity import Strategy
from api.proxies import VIA_PROXY
from cgflow.errors import Forbidden

_DEFAULT_PORTS = {"http": 80, "https": 443}


def check_media_type() -> None:
    """Refuse a body that is not labelled as JSON. ``Accept`` is ignored, as in Cinder: answers are JSON."""
    sent = request.mimetype
    if sent and request.content_length and not (_is_json(sent) or _is_default_type_of_programs(sent)):
        raise UnsupportedMediaType(
            f"A body must be application/json, not {sent[:64]}: send the header "
            "'Content-Type: application/json'."
        )


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _is_default_type_of_programs(media_type: str) -> bool:
    """Return whether a program, not a web page, sent a body without a media type. It is read as JSON."""
    return media_type == "application/x-www-form-urlencoded" and "Origin" not in request.headers


def check_origin() -> None:
    """Refuse a foreign ``Origin``, and without authentication a foreign ``Host``. Raises: Forbidden."""
    strategy: Strategy = current_app.extensions[STRATEGY]
    # A trusted proxy is reached under a name of its own.
    if (
        strategy.is_unverified
        and VIA_PROXY not in request.environ
        and not _is_loopback(_host_name(request.host))
    ):
        raise Forbidden(
            f"The Host header names {request.host[:255]!r}. Without authentication only localhost and "
            "loopback addresses are served."
        )
    origin = request.headers.get("Origin")
    if origin is not None and _scheme_host_and_port(origin) != _scheme_host_and_port(request.host_url):
        raise Forbidden(
            f"The Origin header names {origin[:255]!r}. Requests from web pages of other sites are refused."
        )


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.rstrip(".") == "localhost"


def _scheme_host_and_port(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port of a URL, or None if it is malformed."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
