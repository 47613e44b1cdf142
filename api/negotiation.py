"""JSON is all that is spoken: who sends or wants something else is told at once.

A web page of another site can send bodies of the types that forms have, and of none that is JSON.
"""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import NotAcceptable, UnsupportedMediaType


def check_media_types() -> None:
    """Refuse a body that claims not to be JSON, and a client that cannot read JSON."""
    sent = request.mimetype
    is_json = sent == "application/json" or (sent.startswith("application/") and sent.endswith("+json"))
    if sent and request.content_length and not is_json:
        raise UnsupportedMediaType(
            f"A body must be application/json, not {sent[:64]}: send the header "
            "'Content-Type: application/json'."
        )
    wanted = request.accept_mimetypes
    if wanted and not wanted.accept_json and not any(name.startswith("text/") for name in wanted.values()):
        raise NotAcceptable("Answers are application/json; the request accepts something else only.")
