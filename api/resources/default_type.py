"""The volume types that projects use when a request names none: ``/default-types``, from 3.62 on."""

from __future__ import annotations

from flask import Response
from flask.views import MethodView

from api.auth.authorization import authorize
from api.auth.identity import checked_id
from api.blueprint import Blueprint
from api.request_scope import runtime
from api.schemas import volume_type as schemas
from cgflow import records
from cgflow.db.repositories import default_type as default_types

blueprint = Blueprint("default_types", "The volume types that projects take when they name none.")

_SINCE = 62


@blueprint.route("/default-types")
@blueprint.since(_SINCE)
class DefaultTypes(MethodView):
    """The default types of all projects."""

    @blueprint.gives(200, schemas.DefaultTypesOut, 403)
    def get(self) -> dict[str, object]:
        """List the projects with a default type of their own; all others use the configured one."""
        authorize("volume_extension:default_get_all")
        with runtime().database.read() as session:
            return {"default_types": default_types.all(session)}


@blueprint.route("/default-types/<target_id>")
@blueprint.since(_SINCE)
class DefaultType(MethodView):
    """The default type of one project."""

    @blueprint.gives(200, schemas.ShowEnvelope, 403, 404)
    def get(self, target_id: str) -> dict[str, records.DefaultType]:
        """Show a project's own default type."""
        project_id = _permitted("volume_extension:default_get", target_id)
        with runtime().database.read() as session:
            return {"default_type": default_types.get(session, project_id)}

    @blueprint.takes(schemas.DefaultTypeSetIn)
    @blueprint.gives(200, schemas.ShowEnvelope, 403)
    def put(self, body: dict[str, str], target_id: str) -> dict[str, records.DefaultType]:
        """Set the default type of a project to one that the project may use."""
        project_id = _permitted("volume_extension:default_set_or_update", target_id)
        with runtime().database.write() as session:
            return {"default_type": default_types.assign(session, project_id, body["volume_type"])}

    @blueprint.gives(204, None, 403)
    def delete(self, target_id: str) -> Response:
        """Remove a project's own default type, so that the configured one applies again."""
        project_id = _permitted("volume_extension:default_unset", target_id)
        with runtime().database.write() as session:
            default_types.unset(session, project_id)
        return Response(status=204)


def _permitted(rule: str, target_id: str) -> str:
    """Return the id of a project, if a rule permits the caller's action on it. Raises: Forbidden."""
    project_id = checked_id(target_id, "project_id")
    authorize(rule, {"project_id": project_id})
    return project_id
