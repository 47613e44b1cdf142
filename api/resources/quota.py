"""Quota: ``/os-quota-sets``, ``/os-quota-class-sets`` and ``/limits``."""

from __future__ import annotations

from flask import Response
from flask.views import MethodView

from api.auth.authorization import authorize
from api.auth.identity import validated_id
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import quota as schemas
from api.versions import is_at_least
from cgflow.db.models.services import DEFAULT_CLASS
from cgflow.errors import NotFound
from cgflow.quota import limits

blueprint = Blueprint("quotas", "The limits and the usage of projects.")

_SHOW = "volume_extension:quotas:show"
_CLASSES = "volume_extension:quota_classes"


@blueprint.route("/os-quota-sets/<target_id>")
class QuotaSet(MethodView):
    """The quota of one project."""

    @blueprint.takes(schemas.QuotaQueryIn, location="query")
    @blueprint.gives(200, schemas.QuotaSetOut, 403)
    def get(self, with_usage: bool, target_id: str) -> dict[str, object]:
        """Show the limits of a project; with ``usage``, also the usage."""
        authorize(_SHOW, {"project_id": validated_id(target_id, "project_id")})
        with runtime().database.read() as session:
            lines = limits.limits_and_usage(
                session, target_id, user_project_id=_project_whose_types_are_listed()
            )
        found = schemas.limits_by_name({line.resource: line.limit for line in lines})
        return {"quota_set": {**(schemas.usages_by_name(lines) if with_usage else found), "id": target_id}}

    @blueprint.takes(schemas.QuotaSetIn)
    @blueprint.gives(200, schemas.QuotaSetOut, 403)
    def put(self, asked: dict[str, int], target_id: str) -> dict[str, object]:
        """Set limits of a project; those not named stay, and -1 means unlimited."""
        project_id = validated_id(target_id, "project_id")
        authorize("volume_extension:quotas:update", {"project_id": project_id})
        with runtime().database.write() as session:
            limits.set_limits(session, project_id, schemas.limits_by_resource(asked))
            lines = limits.limits_and_usage(session, project_id)
        return {"quota_set": schemas.limits_by_name({line.resource: line.limit for line in lines})}

    @blueprint.gives(200, None, 403)
    def delete(self, target_id: str) -> Response:
        """Remove a project's own limits, so that the defaults apply again."""
        project_id = validated_id(target_id, "project_id")
        authorize("volume_extension:quotas:delete", {"project_id": project_id})
        with runtime().database.write() as session:
            limits.reset_limits(session, project_id)
        return Response(status=200, mimetype="application/json")


@blueprint.route("/os-quota-sets/<target_id>/defaults")
class QuotaDefaults(MethodView):
    """The default limits, which apply to a project without limits of its own."""

    @blueprint.gives(200, schemas.QuotaSetOut, 403)
    def get(self, target_id: str) -> dict[str, object]:
        """Show the default limits."""
        authorize(_SHOW, {"project_id": validated_id(target_id, "project_id")})
        with runtime().database.read() as session:
            found = limits.default_limits(session, user_project_id=_project_whose_types_are_listed())
        return {"quota_set": {**schemas.limits_by_name(found), "id": target_id}}


@blueprint.route("/os-quota-class-sets/<class_name>")
class QuotaClassSet(MethodView):
    """The limits of a quota class, which apply to projects without limits of their own."""

    @blueprint.gives(200, schemas.QuotaClassSetOut, 403)
    def get(self, class_name: str) -> dict[str, object]:
        """Show the limits of a class; they are always those of ``default``, the only class with limits."""
        authorize(f"{_CLASSES}:get")
        with runtime().database.read() as session:
            return {
                "quota_class_set": {
                    **schemas.limits_by_name(limits.default_limits(session)),
                    "id": class_name,
                }
            }

    @blueprint.takes(schemas.QuotaClassSetIn)
    @blueprint.gives(200, schemas.QuotaClassSetOut, 403, 404)
    def put(self, asked: dict[str, int], class_name: str) -> dict[str, object]:
        """Set limits of the class ``default``; those not named stay."""
        authorize(f"{_CLASSES}:update")
        if class_name != DEFAULT_CLASS:
            raise NotFound(f"Quota class {class_name} could not be found: only {DEFAULT_CLASS} can be set.")
        with runtime().database.write() as session:
            limits.set_default_limits(session, schemas.limits_by_resource(asked))
            return {"quota_class_set": schemas.limits_by_name(limits.default_limits(session))}


@blueprint.route("/limits")
class Limits(MethodView):
    """The limits of a project under Cinder's names."""

    @blueprint.takes(schemas.LimitsIn, location="query")
    @blueprint.gives(200, schemas.LimitsEnvelope)
    def get(self, query: dict[str, str]) -> dict[str, object]:
        """Show the limits and the usage of a project, by default the caller's."""
        asked = query.get("project_id") if is_at_least(39) else None
        project_id = validated_id(asked, "project_id") if asked else caller().project_id
        authorize("limits_extension:used_limits", {"project_id": project_id})
        with runtime().database.read() as session:
            lines = limits.limits_and_usage(session, project_id)
        return {"limits": {"rate": [], "absolute": schemas.absolute_limits(lines)}}


def _project_whose_types_are_listed() -> str | None:
    """Return the project whose volume types are named; None, for administrators, names those of all."""
    return None if caller().is_admin else caller().project_id
