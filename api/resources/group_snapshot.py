"""Group snapshots: ``/group_snapshots``, from 3.14 on, Cinder's later API for cgsnapshots."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize, read_authorized, read_authorized_or_forbidden
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.resources.cgsnapshot import authorize_cut
from api.schemas import group_snapshot as schemas
from cgflow.db.repositories import group as groups
from cgflow.db.repositories import group_snapshot as group_snapshots
from cgflow.db.repositories.paging import ListQuery
from flows.cgsnapshot import accept
from flows.reset_status import reset_status

blueprint = Blueprint("group_snapshots", "Cgsnapshots, in the words that came later.")

_SINCE, _RESET = 14, 19


@blueprint.route("/group_snapshots")
@blueprint.since(_SINCE)
class GroupSnapshots(MethodView):
    """The list of group snapshots, as summaries."""

    @blueprint.takes(schemas.GroupSnapshotListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of group snapshots, the newest first."""
        authorize("group:get_all_group_snapshots")
        return responses.page_response("group_snapshots", group_snapshots.page, query)

    @blueprint.takes(schemas.GroupSnapshotCreateIn)
    @blueprint.accepts(schemas.CreatedEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Take a group snapshot: a snapshot of every member of a group at one instant."""
        group = read_authorized("group:create_group_snapshot", groups.get, body["consistencygroup_id"])
        authorize_cut("group:create_group_snapshot", body["consistencygroup_id"])
        accepted = accept.create(runtime(), caller(), **body)
        shown = {"id": accepted.resource_id, "name": body["name"], "group_type_id": group.group_type_id}
        return responses.accepted_response(accepted, {"group_snapshot": shown})


@blueprint.route("/group_snapshots/detail")
@blueprint.since(_SINCE)
class GroupSnapshotDetails(MethodView):
    """The list of group snapshots in full."""

    @blueprint.takes(schemas.GroupSnapshotListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List group snapshots in full, the newest first."""
        authorize("group:get_all_group_snapshots")
        return responses.page_response("group_snapshots", group_snapshots.page, query)


@blueprint.route("/group_snapshots/<group_snapshot_id>")
@blueprint.since(_SINCE)
class GroupSnapshot(MethodView):
    """One group snapshot."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, group_snapshot_id: str) -> dict[str, object]:
        """Show a group snapshot."""
        found = read_authorized("group:get_group_snapshot", group_snapshots.get, group_snapshot_id)
        return {"group_snapshot": found}

    @blueprint.accepts(None, 404, 409)
    def delete(self, group_snapshot_id: str) -> Response:
        """Delete a group snapshot with the snapshots of all its members."""
        read_authorized("group:delete_group_snapshot", group_snapshots.get, group_snapshot_id)
        return responses.accepted_without_body(accept.delete(runtime(), caller(), group_snapshot_id))


@blueprint.route("/group_snapshots/<group_snapshot_id>/action")
@blueprint.since(_RESET)
class GroupSnapshotAction(MethodView):
    """An administrative action on a group snapshot."""

    @blueprint.takes(schemas.GroupSnapshotActionIn)
    @blueprint.gives(202, None, 403, 404, 409)
    def post(self, body: dict[str, Any], group_snapshot_id: str) -> Response:
        """Reset the status of a group snapshot; for administrators."""
        read_authorized_or_forbidden(
            "group:reset_group_snapshot_status", group_snapshots.get, group_snapshot_id
        )
        reset_status(runtime(), caller(), "cgsnapshot", group_snapshot_id, **body["reset"])
        return responses.empty_response()
