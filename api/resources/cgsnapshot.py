"""Cgsnapshots: ``/cgsnapshots``, and from 3.14 on ``/group_snapshots``, Cinder's later API for them."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from api import etags, responses
from api.auth.authorization import (
    authorize,
    authorize_resource,
    read_authorized,
    read_authorized_or_forbidden,
)
from api.blueprint import Blueprint
from api.long_poll import read_at_rest
from api.request_scope import caller, runtime
from api.schemas import cgsnapshot as schemas
from api.schemas.base import ShowIn
from api.schemas.list_query import CgsnapshotListIn
from cgflow.db.repositories import cgsnapshot as cgsnapshots
from cgflow.db.repositories import consistencygroup as consistencygroups
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.paging import ListQuery
from flows.cgsnapshot import accept
from flows.reset_status import reset_status

blueprint = Blueprint("cgsnapshots", "Snapshots of all members of a consistency group at one instant.")
group_snapshots_blueprint = Blueprint("group_snapshots", "Cgsnapshots under Cinder's later API.")

_GROUP_SNAPSHOTS, _RESET = 14, 19


@blueprint.route("/cgsnapshots")
class Cgsnapshots(MethodView):
    """The list of cgsnapshots, as summaries."""

    @blueprint.takes(CgsnapshotListIn, location="query")
    @blueprint.gives(200, schemas.CgsnapshotRefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of cgsnapshots, the newest first."""
        authorize("consistencygroup:get_all_cgsnapshots")
        return responses.page_response("cgsnapshots", cgsnapshots.page, query, has_links=False)

    @blueprint.takes(schemas.CgsnapshotCreateIn)
    @blueprint.gives_accepted(schemas.CgsnapshotRefEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Take a cgsnapshot: a snapshot of every member of a consistency group at one instant."""
        authorize_cut("consistencygroup:create_cgsnapshot", body["consistencygroup_id"])
        accepted = accept.create(runtime(), caller(), **body)
        return responses.accepted_reference_response(accepted, "cgsnapshot", body["name"])


@blueprint.route("/cgsnapshots/detail")
class CgsnapshotDetails(MethodView):
    """The list of cgsnapshots in full."""

    @blueprint.takes(CgsnapshotListIn, location="query")
    @blueprint.gives(200, schemas.CgsnapshotPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List cgsnapshots in full, the newest first."""
        authorize("consistencygroup:get_all_cgsnapshots")
        return responses.page_response("cgsnapshots", cgsnapshots.page, query, has_links=False)


@blueprint.route("/cgsnapshots/<cgsnapshot_id>")
class Cgsnapshot(MethodView):
    """One cgsnapshot."""

    @blueprint.takes(ShowIn, location="query")
    @blueprint.gives(200, schemas.CgsnapshotEnvelope, 404)
    def get(self, query: dict[str, Any], cgsnapshot_id: str) -> dict[str, object] | Response:
        """Show a cgsnapshot."""
        found = read_at_rest("consistencygroup:get_cgsnapshot", cgsnapshots.get, cgsnapshot_id, query["wait"])
        return etags.resource_response("cgsnapshot", found)

    @blueprint.gives_accepted(None, 404, 409)
    def delete(self, cgsnapshot_id: str) -> Response:
        """Delete a cgsnapshot with the snapshots of all its members."""
        authorize_resource("consistencygroup:delete_cgsnapshot", cgsnapshots.get, cgsnapshot_id)
        return responses.accepted_response_without_body(accept.delete(runtime(), caller(), cgsnapshot_id))


def authorize_cut(rule: str, group_id: str) -> None:
    """Require permission for a cgsnapshot of the group, and a snapshot of each member. Raises: Forbidden."""
    authorize_resource(rule, consistencygroups.get, group_id)
    authorize_each_member_of_group("volume:create_snapshot", group_id)


def authorize_each_member_of_group(rule: str, group_id: str) -> None:
    """Require that a rule permits an action on each member in the caller's scope. Raises: Forbidden."""
    with runtime().database.read() as session:
        members = volumes.members_of(session, group_id)
    for member in members:
        if caller().scope in (None, member.project_id):
            authorize(rule, member)


@group_snapshots_blueprint.route("/group_snapshots")
@group_snapshots_blueprint.since(_GROUP_SNAPSHOTS)
class GroupSnapshots(MethodView):
    """The list of group snapshots, as summaries."""

    @group_snapshots_blueprint.takes(schemas.GroupSnapshotListIn, location="query")
    @group_snapshots_blueprint.gives(200, schemas.GroupSnapshotRefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of group snapshots, the newest first."""
        authorize("group:get_all_group_snapshots")
        return responses.page_response("group_snapshots", cgsnapshots.page_group_snapshots, query)

    @group_snapshots_blueprint.takes(schemas.GroupSnapshotCreateIn)
    @group_snapshots_blueprint.gives_accepted(schemas.GroupSnapshotCreatedEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Take a group snapshot: a snapshot of every member of a group at one instant."""
        group = read_authorized(
            "group:create_group_snapshot", consistencygroups.get_group, body["consistencygroup_id"]
        )
        authorize_cut("group:create_group_snapshot", body["consistencygroup_id"])
        accepted = accept.create(runtime(), caller(), **body)
        ref = {"id": accepted.resource_id, "name": body["name"], "group_type_id": group.group_type_id}
        return responses.accepted_response(accepted, {"group_snapshot": ref})


@group_snapshots_blueprint.route("/group_snapshots/detail")
@group_snapshots_blueprint.since(_GROUP_SNAPSHOTS)
class GroupSnapshotDetails(MethodView):
    """The list of group snapshots in full."""

    @group_snapshots_blueprint.takes(schemas.GroupSnapshotListIn, location="query")
    @group_snapshots_blueprint.gives(200, schemas.GroupSnapshotPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List group snapshots in full, the newest first."""
        authorize("group:get_all_group_snapshots")
        return responses.page_response("group_snapshots", cgsnapshots.page_group_snapshots, query)


@group_snapshots_blueprint.route("/group_snapshots/<group_snapshot_id>")
@group_snapshots_blueprint.since(_GROUP_SNAPSHOTS)
class GroupSnapshot(MethodView):
    """One group snapshot."""

    @group_snapshots_blueprint.takes(ShowIn, location="query")
    @group_snapshots_blueprint.gives(200, schemas.GroupSnapshotEnvelope, 404)
    def get(self, query: dict[str, Any], group_snapshot_id: str) -> dict[str, object] | Response:
        """Show a group snapshot."""
        found = read_at_rest(
            "group:get_group_snapshot", cgsnapshots.get_group_snapshot, group_snapshot_id, query["wait"]
        )
        return etags.resource_response("group_snapshot", found)

    @group_snapshots_blueprint.gives_accepted(None, 404, 409)
    def delete(self, group_snapshot_id: str) -> Response:
        """Delete a group snapshot with the snapshots of all its members."""
        read_authorized("group:delete_group_snapshot", cgsnapshots.get_group_snapshot, group_snapshot_id)
        return responses.accepted_response_without_body(accept.delete(runtime(), caller(), group_snapshot_id))


@group_snapshots_blueprint.route("/group_snapshots/<group_snapshot_id>/action")
@group_snapshots_blueprint.since(_RESET)
class GroupSnapshotAction(MethodView):
    """An administrative action on a group snapshot."""

    @group_snapshots_blueprint.takes(schemas.GroupSnapshotActionIn)
    @group_snapshots_blueprint.gives(202, None, 403, 404, 409)
    def post(self, body: dict[str, Any], group_snapshot_id: str) -> Response:
        """Reset the status of a group snapshot; for administrators."""
        read_authorized_or_forbidden(
            "group:reset_group_snapshot_status", cgsnapshots.get_group_snapshot, group_snapshot_id
        )
        reset_status(runtime(), caller(), "cgsnapshot", group_snapshot_id, **body["reset"])
        return responses.empty_response()
