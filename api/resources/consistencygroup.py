"""Consistency groups: ``/consistencygroups``, and from 3.13 on ``/groups``, Cinder's later API for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from flask import Response, request
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
from api.resources.cgsnapshot import authorize_cut, authorize_each_member_of_group
from api.schemas import consistencygroup as schemas
from api.schemas.base import ShowIn
from api.schemas.list_query import ConsistencyGroupListIn
from api.versions import is_at_least
from cgflow import records
from cgflow.booleans import parse_boolean
from cgflow.db.repositories import cgsnapshot as cgsnapshots
from cgflow.db.repositories import consistencygroup as consistencygroups
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import InvalidState
from flows.consistencygroup import accept, accept_change
from flows.reset_status import reset_status

blueprint = Blueprint("consistencygroups", "Groups of volumes whose snapshots are taken at one instant.")
groups_blueprint = Blueprint("groups", "Consistency groups under Cinder's later API.")

_GROUPS, _FROM_SOURCE, _LIST_VOLUMES = 13, 14, 25


_LISTS = {
    "consistencygroups": ("consistencygroup:get_all", consistencygroups.page),
    "groups": ("group:get_all", consistencygroups.page_groups),
}
"""The policy rule of each list of groups, and the query that reads it, by the key of the response."""


def _list_groups(key: str, query: ListQuery) -> dict[str, object]:
    rule, read_page = _LISTS[key]
    authorize(rule)
    return responses.page_response(key, read_page, query)


@blueprint.route("/consistencygroups")
class ConsistencyGroups(MethodView):
    """The list of consistency groups, as summaries."""

    @blueprint.takes(ConsistencyGroupListIn, location="query")
    @blueprint.gives(200, schemas.ConsistencyGroupRefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of consistency groups, the newest first."""
        return _list_groups("consistencygroups", query)

    @blueprint.takes(schemas.ConsistencyGroupCreateIn)
    @blueprint.gives_accepted(schemas.ConsistencyGroupRefEnvelope, 404, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a consistency group that accepts volumes of the given types."""
        authorize("consistencygroup:create")
        accepted = accept.create(runtime(), caller(), **body)
        return responses.accepted_reference_response(accepted, "consistencygroup", body["name"])


@blueprint.route("/consistencygroups/detail")
class ConsistencyGroupDetails(MethodView):
    """The list of consistency groups in full."""

    @blueprint.takes(ConsistencyGroupListIn, location="query")
    @blueprint.gives(200, schemas.ConsistencyGroupPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List consistency groups in full, the newest first."""
        return _list_groups("consistencygroups", query)


@blueprint.route("/consistencygroups/<group_id>")
class ConsistencyGroup(MethodView):
    """One consistency group."""

    @blueprint.takes(ShowIn, location="query")
    @blueprint.gives(200, schemas.ConsistencyGroupEnvelope, 404)
    def get(self, query: dict[str, Any], group_id: str) -> dict[str, object] | Response:
        """Show a consistency group."""
        found = read_at_rest("consistencygroup:get", consistencygroups.get, group_id, query["wait"])
        return etags.resource_response("consistencygroup", found)

    @blueprint.takes(schemas.ConsistencyGroupUpdateIn)
    @blueprint.gives_accepted(None, 404, 409)
    def put(self, body: dict[str, Any], group_id: str) -> Response:
        """Change the name or description of a consistency group, or add and remove volumes."""
        authorize_resource("consistencygroup:update", consistencygroups.get, group_id)
        return responses.accepted_response_without_body(
            accept_change.update(runtime(), caller(), group_id, **body)
        )

    @blueprint.gives_accepted(None, 404, 409)
    def delete(self, group_id: str) -> Response:
        """Delete a consistency group that has no volumes."""
        authorize_resource("consistencygroup:delete", consistencygroups.get, group_id)
        return responses.accepted_response_without_body(
            accept.delete(runtime(), caller(), group_id, force=False)
        )


@blueprint.route("/consistencygroups/<group_id>/update")
class ConsistencyGroupUpdate(MethodView):
    """The change of a consistency group, at the older path."""

    put = ConsistencyGroup.put


@blueprint.route("/consistencygroups/create_from_src")
class ConsistencyGroupFromSource(MethodView):
    """The creation of a consistency group from a source."""

    @blueprint.takes(schemas.ConsistencyGroupFromSourceIn)
    @blueprint.gives_accepted(schemas.ConsistencyGroupRefEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a consistency group whose volumes have the data of a cgsnapshot or of another group."""
        authorize("consistencygroup:create")
        accepted = accept.create_from(runtime(), caller(), **body)
        return responses.accepted_reference_response(accepted, "consistencygroup", body["name"])


@blueprint.route("/consistencygroups/<group_id>/delete")
class ConsistencyGroupDeletion(MethodView):
    """The deletion of a consistency group."""

    @blueprint.takes(schemas.ConsistencyGroupDeleteIn)
    @blueprint.gives_accepted(None, 404, 409)
    def post(self, body: dict[str, Any], group_id: str) -> Response:
        """Delete a consistency group; with force, its volumes, too."""
        authorize_resource("consistencygroup:delete", consistencygroups.get, group_id)
        return responses.accepted_response_without_body(accept.delete(runtime(), caller(), group_id, **body))


@blueprint.route("/consistencygroups/<group_id>/action")
class ConsistencyGroupAction(MethodView):
    """An action on a consistency group."""

    @blueprint.takes(schemas.ConsistencyGroupActionIn)
    @blueprint.gives_accepted(None, 404, 409, 413)
    def post(self, body: dict[str, Any], group_id: str) -> Response:
        """Restore every member to a cgsnapshot, after taking a safety cgsnapshot if requested."""
        authorize_resource("consistencygroup:revert_to_cgsnapshot", consistencygroups.get, group_id)
        return _restore_group(group_id, body["revert"], "consistencygroup:create_cgsnapshot")


@groups_blueprint.route("/groups")
@groups_blueprint.since(_GROUPS)
class Groups(MethodView):
    """The list of groups, as summaries."""

    @groups_blueprint.takes(schemas.GroupListIn, location="query")
    @groups_blueprint.gives(200, schemas.GroupRefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List the ids and names of groups, the newest first."""
        return _list_groups("groups", query)

    @groups_blueprint.takes(schemas.GroupCreateIn)
    @groups_blueprint.gives_accepted(schemas.GroupRefEnvelope, 404, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a group of a group type that accepts volumes of the given volume types."""
        authorize("group:create")
        accepted = accept.create(runtime(), caller(), **body)
        return responses.accepted_reference_response(accepted, "group", body["name"])


@groups_blueprint.route("/groups/detail")
@groups_blueprint.since(_GROUPS)
class GroupDetails(MethodView):
    """The list of groups in full."""

    @groups_blueprint.takes(schemas.GroupDetailListIn, location="query")
    @groups_blueprint.gives(200, schemas.GroupPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List groups in full, the newest first; from 3.25 on with ``list_volume`` also their volumes."""
        page = _list_groups("groups", query)
        if not _lists_volumes():
            return page
        groups: Any = page["groups"]
        volumes = _read_volume_ids(groups)
        return page | {"groups": [vars(group) | {"volumes": volumes[group.id]} for group in groups]}


@groups_blueprint.route("/groups/action")
@groups_blueprint.since(_FROM_SOURCE)
class GroupsAction(MethodView):
    """The creation of a group from a source."""

    @groups_blueprint.takes(schemas.GroupsActionIn)
    @groups_blueprint.gives_accepted(schemas.GroupRefEnvelope, 404, 409, 413)
    def post(self, body: dict[str, Any]) -> responses.Answer:
        """Create a group whose volumes have the data of a group snapshot or of another group."""
        authorize("group:create")
        with runtime().database.read() as session:
            if body["cgsnapshot_id"]:
                cgsnapshots.get_group_snapshot(session, body["cgsnapshot_id"], caller().scope)
            else:
                consistencygroups.get_group(session, body["source_cgid"], caller().scope)
        accepted = accept.create_from(runtime(), caller(), **body)
        return responses.accepted_reference_response(accepted, "group", body["name"])


@groups_blueprint.route("/groups/<group_id>")
@groups_blueprint.since(_GROUPS)
class Group(MethodView):
    """One group."""

    @groups_blueprint.takes(schemas.GroupReadIn, location="query")
    @groups_blueprint.gives(200, schemas.GroupEnvelope, 404)
    def get(self, query: dict[str, Any], group_id: str) -> dict[str, object] | Response:
        """Show a group, from 3.25 on with ``list_volume`` also its volumes."""
        found = read_at_rest("group:get", consistencygroups.get_group, group_id, query["wait"])
        volumes = {"volumes": _read_volume_ids([found])[found.id]} if _lists_volumes() else {}
        return etags.resource_response("group", found, **volumes)

    @groups_blueprint.takes(schemas.GroupUpdateIn)
    @groups_blueprint.gives_accepted(None, 404, 409)
    def put(self, body: dict[str, Any], group_id: str) -> Response:
        """Change the name or description of a group, or add and remove volumes."""
        read_authorized("group:update", consistencygroups.get_group, group_id)
        return responses.accepted_response_without_body(
            accept_change.update(runtime(), caller(), group_id, **body)
        )


@groups_blueprint.route("/groups/<group_id>/action")
@groups_blueprint.since(_GROUPS)
class GroupAction(MethodView):
    """An action on a group."""

    @groups_blueprint.takes(schemas.GroupActionIn)
    @groups_blueprint.gives_accepted(None, 403, 404, 409, 413)
    def post(self, body: dict[str, Any], group_id: str) -> Response:
        """Delete a group, restore it to a group snapshot, or reset its status (3.20); not replicate."""
        if "delete" in body:
            read_authorized("group:delete", consistencygroups.get_group, group_id)
            how = body["delete"] | {"flag": "delete-volumes"}
            return responses.accepted_response_without_body(
                accept.delete(runtime(), caller(), group_id, **how)
            )
        if "revert" in body:
            read_authorized("group:revert_to_group_snapshot", consistencygroups.get_group, group_id)
            return _restore_group(group_id, body["revert"], "group:create_group_snapshot")
        (action,) = body
        if action != "reset":
            _refuse_replication(action, group_id)
        read_authorized_or_forbidden("group:reset_status", consistencygroups.get_group, group_id)
        reset_status(runtime(), caller(), "consistencygroup", group_id, **body["reset"])
        return responses.empty_response()


def _restore_group(group_id: str, how: dict[str, Any], cut_rule: str) -> Response:
    """Accept to restore a group, if the caller may restore its members and take the safety cgsnapshot."""
    if how["safety"] is not None:
        authorize_cut(cut_rule, group_id)
    authorize_each_member_of_group("volume:revert_to_snapshot", group_id)
    return responses.accepted_response_without_body(
        accept_change.revert(runtime(), caller(), group_id, **how)
    )


def _refuse_replication(action: str, group_id: str) -> NoReturn:
    group = read_authorized_or_forbidden(f"group:{action}", consistencygroups.get_group, group_id)
    raise InvalidState(
        f"Invalid group: {action} is not possible for group {group.id}: no backend replicates to another."
    )


def _lists_volumes() -> bool:
    """Return whether the ids of the volumes of groups are requested."""
    return is_at_least(_LIST_VOLUMES) and parse_boolean(request.args.get("list_volume", "false"))


def _read_volume_ids(groups: Iterable[records.ConsistencyGroup]) -> Mapping[str, Sequence[str]]:
    with runtime().database.read() as session:
        return consistencygroups.member_ids(session, [group.id for group in groups])
