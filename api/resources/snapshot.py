"""Snapshots: ``/snapshots``. Each is of one volume, either single or a member of a cgsnapshot."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from api import etags, responses, volume_connections
from api.auth.authorization import authorize, authorize_resource
from api.blueprint import Blueprint
from api.long_poll import read_at_rest
from api.request_scope import caller, runtime
from api.schemas import snapshot as schemas
from api.schemas.action import ConnectionInfoOut, SnapshotActionIn
from api.schemas.base import ShowIn
from api.schemas.list_query import SnapshotListIn
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.paging import ListQuery
from flows import update_record
from flows.reset_status import reset_status, update_snapshot_status
from flows.snapshot import accept

blueprint = Blueprint("snapshots", "Snapshots of volumes, single or as part of a cgsnapshot.")

_ACTIONS = {
    "reset": "volume_extension:snapshot_admin_actions:reset_status",
    "connect": "volume_extension:snapshot_actions:initialize_connection",
    "disconnect": "volume_extension:snapshot_actions:terminate_connection",
    "force_delete": "volume_extension:snapshot_admin_actions:force_delete",
    "update_status": "volume_extension:snapshot_actions:update_snapshot_status",
}


@blueprint.route("/snapshots")
class Snapshots(MethodView):
    """The list of snapshots, as summaries."""

    @blueprint.takes(SnapshotListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List snapshots, the newest first."""
        authorize("volume:get_all_snapshots")
        return responses.page_response("snapshots", snapshots.page, query, snapshots.REPOSITORY.count)

    @blueprint.takes(schemas.SnapshotCreateIn)
    @blueprint.gives_accepted(schemas.CreatedEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Take a snapshot of one volume."""
        authorize_resource("volume:create_snapshot", volumes.get, body["volume_id"])
        accepted = accept.create(runtime(), caller(), **body)
        with runtime().database.read() as session:
            snapshot = snapshots.get(session, accepted.resource_id, None)
        return responses.accepted_response(accepted, {"snapshot": snapshot})


@blueprint.route("/snapshots/detail")
class SnapshotDetails(MethodView):
    """The list of snapshots in full."""

    @blueprint.takes(SnapshotListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List snapshots in full, the newest first."""
        authorize("volume:get_all_snapshots")
        return responses.page_response("snapshots", snapshots.page, query, snapshots.REPOSITORY.count)


@blueprint.route("/snapshots/<snapshot_id>")
class Snapshot(MethodView):
    """One snapshot."""

    @blueprint.takes(ShowIn, location="query")
    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, query: dict[str, Any], snapshot_id: str) -> dict[str, object] | Response:
        """Show a snapshot."""
        found = read_at_rest("volume:get_snapshot", snapshots.get, snapshot_id, query["wait"])
        return etags.resource_response("snapshot", found)

    @blueprint.takes(schemas.SnapshotUpdateIn)
    @blueprint.gives(200, schemas.ChangedEnvelope, 404)
    def put(self, body: dict[str, Any], snapshot_id: str) -> dict[str, object]:
        """Change the name or description of a snapshot."""
        authorize_resource("volume:update_snapshot", snapshots.get, snapshot_id)
        update_record.update(runtime(), caller(), "snapshot", snapshot_id, body)
        with runtime().database.read() as session:
            return {"snapshot": snapshots.get(session, snapshot_id, caller().scope)}

    @blueprint.gives_accepted(None, 404, 409)
    def delete(self, snapshot_id: str) -> Response:
        """Delete a snapshot; one of a cgsnapshot can only be deleted with the whole cgsnapshot."""
        authorize_resource("volume:delete_snapshot", snapshots.get, snapshot_id)
        return responses.accepted_response_without_body(accept.delete(runtime(), caller(), snapshot_id))


@blueprint.route("/snapshots/<snapshot_id>/action")
class SnapshotAction(MethodView):
    """An action on a snapshot."""

    @blueprint.takes(SnapshotActionIn)
    @blueprint.gives(202)
    @blueprint.gives(200, ConnectionInfoOut, 404, 409)
    def post(self, body: dict[str, Any], snapshot_id: str) -> Any:
        """Export a snapshot for reading and return its connection (200), or remove the export (202)."""
        ((action, details),) = body.items()
        for rule in volume_connections.rules_for_action(_ACTIONS[action], action, details):
            authorize_resource(rule, snapshots.get, snapshot_id)
        if action == "connect":
            return {"connection_info": volume_connections.connect_snapshot(snapshot_id, details)}
        if "force_delete" in body:
            return responses.accepted_response_without_body(
                accept.delete(runtime(), caller(), snapshot_id, force=True)
            )
        if "update_status" in body:
            update_snapshot_status(runtime(), caller(), snapshot_id, **body["update_status"])
            return responses.empty_response()
        if "reset" in body:
            reset_status(runtime(), caller(), "snapshot", snapshot_id, **body["reset"])
            return responses.empty_response()
        volume_connections.disconnect_snapshot(snapshot_id)
        return responses.empty_response()
