"""JSON is all that is spoken: who sends something else is told at once.

A web page of another site can send bodies of the types that forms have, and of none that is JSON.
Programs label any body ``application/x-www-form-urlencoded`` if they are not told its type (``curl -d``,
Python's ``urllib``). Browsers send an ``Origin`` with such a body, and programs do not.
"""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import UnsupportedMediaType


def check_media_types() -> None:
    """Refuse a body that claims not to be JSON. Answers are JSON whatever a client accepts, as in Cinder."""
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
    """Whether a program, not a page, sent a body without saying what it is. It is read as JSON."""
    return media_type == "application/x-www-form-urlencoded" and "Origin" not in request.headers
