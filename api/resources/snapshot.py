"""Snapshots: ``/snapshots``. Each is of one volume, alone or one of a cgsnapshot."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from api import answers, connections
from api.auth import authorize, authorize_on, permitted
from api.blueprint import Blueprint
from api.current import caller, desk
from api.schemas import snapshot as schemas
from api.schemas.action import ConnectionInfoOut, SnapshotActionIn
from api.schemas.listing import SnapshotListIn
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.paging import ListQuery
from flows import reset
from flows.snapshot import accept

blueprint = Blueprint("snapshots", "Frozen copies of volumes, alone or inside cgsnapshots.")

_ACTIONS = {
    "reset": "volume_extension:snapshot_admin_actions:reset_status",
    "connect": "volume_extension:snapshot_actions:initialize_connection",
    "disconnect": "volume_extension:snapshot_actions:terminate_connection",
    "force_delete": "volume_extension:snapshot_admin_actions:force_delete",
    "update_status": "volume_extension:snapshot_actions:update_snapshot_status",
}


@blueprint.route("/snapshots")
class Snapshots(MethodView):
    """All of them, in short."""

    @blueprint.takes(SnapshotListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List snapshots, the newest first."""
        authorize("volume:get_all_snapshots")
        return answers.page("snapshots", snapshots.page, query, snapshots.ROWS.count)

    @blueprint.takes(schemas.SnapshotCreateIn)
    @blueprint.accepts(schemas.CreatedEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> answers.Answer:
        """Take a snapshot of one volume."""
        authorize_on("volume:create_snapshot", volumes.get, body["volume_id"])
        accepted = accept.create(desk(), caller(), **body)
        with desk().database.read() as session:
            snapshot = snapshots.get(session, accepted.resource_id, None)
        return answers.accepted(accepted, {"snapshot": snapshot})


@blueprint.route("/snapshots/detail")
class SnapshotDetails(MethodView):
    """All of them, in full."""

    @blueprint.takes(SnapshotListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List snapshots in full, the newest first."""
        authorize("volume:get_all_snapshots")
        return answers.page("snapshots", snapshots.page, query, snapshots.ROWS.count)


@blueprint.route("/snapshots/<snapshot_id>")
class Snapshot(MethodView):
    """One of them."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, snapshot_id: str) -> dict[str, object]:
        """Show a snapshot."""
        return {"snapshot": permitted("volume:get_snapshot", snapshots.get, snapshot_id)}

    @blueprint.takes(schemas.SnapshotUpdateIn)
    @blueprint.gives(200, schemas.ChangedEnvelope, 404)
    def put(self, body: dict[str, Any], snapshot_id: str) -> dict[str, object]:
        """Rename a snapshot, or describe it anew."""
        authorize_on("volume:update_snapshot", snapshots.get, snapshot_id)
        with desk().database.write() as session:
            snapshots.lock(session, snapshot_id, caller().scope)
            snapshots.ROWS.annotate(session, snapshot_id, **body)
        with desk().database.read() as session:
            return {"snapshot": snapshots.get(session, snapshot_id, caller().scope)}

    @blueprint.accepts(None, 404, 409)
    def delete(self, snapshot_id: str) -> Response:
        """Delete a snapshot. One of a cgsnapshot goes only together with the whole."""
        authorize_on("volume:delete_snapshot", snapshots.get, snapshot_id)
        return answers.accepted_empty(accept.delete(desk(), caller(), snapshot_id))


@blueprint.route("/snapshots/<snapshot_id>/action")
class SnapshotAction(MethodView):
    """What can be done with one."""

    @blueprint.takes(SnapshotActionIn)
    @blueprint.gives(202)
    @blueprint.gives(200, ConnectionInfoOut, 404, 409)
    def post(self, body: dict[str, Any], snapshot_id: str) -> Any:
        """Make a snapshot readable and learn its address (200), or withdraw it again (202)."""
        ((action, details),) = body.items()
        for rule in connections.rules(_ACTIONS[action], action, details):
            authorize_on(rule, snapshots.get, snapshot_id)
        if action == "connect":
            return {"connection_info": connections.connect_snapshot(snapshot_id, details)}
        if "force_delete" in body:
            return answers.accepted_empty(accept.delete(desk(), caller(), snapshot_id, force=True))
        if "update_status" in body:
            reset.update_snapshot(desk(), caller(), snapshot_id, **body["update_status"])
            return answers.empty()
        if "reset" in body:
            reset.snapshot(desk(), caller(), snapshot_id, **body["reset"])
            return answers.empty()
        connections.disconnect_snapshot(snapshot_id)
        return answers.empty()
