"""JSON is all that is spoken: who sends or wants something else is told at once."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import NotAcceptable, UnsupportedMediaType


def check_media_types() -> None:
    """Refuse a body that claims not to be JSON, and a client that cannot read JSON."""
    sent = request.mimetype
    if sent and request.content_length and "json" not in sent and sent not in _UNSET:
        raise UnsupportedMediaType(f"A body must be application/json, not {sent[:64]}.")
    wanted = request.accept_mimetypes
    if wanted and not wanted.accept_json and not any(name.startswith("text/") for name in wanted.values()):
        raise NotAcceptable("Answers are application/json; the request accepts something else only.")


# What common tools claim when nobody told them what they send.
_UNSET = frozenset({"application/x-www-form-urlencoded", "text/plain", "application/octet-stream"})
