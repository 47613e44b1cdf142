"""Volume types and their extra specs: ``/types``."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response
from flask.views import MethodView
from sqlalchemy.orm import Session

from api import responses
from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import volume_type as schemas
from cgflow import records
from cgflow.db.repositories import default_type as default_types
from cgflow.db.repositories import volume_type as volume_types
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import NotFound

blueprint = Blueprint("types", "Named service classes, which select backends through extra specs.")

_SPECS = "volume_extension:types_extra_specs"


@blueprint.route("/types")
class VolumeTypes(MethodView):
    """The list of volume types."""

    @blueprint.takes(schemas.VolumeTypeListIn, location="query")
    @blueprint.gives(200, schemas.VolumeTypePage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List volume types, the newest first; private ones only if the caller's project may use them."""
        authorize("volume_extension:type_get_all")
        return responses.page_response("volume_types", _page, query)

    @blueprint.takes(schemas.VolumeTypeCreateIn)
    @blueprint.gives(200, schemas.VolumeTypeCreatedEnvelope, 403, 409)
    def post(self, body: dict[str, Any]) -> dict[str, object]:
        """Create a volume type."""
        authorize("volume_extension:type_create")
        with runtime().database.write() as session:
            return {"volume_type": volume_types.create(session, id=str(uuid.uuid4()), **body)}


@blueprint.route("/types/default")
class DefaultVolumeType(MethodView):
    """The default volume type, which is used when a request names none."""

    @blueprint.gives(200, schemas.DefaultVolumeTypeEnvelope, 404)
    def get(self) -> dict[str, object]:
        """Show the default volume type."""
        authorize("volume_extension:type_get")
        configured = runtime().settings.default_volume_type
        with runtime().database.read() as session:
            wanted = default_types.taken(session, caller().project_id, configured)
            if wanted is None:
                raise NotFound("Default volume type can not be found.")
            return {"volume_type": volume_types.find(session, wanted)}


@blueprint.route("/types/<type_id>")
class VolumeType(MethodView):
    """One volume type."""

    @blueprint.gives(200, schemas.VolumeTypeEnvelope, 404)
    def get(self, type_id: str) -> dict[str, object]:
        """Show a volume type."""
        found = _visible(type_id)
        authorize("volume_extension:type_get", found)
        return {"volume_type": found}

    @blueprint.takes(schemas.VolumeTypeUpdateIn)
    @blueprint.gives(200, schemas.VolumeTypeChangedEnvelope, 403, 404, 409)
    def put(self, body: dict[str, Any], type_id: str) -> dict[str, object]:
        """Change the name, description or visibility of a volume type."""
        authorize("volume_extension:type_update")
        with runtime().database.write() as session:
            return {"volume_type": volume_types.update(session, type_id, **body)}

    @blueprint.gives(202, None, 403, 404)
    def delete(self, type_id: str) -> Response:
        """Delete a volume type that nothing uses."""
        authorize("volume_extension:type_delete")
        with runtime().database.write() as session:
            volume_types.delete(session, type_id)
        return responses.empty_response()


@blueprint.route("/types/<type_id>/extra_specs")
class ExtraSpecs(MethodView):
    """All extra specs of one type."""

    @blueprint.gives(200, schemas.ExtraSpecsOut, 403, 404)
    def get(self, type_id: str) -> dict[str, object]:
        """Show the extra specs of a volume type."""
        authorize(f"{_SPECS}:index")
        return {"extra_specs": _visible(type_id).extra_specs}

    @blueprint.takes(schemas.ExtraSpecsIn)
    @blueprint.gives(200, schemas.ExtraSpecsOut, 403, 404)
    def post(self, body: dict[str, str], type_id: str) -> dict[str, object]:
        """Set extra specs; those not named stay; the response repeats what was set."""
        authorize(f"{_SPECS}:create")
        with runtime().database.write() as session:
            volume_types.set_extra_specs(session, type_id, body)
        return {"extra_specs": body}


@blueprint.route("/types/<type_id>/extra_specs/<key:key>")
class ExtraSpec(MethodView):
    """One extra spec of one type."""

    @blueprint.gives(200, schemas.ExtraSpecOut, 403, 404)
    def get(self, type_id: str, key: str) -> dict[str, str]:
        """Show one extra spec."""
        authorize(f"{_SPECS}:show")
        specs = _visible(type_id).extra_specs
        if key not in specs:
            raise NotFound(f"Volume Type {type_id} has no extra specs with key {key}.")
        return {key: specs[key]}

    @blueprint.takes(schemas.ExtraSpecIn)
    @blueprint.gives(200, schemas.ExtraSpecOut, 403, 404)
    def put(self, body: dict[str, str], type_id: str, key: str) -> dict[str, str]:
        """Set one extra spec."""
        authorize(f"{_SPECS}:update")
        schemas.require_key(body, key)
        with runtime().database.write() as session:
            volume_types.set_extra_specs(session, type_id, body)
        return body

    @blueprint.gives(202, None, 403, 404)
    def delete(self, type_id: str, key: str) -> Response:
        """Remove one extra spec."""
        authorize(f"{_SPECS}:delete")
        with runtime().database.write() as session:
            volume_types.unset_extra_spec(session, type_id, key)
        return responses.empty_response()


def _page(session: Session, query: ListQuery, scope: str | None) -> list[records.VolumeType]:
    # Types belong to no project, but the caller's project decides which private types are usable.
    del scope
    return volume_types.page(session, query, caller().project_id)


def _visible(type_id: str) -> records.VolumeType:
    """Return a type that the caller may see. Raises: NotFound."""
    with runtime().database.read() as session:
        found = volume_types.get(session, type_id)
        if not (caller().is_admin or volume_types.is_usable(session, type_id, caller().project_id)):
            raise NotFound(f"Volume type {type_id} could not be found.")
    return found
