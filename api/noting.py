"""The volume actions that change only the record of a volume, by their names in the request schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response

from api import responses
from api.request_scope import caller, runtime
from cgflow.db.repositories.metadata import OF_IMAGES
from cgflow.errors import NotFound
from flows import reset
from flows.volume import annotate

Details = dict[str, Any]


def _bootable(volume_id: str, details: Details) -> Any:
    annotate.set_bootable(runtime(), caller(), volume_id, **details)
    return Response(status=200, mimetype="application/json")


def _readonly(volume_id: str, details: Details) -> Any:
    annotate.set_readonly(runtime(), caller(), volume_id, **details)
    return responses.empty_response()


def _set_image(volume_id: str, details: Details) -> Any:
    with runtime().database.write() as session:
        return {"metadata": OF_IMAGES.merge(session, volume_id, caller().scope, details["metadata"])}


def _unset_image(volume_id: str, details: Details) -> Any:
    with runtime().database.write() as session:
        OF_IMAGES.remove(session, volume_id, caller().scope, details["key"])
    return Response(status=200, mimetype="application/json")


def _show_image(volume_id: str, details: Details) -> Any:
    del details
    with runtime().database.read() as session:
        metadata = OF_IMAGES.read(session, volume_id, caller().scope)
    if not metadata:
        raise NotFound(f"Glance metadata for volume/snapshot {volume_id} cannot be found.")
    return {"metadata": metadata}


def _reset(volume_id: str, details: Details) -> Any:
    reset.volume(runtime(), caller(), volume_id, **details)
    return responses.empty_response()


ACTIONS: Mapping[str, Callable[[str, Any], Any]] = {
    "bootable": _bootable,
    "readonly": _readonly,
    "set_image": _set_image,
    "unset_image": _unset_image,
    "show_image": _show_image,
    "reset": _reset,
}

RULES: Mapping[str, str] = {
    "bootable": "volume_extension:volume_actions:set_bootable",
    "readonly": "volume_extension:volume_actions:update_readonly_flag",
    "set_image": "volume_extension:volume_image_metadata:set",
    "unset_image": "volume_extension:volume_image_metadata:remove",
    "show_image": "volume_extension:volume_image_metadata:show",
    "reset": "volume_extension:volume_admin_actions:reset_status",
}
