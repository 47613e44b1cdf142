"""Refuses request bodies of other media types than JSON.

A web page of another site can send bodies of the media types of forms, but not of a JSON type. Programs label
any body ``application/x-www-form-urlencoded`` unless a type is set (``curl -d``, Python's ``urllib``).
Browsers send an ``Origin`` header with such a body; programs do not.
"""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import UnsupportedMediaType


def check_media_types() -> None:
    """Refuse a body that is not labelled as JSON. ``Accept`` is ignored, as in Cinder: answers are JSON."""
    sent = request.mimetype
    if sent and request.content_length and not (_is_json(sent) or _is_unlabelled(sent)):
        raise UnsupportedMediaType(
            f"A body must be application/json, not {sent[:64]}: send the header "
            "'Content-Type: application/json'."
        )


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _is_unlabelled(media_type: str) -> bool:
    """Return whether a program, not a web page, sent a body without a media type. It is read as JSON."""
    return media_type == "application/x-www-form-urlencoded" and "Origin" not in request.headers
