"""The actions on a volume that tell of its attachments, by their names in the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api import answers
from api.current import caller, desk
from flows.attachment import act

Details = dict[str, Any] | None


def _plain(do: Callable[..., None]) -> Callable[[str, Details], Any]:
    def answer(volume_id: str, details: Details) -> Any:
        del details
        do(desk(), caller(), volume_id)
        return answers.empty()

    return answer


def _attach(volume_id: str, details: Details) -> Any:
    act.attach(desk(), caller(), volume_id, **(details or {}))
    return answers.empty()


def _detach(volume_id: str, details: Details) -> Any:
    act.detach(desk(), caller(), volume_id, attachment_id=(details or {}).get("attachment_id"))
    return answers.empty()


def _force_detach(volume_id: str, details: Details) -> Any:
    attachment_id = (details or {}).get("attachment_id")
    act.detach(desk(), caller(), volume_id, attachment_id=attachment_id, force=True)
    return answers.empty()


ACTIONS: Mapping[str, Callable[[str, Details], Any]] = {
    "reserve": _plain(act.reserve),
    "unreserve": _plain(act.unreserve),
    "attach": _attach,
    "detach": _detach,
    "force_detach": _force_detach,
    "begin_detaching": _plain(act.begin_detaching),
    "roll_detaching": _plain(act.roll_detaching),
}

_PLAIN = ("reserve", "unreserve", "attach", "detach", "begin_detaching", "roll_detaching")
RULES: Mapping[str, str] = {
    **{action: f"volume_extension:volume_actions:{action}" for action in _PLAIN},
    "force_detach": "volume_extension:volume_admin_actions:force_detach",
}
