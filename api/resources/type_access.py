"""Access to private volume types: ``/types/{id}/os-volume-type-access`` and the actions on a type."""

from __future__ import annotations

from flask import Response
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize
from api.auth.identity import checked_id
from api.blueprint import Blueprint
from api.request_scope import runtime
from api.schemas import volume_type as schemas
from cgflow.db.repositories import type_access

blueprint = Blueprint("type_access", "Who may use private volume types.")

_RULE = "volume_extension:volume_type_access"


@blueprint.route("/types/<type_id>/os-volume-type-access")
class TypeAccess(MethodView):
    """The projects that may use one type."""

    @blueprint.gives(200, schemas.AccessesOut, 403, 404)
    def get(self, type_id: str) -> dict[str, object]:
        """List the projects that may use a private volume type."""
        authorize(f"{_RULE}:get_all_for_type")
        with runtime().database.read() as session:
            allowed = type_access.projects(session, type_id)
        return {"volume_type_access": [{"volume_type_id": type_id, "project_id": one} for one in allowed]}


@blueprint.route("/types/<type_id>/action")
class TypeAction(MethodView):
    """An action on a type."""

    @blueprint.takes(schemas.TypeActionIn)
    @blueprint.gives(202, None, 403, 404, 409)
    def post(self, body: dict[str, dict[str, str]], type_id: str) -> Response:
        """Allow a project to use a private volume type, or forbid it."""
        ((action, details),) = body.items()
        change, rule = _CHANGES[action]
        authorize(f"{_RULE}:{rule}")
        with runtime().database.write() as session:
            change(session, type_id, checked_id(details["project"], "project"))
        return responses.empty_response()


_CHANGES = {
    "allow": (type_access.allow, "addProjectAccess"),
    "forbid": (type_access.forbid, "removeProjectAccess"),
}
