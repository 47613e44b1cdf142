"""Group types and their group specs: ``/group_types``, from 3.11 on."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import group_type as schemas
from api.schemas.volume_type import require_only_key
from cgflow import records
from cgflow.db.repositories import group_type as group_types
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import NotFound

blueprint = Blueprint("group_types", "Group types and their group specs.")

_SINCE = 11


@blueprint.route("/group_types")
@blueprint.since(_SINCE)
class GroupTypes(MethodView):
    """The list of group types."""

    @blueprint.takes(schemas.GroupTypeListIn, location="query")
    @blueprint.gives(200, schemas.GroupTypePage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List group types, the newest first; private ones only to an administrator."""
        authorize("group:group_types:get_all")
        return responses.page_response("group_types", group_types.page, query)

    @blueprint.takes(schemas.GroupTypeCreateIn)
    @blueprint.gives(202, schemas.GroupTypeEnvelope, 403, 409)
    def post(self, body: dict[str, Any]) -> dict[str, object]:
        """Create a group type."""
        authorize("group:group_types:create")
        with runtime().database.write() as session:
            return {"group_type": group_types.create(session, id=str(uuid.uuid4()), **body)}


@blueprint.route("/group_types/default")
@blueprint.since(_SINCE)
class DefaultGroupType(MethodView):
    """The default group type."""

    @blueprint.gives(200, schemas.GroupTypeEnvelope, 404)
    def get(self) -> dict[str, object]:
        """Show the default group type, if one is configured."""
        authorize("group:group_types:get")
        name = runtime().settings.default_group_type
        if name is None:
            raise NotFound("Default group type can not be found.")
        with runtime().database.read() as session:
            return {"group_type": group_types.lock_by_id_or_name(session, name, private=caller().is_admin)}


@blueprint.route("/group_types/<group_type_id>")
@blueprint.since(_SINCE)
class GroupType(MethodView):
    """One group type."""

    @blueprint.gives(200, schemas.GroupTypeEnvelope, 404)
    def get(self, group_type_id: str) -> dict[str, object]:
        """Show a group type."""
        authorize("group:group_types:get")
        return {"group_type": _get_visible_type(group_type_id)}

    @blueprint.takes(schemas.GroupTypeUpdateIn)
    @blueprint.gives(200, schemas.GroupTypeEnvelope, 403, 404, 409)
    def put(self, body: dict[str, Any], group_type_id: str) -> dict[str, object]:
        """Change the name, description or visibility of a group type."""
        authorize("group:group_types:update")
        with runtime().database.write() as session:
            return {"group_type": group_types.update(session, group_type_id, **body)}

    @blueprint.gives(202, None, 403, 404)
    def delete(self, group_type_id: str) -> Response:
        """Delete a group type that no group has."""
        authorize("group:group_types:delete")
        with runtime().database.write() as session:
            group_types.delete(session, group_type_id)
        return responses.empty_response()


@blueprint.route("/group_types/<group_type_id>/group_specs")
@blueprint.since(_SINCE)
class GroupSpecs(MethodView):
    """All group specs of one type."""

    @blueprint.gives(200, schemas.GroupSpecsOut, 403, 404)
    def get(self, group_type_id: str) -> dict[str, object]:
        """Show the group specs of a group type."""
        authorize("group:group_types_specs:get_all")
        return {"group_specs": _get_visible_type(group_type_id).group_specs}

    @blueprint.takes(schemas.GroupSpecsIn)
    @blueprint.gives(202, schemas.GroupSpecsOut, 403, 404)
    def post(self, body: dict[str, str], group_type_id: str) -> dict[str, object]:
        """Set group specs; those not named stay; the response repeats what was set."""
        authorize("group:group_types_specs:create")
        with runtime().database.write() as session:
            group_types.set_specs(session, group_type_id, body)
        return {"group_specs": body}


@blueprint.route("/group_types/<group_type_id>/group_specs/<key:key>")
@blueprint.since(_SINCE)
class GroupSpec(MethodView):
    """One group spec of one type."""

    @blueprint.gives(200, schemas.GroupSpecOut, 403, 404)
    def get(self, group_type_id: str, key: str) -> dict[str, str]:
        """Show one group spec."""
        authorize("group:group_types_specs:get")
        specs = _get_visible_type(group_type_id).group_specs
        if key not in specs:
            raise NotFound(f"Group Type {group_type_id} has no specs with key {key}.")
        return {key: specs[key]}

    @blueprint.takes(schemas.GroupSpecIn)
    @blueprint.gives(200, schemas.GroupSpecOut, 403, 404)
    def put(self, body: dict[str, str], group_type_id: str, key: str) -> dict[str, str]:
        """Set one group spec."""
        authorize("group:group_types_specs:update")
        require_only_key(body, key)
        with runtime().database.write() as session:
            group_types.set_specs(session, group_type_id, body)
        return body

    @blueprint.gives(202, None, 403, 404)
    def delete(self, group_type_id: str, key: str) -> Response:
        """Remove one group spec."""
        authorize("group:group_types_specs:delete")
        with runtime().database.write() as session:
            group_types.unset_spec(session, group_type_id, key)
        return responses.empty_response()


def _get_visible_type(group_type_id: str) -> records.GroupType:
    """Return a type that the caller may see. Raises: NotFound."""
    with runtime().database.read() as session:
        return group_types.get(session, group_type_id, private=caller().is_admin)
