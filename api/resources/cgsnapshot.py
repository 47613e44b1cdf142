"""Cgsnapshots: ``/cgsnapshots``."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize, authorize_resource, read_authorized
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import cgsnapshot as schemas
from api.schemas.list_query import CgsnapshotListIn
from cgflow.db.repositories import cgsnapshot as cgsnapshots
from cgflow.db.repositories import consistencygroup as consistencygroups
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.paging import ListQuery
from flows.cgsnapshot import accept

blueprint = Blueprint("cgsnapshots", "The consistent points in time of consistency groups.")


@blueprint.route("/cgsnapshots")
class Cgsnapshots(MethodView):
    """The list of cgsnapshots, as summaries."""

    @blueprint.takes(CgsnapshotListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of cgsnapshots, the newest first."""
        authorize("consistencygroup:get_all_cgsnapshots")
        return responses.page_response("cgsnapshots", cgsnapshots.page, query, has_links=False)

    @blueprint.takes(schemas.CgsnapshotCreateIn)
    @blueprint.accepts(schemas.RefEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Take a cgsnapshot: a snapshot of every member of a consistency group at one instant."""
        authorize_cut("consistencygroup:create_cgsnapshot", body["consistencygroup_id"])
        accepted = accept.create(runtime(), caller(), **body)
        ref = {"id": accepted.resource_id, "name": body["name"]}
        return responses.accepted_response(accepted, {"cgsnapshot": ref})


@blueprint.route("/cgsnapshots/detail")
class CgsnapshotDetails(MethodView):
    """The list of cgsnapshots in full."""

    @blueprint.takes(CgsnapshotListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List cgsnapshots in full, the newest first."""
        authorize("consistencygroup:get_all_cgsnapshots")
        return responses.page_response("cgsnapshots", cgsnapshots.page, query, has_links=False)


@blueprint.route("/cgsnapshots/<cgsnapshot_id>")
class Cgsnapshot(MethodView):
    """One cgsnapshot."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, cgsnapshot_id: str) -> dict[str, object]:
        """Show a cgsnapshot."""
        return {
            "cgsnapshot": read_authorized("consistencygroup:get_cgsnapshot", cgsnapshots.get, cgsnapshot_id)
        }

    @blueprint.accepts(None, 404, 409)
    def delete(self, cgsnapshot_id: str) -> Response:
        """Delete a cgsnapshot with the snapshots of all its members."""
        authorize_resource("consistencygroup:delete_cgsnapshot", cgsnapshots.get, cgsnapshot_id)
        return responses.accepted_without_body(accept.delete(runtime(), caller(), cgsnapshot_id))


def authorize_cut(rule: str, group_id: str) -> None:
    """Require permission for a cgsnapshot of the group, and a snapshot of each member. Raises: Forbidden."""
    authorize_resource(rule, consistencygroups.get, group_id)
    authorize_members("volume:create_snapshot", group_id)


def authorize_members(rule: str, group_id: str) -> None:
    """Require that a rule permits an action on each member in the caller's scope. Raises: Forbidden."""
    with runtime().database.read() as session:
        members = volumes.members_of(session, group_id)
    for member in members:
        if caller().scope in (None, member.project_id):
            authorize(rule, member)
