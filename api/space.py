"""Decides which requests lead to freed space: these are accepted on a full disk, too."""

from __future__ import annotations

from flask import request

from api import json_body
from cgflow.errors import InvalidInput

_ACTIONS = frozenset(
    {
        *("delete", "os-force_delete", "os-unmanage"),
        *("os-reset_status", "reset_status"),
        *("os-detach", "os-terminate_connection", "os-unreserve", "os-roll_detaching", "os-force_detach"),
    }
)


def request_frees_space() -> bool:
    """Return whether the request deletes something, or is a prerequisite of a deletion."""
    if request.method == "DELETE":
        return True
    *_, noun, _id, verb = ["", "", *request.path.rstrip("/").split("/")]
    if request.method != "POST" or verb not in ("action", "delete"):
        return False
    if verb == "delete" or noun == "flows":
        return True
    try:
        asked = json_body.parse_if_any(request.get_data())
    except InvalidInput:
        # The view refuses it.
        return False
    return isinstance(asked, dict) and not _ACTIONS.isdisjoint(asked)
