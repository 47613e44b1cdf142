"""Consistency groups: ``/consistencygroups``."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize, authorize_resource, read_authorized
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.resources.cgsnapshot import authorize_cut, authorize_members
from api.schemas import consistencygroup as schemas
from api.schemas.list_query import ConsistencyGroupListIn
from cgflow.db.repositories import consistencygroup as consistencygroups
from cgflow.db.repositories.paging import ListQuery
from flows.consistencygroup import accept, accept_create_from, accept_revert, accept_update

blueprint = Blueprint("consistencygroups", "Volumes that share one point in time.")


@blueprint.route("/consistencygroups")
class ConsistencyGroups(MethodView):
    """The list of consistency groups, as summaries."""

    @blueprint.takes(ConsistencyGroupListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of consistency groups, the newest first."""
        authorize("consistencygroup:get_all")
        return responses.page_response("consistencygroups", consistencygroups.page, query)

    @blueprint.takes(schemas.ConsistencyGroupCreateIn)
    @blueprint.accepts(schemas.RefEnvelope, 404, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a consistency group that accepts volumes of the given types."""
        authorize("consistencygroup:create")
        accepted = accept.create(runtime(), caller(), **body)
        ref = {"id": accepted.resource_id, "name": body["name"]}
        return responses.accepted_response(accepted, {"consistencygroup": ref})


@blueprint.route("/consistencygroups/detail")
class ConsistencyGroupDetails(MethodView):
    """The list of consistency groups in full."""

    @blueprint.takes(ConsistencyGroupListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List consistency groups in full, the newest first."""
        authorize("consistencygroup:get_all")
        return responses.page_response("consistencygroups", consistencygroups.page, query)


@blueprint.route("/consistencygroups/<group_id>")
class ConsistencyGroup(MethodView):
    """One consistency group."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, group_id: str) -> dict[str, object]:
        """Show a consistency group."""
        return {"consistencygroup": read_authorized("consistencygroup:get", consistencygroups.get, group_id)}

    @blueprint.takes(schemas.ConsistencyGroupUpdateIn)
    @blueprint.accepts(None, 404, 409)
    def put(self, body: dict[str, Any], group_id: str) -> Response:
        """Change the name or description of a consistency group, or add and remove volumes."""
        authorize_resource("consistencygroup:update", consistencygroups.get, group_id)
        return responses.accepted_without_body(accept_update.update(runtime(), caller(), group_id, **body))

    @blueprint.accepts(None, 404, 409)
    def delete(self, group_id: str) -> Response:
        """Delete a consistency group that has no volumes."""
        authorize_resource("consistencygroup:delete", consistencygroups.get, group_id)
        return responses.accepted_without_body(accept.delete(runtime(), caller(), group_id, force=False))


@blueprint.route("/consistencygroups/<group_id>/update")
class ConsistencyGroupUpdate(MethodView):
    """The change of a consistency group, at the older path."""

    @blueprint.takes(schemas.ConsistencyGroupUpdateIn)
    @blueprint.accepts(None, 404, 409)
    def put(self, body: dict[str, Any], group_id: str) -> Response:
        """Change the name or description of a consistency group, or add and remove volumes."""
        authorize_resource("consistencygroup:update", consistencygroups.get, group_id)
        return responses.accepted_without_body(accept_update.update(runtime(), caller(), group_id, **body))


@blueprint.route("/consistencygroups/create_from_src")
class ConsistencyGroupFromSource(MethodView):
    """The creation of a consistency group from a source."""

    @blueprint.takes(schemas.ConsistencyGroupFromSourceIn)
    @blueprint.accepts(schemas.RefEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a consistency group whose volumes have the data of a cgsnapshot or of another group."""
        authorize("consistencygroup:create")
        accepted = accept_create_from.create_from(runtime(), caller(), **body)
        ref = {"id": accepted.resource_id, "name": body["name"]}
        return responses.accepted_response(accepted, {"consistencygroup": ref})


@blueprint.route("/consistencygroups/<group_id>/delete")
class ConsistencyGroupDeletion(MethodView):
    """The deletion of a consistency group."""

    @blueprint.takes(schemas.ConsistencyGroupDeleteIn)
    @blueprint.accepts(None, 404, 409)
    def post(self, body: dict[str, Any], group_id: str) -> Response:
        """Delete a consistency group; with force, its volumes, too."""
        authorize_resource("consistencygroup:delete", consistencygroups.get, group_id)
        return responses.accepted_without_body(accept.delete(runtime(), caller(), group_id, **body))


@blueprint.route("/consistencygroups/<group_id>/action")
class ConsistencyGroupAction(MethodView):
    """An action on a consistency group."""

    @blueprint.takes(schemas.ConsistencyGroupActionIn)
    @blueprint.accepts(None, 404, 409, 413)
    def post(self, body: dict[str, Any], group_id: str) -> Response:
        """Restore every member to a cgsnapshot, after taking a safety cgsnapshot if requested."""
        authorize_resource("consistencygroup:revert_to_cgsnapshot", consistencygroups.get, group_id)
        if body["revert"]["safety"] is not None:
            authorize_cut("consistencygroup:create_cgsnapshot", group_id)
        return revert_group(group_id, body["revert"])


def revert_group(group_id: str, how: dict[str, Any]) -> Response:
    """Accept to restore a group, if the caller may restore each of its members. Raises: Forbidden."""
    authorize_members("volume:revert_to_snapshot", group_id)
    return responses.accepted_without_body(accept_revert.revert(runtime(), caller(), group_id, **how))
