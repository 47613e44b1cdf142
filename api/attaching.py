"""The volume actions about attachments, by their names in the request schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api import responses
from api.request_scope import caller, runtime
from flows.attachment import legacy_actions

Details = dict[str, Any] | None


def _plain(do: Callable[..., None]) -> Callable[[str, Details], Any]:
    def answer(volume_id: str, details: Details) -> Any:
        del details
        do(runtime(), caller(), volume_id)
        return responses.empty_response()

    return answer


def _attach(volume_id: str, details: Details) -> Any:
    legacy_actions.attach(runtime(), caller(), volume_id, **(details or {}))
    return responses.empty_response()


def _detach(volume_id: str, details: Details) -> Any:
    legacy_actions.detach(runtime(), caller(), volume_id, attachment_id=(details or {}).get("attachment_id"))
    return responses.empty_response()


def _force_detach(volume_id: str, details: Details) -> Any:
    attachment_id = (details or {}).get("attachment_id")
    legacy_actions.detach(runtime(), caller(), volume_id, attachment_id=attachment_id, force=True)
    return responses.empty_response()


ACTIONS: Mapping[str, Callable[[str, Details], Any]] = {
    "reserve": _plain(legacy_actions.reserve),
    "unreserve": _plain(legacy_actions.unreserve),
    "attach": _attach,
    "detach": _detach,
    "force_detach": _force_detach,
    "begin_detaching": _plain(legacy_actions.begin_detaching),
    "roll_detaching": _plain(legacy_actions.roll_detaching),
}

_PLAIN = ("reserve", "unreserve", "attach", "detach", "begin_detaching", "roll_detaching")
RULES: Mapping[str, str] = {
    **{action: f"volume_extension:volume_actions:{action}" for action in _PLAIN},
    "force_detach": "volume_extension:volume_admin_actions:force_detach",
}
