"""Volumes: ``/volumes``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from flask import Response
from flask.views import MethodView

from api import etags, responses, versions, volume_connections
from api.auth.authorization import authorize, authorize_resource
from api.blueprint import Blueprint
from api.long_poll import read_at_rest
from api.request_scope import caller, runtime
from api.resources import volume_record_actions
from api.schemas import volume as schemas
from api.schemas.action import VolumeActionIn, VolumeActionOut
from api.schemas.base import ShowIn
from api.schemas.list_query import VolumeListIn
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.paging import ListQuery
from flows import update_record
from flows.acceptance import Accepted
from flows.volume import accept, accept_change

CHANGES: dict[str, Callable[..., Accepted]] = {
    "extend": accept_change.extend,
    "retype": accept_change.retype,
    "revert": accept_change.revert,
}

REFUSALS: dict[str, Callable[..., NoReturn]] = {
    "migrate": accept_change.refuse_migration,
    "upload": accept_change.refuse_upload_to_image,
    "reimage": accept_change.refuse_reimage,
    "extend_completion": accept_change.refuse_extend_completion,
}

ACTIONS = {**volume_record_actions.ATTACHMENT_ACTIONS, **volume_record_actions.RECORD_ACTIONS}

blueprint = Blueprint("volumes", "Block volumes, in consistency groups and outside.")
summary_blueprint = Blueprint("summaries", "The number of volumes and their total size.")

_METADATA = 36

_RULES = {
    **volume_record_actions.ATTACHMENT_RULES,
    **volume_record_actions.RECORD_RULES,
    "extend": "volume:extend",
    "retype": "volume:retype",
    "revert": "volume:revert_to_snapshot",
    "migrate": "volume_extension:volume_admin_actions:migrate_volume",
    "upload": "volume_extension:volume_actions:upload_image",
    "reimage": "volume:reimage",
    "extend_completion": "volume_extension:volume_admin_actions:extend_volume_completion",
    "force_delete": "volume_extension:volume_admin_actions:force_delete",
    "connect": "volume_extension:volume_actions:initialize_connection",
    "disconnect": "volume_extension:volume_actions:terminate_connection",
}


@blueprint.route("/volumes")
class Volumes(MethodView):
    """The list of volumes, as summaries."""

    @blueprint.takes(VolumeListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of volumes, the newest first."""
        authorize("volume:get_all")
        return responses.page_response("volumes", volumes.page, query, volumes.REPOSITORY.count)

    @blueprint.takes(schemas.VolumeCreateIn)
    @blueprint.gives_accepted(schemas.CreatedEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a volume, in a consistency group if one is named."""
        authorize("volume:create")
        accepted = accept.create(runtime(), caller(), **body)
        with runtime().database.read() as session:
            volume = volumes.get(session, accepted.resource_id, None)
        return responses.accepted_response(accepted, {"volume": volume})


@blueprint.route("/volumes/detail")
class VolumeDetails(MethodView):
    """The list of volumes in full."""

    @blueprint.takes(VolumeListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List volumes in full, the newest first."""
        authorize("volume:get_all")
        return responses.page_response("volumes", volumes.page, query, volumes.REPOSITORY.count)


@blueprint.route("/volumes/<volume_id>")
class Volume(MethodView):
    """One volume."""

    @blueprint.takes(ShowIn, location="query")
    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, query: dict[str, Any], volume_id: str) -> dict[str, object] | Response:
        """Show a volume."""
        found = read_at_rest("volume:get", volumes.get, volume_id, query["wait"])
        return etags.resource_response("volume", found)

    @blueprint.takes(schemas.VolumeUpdateIn)
    @blueprint.gives(200, schemas.ChangedEnvelope, 404)
    def put(self, body: dict[str, Any], volume_id: str) -> dict[str, object]:
        """Change the name or description of a volume, or replace its metadata."""
        authorize_resource("volume:update", volumes.get, volume_id)
        update_record.update(runtime(), caller(), "volume", volume_id, body)
        with runtime().database.read() as session:
            return {"volume": volumes.get(session, volume_id, caller().scope)}

    @blueprint.takes(schemas.VolumeDeleteIn, location="query")
    @blueprint.gives_accepted(None, 404, 409)
    def delete(self, query: dict[str, Any], volume_id: str) -> Response:
        """Delete a volume that is in no consistency group; with ``cascade``, its snapshots, too."""
        authorize_resource("volume:delete", volumes.get, volume_id)
        if query["force"]:
            authorize_resource("volume:force_delete", volumes.get, volume_id)
        return responses.accepted_response_without_body(
            accept.delete(runtime(), caller(), volume_id, **query)
        )


@blueprint.route("/volumes/<volume_id>/action")
class VolumeAction(MethodView):
    """An action on a volume."""

    @blueprint.takes(VolumeActionIn)
    @blueprint.gives_accepted(None)
    @blueprint.gives(200, VolumeActionOut, 404, 409, 413)
    def post(self, body: dict[str, Any], volume_id: str) -> Any:
        """Change a volume or its attachments (202), or return information about it (200)."""
        ((action, details),) = body.items()
        for rule in volume_connections.rules_for_action(_RULES[action], action, details):
            authorize_resource(rule, volumes.get, volume_id)
        if action in ACTIONS:
            return ACTIONS[action](volume_id, details)
        if action in CHANGES:
            return responses.accepted_response_without_body(
                CHANGES[action](runtime(), caller(), volume_id, **details)
            )
        if action == "force_delete":
            return responses.accepted_response_without_body(
                accept.delete(runtime(), caller(), volume_id, force=True)
            )
        if action == "connect":
            return {"connection_info": volume_connections.connect_volume(volume_id, details)}
        if action in REFUSALS:
            REFUSALS[action](runtime(), caller(), volume_id)
        volume_connections.disconnect_volume(volume_id, details)
        return responses.empty_response()


@summary_blueprint.since(12)
@summary_blueprint.route("/volumes/summary")
class VolumeSummary(MethodView):
    """The number and size of all volumes."""

    @summary_blueprint.takes(schemas.SummaryIn, location="query")
    @summary_blueprint.gives(200, schemas.SummaryOut)
    def get(self, _query: dict[str, str]) -> dict[str, object]:
        """Count the volumes of the caller's project, or of all for an administrator who requests them."""
        authorize("volume:get_all")
        with runtime().database.read() as session:
            count, size = volumes.count_and_total_size(session, caller().scope)
            summary: dict[str, object] = {"total_count": count, "total_size": size}
            if versions.is_at_least(_METADATA):
                summary["metadata"] = volumes.metadata_values(session, caller().scope)
        return {"volume-summary": summary}
