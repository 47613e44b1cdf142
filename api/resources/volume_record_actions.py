"""The actions on a volume that change records alone: attachments, boot and image metadata, status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response

from api import responses
from api.request_scope import caller, runtime
from cgflow.db.repositories.metadata import OF_IMAGES
from cgflow.errors import NotFound
from flows import update_record
from flows.attachment import legacy_actions
from flows.reset_status import reset_volume_status

Details = dict[str, Any] | None


def _action_without_details(do: Callable[..., None]) -> Callable[[str, Details], Any]:
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


ATTACHMENT_ACTIONS: Mapping[str, Callable[[str, Details], Any]] = {
    "reserve": _action_without_details(legacy_actions.reserve),
    "unreserve": _action_without_details(legacy_actions.unreserve),
    "attach": _attach,
    "detach": _detach,
    "force_detach": _force_detach,
    "begin_detaching": _action_without_details(legacy_actions.begin_detaching),
    "roll_detaching": _action_without_details(legacy_actions.roll_detaching),
}

_WITHOUT_DETAILS = ("reserve", "unreserve", "attach", "detach", "begin_detaching", "roll_detaching")
ATTACHMENT_RULES: Mapping[str, str] = {
    **{action: f"volume_extension:volume_actions:{action}" for action in _WITHOUT_DETAILS},
    "force_detach": "volume_extension:volume_admin_actions:force_detach",
}


RecordDetails = dict[str, Any]


def _set_bootable(volume_id: str, details: RecordDetails) -> Any:
    update_record.set_bootable(runtime(), caller(), volume_id, **details)
    return Response(status=200, mimetype="application/json")


def _set_readonly(volume_id: str, details: RecordDetails) -> Any:
    update_record.set_readonly(runtime(), caller(), volume_id, **details)
    return responses.empty_response()


def _set_image_metadata(volume_id: str, details: RecordDetails) -> Any:
    pairs = details["metadata"]
    return {"metadata": update_record.merge_metadata(runtime(), caller(), OF_IMAGES, volume_id, pairs)}


def _remove_image_metadata(volume_id: str, details: RecordDetails) -> Any:
    update_record.remove_metadata(runtime(), caller(), OF_IMAGES, volume_id, details["key"])
    return Response(status=200, mimetype="application/json")


def _show_image_metadata(volume_id: str, details: RecordDetails) -> Any:
    del details
    with runtime().database.read() as session:
        metadata = OF_IMAGES.read(session, volume_id, caller().scope)
    if not metadata:
        raise NotFound(f"Glance metadata for volume/snapshot {volume_id} cannot be found.")
    return {"metadata": metadata}


def _reset_status(volume_id: str, details: RecordDetails) -> Any:
    reset_volume_status(runtime(), caller(), volume_id, **details)
    return responses.empty_response()


RECORD_ACTIONS: Mapping[str, Callable[[str, Any], Any]] = {
    "bootable": _set_bootable,
    "readonly": _set_readonly,
    "set_image": _set_image_metadata,
    "unset_image": _remove_image_metadata,
    "show_image": _show_image_metadata,
    "reset": _reset_status,
}

RECORD_RULES: Mapping[str, str] = {
    "bootable": "volume_extension:volume_actions:set_bootable",
    "readonly": "volume_extension:volume_actions:update_readonly_flag",
    "set_image": "volume_extension:volume_image_metadata:set",
    "unset_image": "volume_extension:volume_image_metadata:remove",
    "show_image": "volume_extension:volume_image_metadata:show",
    "reset": "volume_extension:volume_admin_actions:reset_status",
}
