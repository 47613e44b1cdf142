"""Groups: ``/groups``, from 3.13 on, Cinder's later API for consistency groups."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import Response, request
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize, read_authorized, read_authorized_or_forbidden
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.resources.cgsnapshot import authorize_cut
from api.resources.consistencygroup import revert_group
from api.schemas import group as schemas
from api.versions import is_at_least
from cgflow.booleans import parse_boolean
from cgflow.db.repositories import group as groups
from cgflow.db.repositories import group_snapshot as group_snapshots
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import InvalidState
from flows.consistencygroup import accept, accept_create_from, accept_update
from flows.reset_status import reset_status

blueprint = Blueprint("groups", "Consistency groups, in the words that came later.")

_SINCE, _FROM_SOURCE, _LIST_VOLUMES = 13, 14, 25


@blueprint.route("/groups")
@blueprint.since(_SINCE)
class Groups(MethodView):
    """The list of groups, as summaries."""

    @blueprint.takes(schemas.GroupListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of groups, the newest first."""
        authorize("group:get_all")
        return responses.page_response("groups", groups.page, query)

    @blueprint.takes(schemas.GroupCreateIn)
    @blueprint.accepts(schemas.RefEnvelope, 404, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a group of a group type that accepts volumes of the given volume types."""
        authorize("group:create")
        accepted = accept.create(runtime(), caller(), **body)
        return responses.accepted_response(
            accepted, {"group": {"id": accepted.resource_id, "name": body["name"]}}
        )


@blueprint.route("/groups/detail")
@blueprint.since(_SINCE)
class GroupDetails(MethodView):
    """The list of groups in full."""

    @blueprint.takes(schemas.GroupDetailListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List groups in full, the newest first; from 3.25 on with ``list_volume`` also their volumes."""
        authorize("group:get_all")
        page = responses.page_response("groups", groups.page, query)
        return page | {"groups": _with_volumes(page["groups"])}


@blueprint.route("/groups/action")
@blueprint.since(_FROM_SOURCE)
class GroupsAction(MethodView):
    """The creation of a group from a source."""

    @blueprint.takes(schemas.GroupsActionIn)
    @blueprint.accepts(schemas.RefEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a group whose volumes have the data of a group snapshot or of another group."""
        authorize("group:create")
        with runtime().database.read() as session:
            if body["cgsnapshot_id"]:
                group_snapshots.get(session, body["cgsnapshot_id"], caller().scope)
            else:
                groups.get(session, body["source_cgid"], caller().scope)
        accepted = accept_create_from.create_from(runtime(), caller(), **body)
        return responses.accepted_response(
            accepted, {"group": {"id": accepted.resource_id, "name": body["name"]}}
        )


@blueprint.route("/groups/<group_id>")
@blueprint.since(_SINCE)
class Group(MethodView):
    """One group."""

    @blueprint.takes(schemas.GroupShowIn, location="query")
    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, _query: dict[str, bool], group_id: str) -> dict[str, object]:
        """Show a group, from 3.25 on with ``list_volume`` also its volumes."""
        return {"group": _with_volumes([read_authorized("group:get", groups.get, group_id)])[0]}

    @blueprint.takes(schemas.GroupUpdateIn)
    @blueprint.accepts(None, 404, 409)
    def put(self, body: dict[str, Any], group_id: str) -> Response:
        """Change the name or description of a group, or add and remove volumes."""
        read_authorized("group:update", groups.get, group_id)
        return responses.accepted_without_body(accept_update.update(runtime(), caller(), group_id, **body))


@blueprint.route("/groups/<group_id>/action")
@blueprint.since(_SINCE)
class GroupAction(MethodView):
    """An action on a group."""

    @blueprint.takes(schemas.GroupActionIn)
    @blueprint.accepts(None, 403, 404, 409, 413)
    def post(self, body: dict[str, Any], group_id: str) -> Response:
        """Delete a group, restore it to a group snapshot, or reset its status (3.20); not replicate."""
        if "delete" in body:
            read_authorized("group:delete", groups.get, group_id)
            how = body["delete"] | {"flag": "delete-volumes"}
            return responses.accepted_without_body(accept.delete(runtime(), caller(), group_id, **how))
        if "revert" in body:
            read_authorized("group:revert_to_group_snapshot", groups.get, group_id)
            if body["revert"]["safety"] is not None:
                authorize_cut("group:create_group_snapshot", group_id)
            return revert_group(group_id, body["revert"])
        (action,) = body
        if action != "reset":
            _refuse_replication(action, group_id)
        read_authorized_or_forbidden("group:reset_status", groups.get, group_id)
        reset_status(runtime(), caller(), "consistencygroup", group_id, **body["reset"])
        return responses.empty_response()


def _refuse_replication(action: str, group_id: str) -> NoReturn:
    group = read_authorized_or_forbidden(f"group:{action}", groups.get, group_id)
    raise InvalidState(
        f"Invalid group: {action} is not possible for group {group.id}: no backend replicates to another."
    )


def _with_volumes(found: Any) -> list[Any]:
    """Return groups, together with the ids of their volumes if those are requested."""
    if not (is_at_least(_LIST_VOLUMES) and parse_boolean(request.args.get("list_volume", "false"))):
        return list(found)
    with runtime().database.read() as session:
        members = groups.member_ids(session, [one.id for one in found])
    return [vars(one) | {"volumes": members[one.id]} for one in found]
