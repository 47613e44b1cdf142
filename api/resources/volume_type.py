"""Volume types: ``/types`` with extra specs, access and encryption, and from 3.62 on ``/default-types``.

The encryption of a type is only recorded: no backend can encrypt, so the creation of a volume of such a type
is refused.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from flask import Response
from flask.views import MethodView
from sqlalchemy.orm import Session

from api import responses
from api.auth.authorization import authorize, read_authorized
from api.auth.identity import validated_id
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import volume_type as schemas
from cgflow import records
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories import volume_type as volume_types
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import NotFound

blueprint = Blueprint("types", "Volume types, which select backends by their extra specs.")
access_blueprint = Blueprint("type_access", "The projects that may use private volume types.")
encryption_blueprint = Blueprint("type_encryption", "The encryption of volume types and volumes.")
default_types_blueprint = Blueprint("default_types", "The default volume types of projects.")

_SPECS = "volume_extension:types_extra_specs"


@blueprint.route("/types")
class VolumeTypes(MethodView):
    """The list of volume types."""

    @blueprint.takes(schemas.VolumeTypeListIn, location="query")
    @blueprint.gives(200, schemas.VolumeTypePage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List volume types, the newest first; private ones only if the caller's project may use them."""
        authorize("volume_extension:type_get_all")
        return responses.page_response("volume_types", _read_type_page, query)

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
            wanted = volume_types.effective_default(session, caller().project_id, configured)
            if wanted is None:
                raise NotFound("Default volume type can not be found.")
            return {"volume_type": volume_types.find(session, wanted)}


@blueprint.route("/types/<type_id>")
class VolumeType(MethodView):
    """One volume type."""

    @blueprint.gives(200, schemas.VolumeTypeEnvelope, 404)
    def get(self, type_id: str) -> dict[str, object]:
        """Show a volume type."""
        found = _get_visible_type(type_id)
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
        return {"extra_specs": _get_visible_type(type_id).extra_specs}

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
        specs = _get_visible_type(type_id).extra_specs
        if key not in specs:
            raise NotFound(f"Volume Type {type_id} has no extra specs with key {key}.")
        return {key: specs[key]}

    @blueprint.takes(schemas.ExtraSpecIn)
    @blueprint.gives(200, schemas.ExtraSpecOut, 403, 404)
    def put(self, body: dict[str, str], type_id: str, key: str) -> dict[str, str]:
        """Set one extra spec."""
        authorize(f"{_SPECS}:update")
        schemas.require_only_key(body, key)
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


def _read_type_page(session: Session, query: ListQuery, scope: str | None) -> list[records.VolumeType]:
    # Types belong to no project, but the caller's project decides which private types are usable.
    del scope
    return volume_types.page(session, query, caller().project_id)


def _get_visible_type(type_id: str) -> records.VolumeType:
    """Return a type that the caller may see. Raises: NotFound."""
    with runtime().database.read() as session:
        found = volume_types.get(session, type_id)
        if not (caller().is_admin or volume_types.is_usable(session, type_id, caller().project_id)):
            raise NotFound(f"Volume type {type_id} could not be found.")
    return found


_ACCESS = "volume_extension:volume_type_access"


@access_blueprint.route("/types/<type_id>/os-volume-type-access")
class TypeAccess(MethodView):
    """The projects that may use one type."""

    @access_blueprint.gives(200, schemas.AccessesOut, 403, 404)
    def get(self, type_id: str) -> dict[str, object]:
        """List the projects that may use a private volume type."""
        authorize(f"{_ACCESS}:get_all_for_type")
        with runtime().database.read() as session:
            allowed = volume_types.projects_with_access(session, type_id)
        return {"volume_type_access": [{"volume_type_id": type_id, "project_id": one} for one in allowed]}


@access_blueprint.route("/types/<type_id>/action")
class TypeAction(MethodView):
    """An action on a type."""

    @access_blueprint.takes(schemas.TypeActionIn)
    @access_blueprint.gives(202, None, 403, 404, 409)
    def post(self, body: dict[str, dict[str, str]], type_id: str) -> Response:
        """Allow a project to use a private volume type, or forbid it."""
        ((action, details),) = body.items()
        change, rule = _CHANGES[action]
        authorize(f"{_ACCESS}:{rule}")
        with runtime().database.write() as session:
            change(session, type_id, validated_id(details["project"], "project"))
        return responses.empty_response()


_CHANGES = {
    "allow": (volume_types.allow_access, "addProjectAccess"),
    "forbid": (volume_types.revoke_access, "removeProjectAccess"),
}


_ENCRYPTION = "volume_extension:volume_type_encryption"


@encryption_blueprint.route("/types/<type_id>/encryption")
class TypeEncryption(MethodView):
    """The encryption of one type."""

    @encryption_blueprint.gives(200, schemas.TypeEncryptionOut, 403, 404)
    def get(self, type_id: str) -> dict[str, object]:
        """Show the encryption of a type; an empty object, if it has none."""
        authorize(f"{_ENCRYPTION}:get")
        with runtime().database.read() as session:
            found = volume_types.find_encryption(session, type_id)
        return {} if found is None else {**asdict(found), "deleted": False, "deleted_at": None}

    @encryption_blueprint.takes(schemas.TypeEncryptionCreateIn)
    @encryption_blueprint.gives(200, schemas.TypeEncryptionChangedOut, 403, 404)
    def post(self, body: dict[str, Any], type_id: str) -> dict[str, object]:
        """Set the encryption of a type; its volumes are then refused, because no backend can encrypt."""
        authorize(f"{_ENCRYPTION}:create")
        with runtime().database.write() as session:
            made = volume_types.create_encryption(session, type_id, **body)
        return {"encryption": {**body, "volume_type_id": type_id, "encryption_id": made.encryption_id}}


@encryption_blueprint.route("/types/<type_id>/encryption/<encryption_id>")
class TypeEncryptionKey(MethodView):
    """One key of a type's encryption, to read it; or an encryption by its id, to change or delete it."""

    @encryption_blueprint.gives(200, schemas.TypeEncryptionKeyOut, 403, 404)
    def get(self, type_id: str, encryption_id: str) -> dict[str, object]:
        """Show one key of a type's encryption; its path has the key where a change has the id."""
        key = encryption_id
        authorize(f"{_ENCRYPTION}:get")
        with runtime().database.read() as session:
            found = volume_types.find_encryption(session, type_id)
        if found is None or key not in schemas.TypeEncryptionKeyOut().fields:
            raise NotFound(f"Volume type encryption for type {type_id} does not exist.")
        return {key: getattr(found, key)}

    @encryption_blueprint.takes(schemas.TypeEncryptionUpdateIn)
    @encryption_blueprint.gives(200, schemas.TypeEncryptionChangedOut, 403, 404)
    def put(self, body: dict[str, Any], type_id: str, encryption_id: str) -> dict[str, object]:
        """Change the encryption of a type that has no volumes."""
        del encryption_id  # A type has at most one encryption, and clients send any id here.
        authorize(f"{_ENCRYPTION}:update")
        with runtime().database.write() as session:
            volume_types.update_encryption(session, type_id, **body)
        return {"encryption": body}

    @encryption_blueprint.gives(202, None, 403, 404)
    def delete(self, type_id: str, encryption_id: str) -> Response:
        """Remove the encryption of a type."""
        del encryption_id
        authorize(f"{_ENCRYPTION}:delete")
        with runtime().database.write() as session:
            volume_types.delete_encryption(session, type_id)
        return responses.empty_response()


@encryption_blueprint.route("/volumes/<volume_id>/encryption")
class VolumeEncryption(MethodView):
    """The encryption of one volume."""

    @encryption_blueprint.gives(200, schemas.VolumeEncryptionOut, 404)
    def get(self, volume_id: str) -> dict[str, object]:
        """Show the encryption of a volume, which is always none."""
        read_authorized("volume_extension:volume_encryption_metadata", volumes.get, volume_id)
        return {"encryption_key_id": None}


@encryption_blueprint.route("/volumes/<volume_id>/encryption/<encryption_key>")
class VolumeEncryptionKey(MethodView):
    """One key of the encryption of a volume."""

    @encryption_blueprint.gives(200, schemas.VolumeEncryptionOut, 404)
    def get(self, volume_id: str, encryption_key: str) -> dict[str, object]:
        """Show one key of the encryption of a volume, which is always none."""
        read_authorized("volume_extension:volume_encryption_metadata", volumes.get, volume_id)
        if encryption_key != "encryption_key_id":
            raise NotFound(f"Volume {volume_id} is not encrypted, and has no {encryption_key[:255]}.")
        return {"encryption_key_id": None}


_DEFAULT_TYPES = 62


@default_types_blueprint.route("/default-types")
@default_types_blueprint.since(_DEFAULT_TYPES)
class DefaultTypes(MethodView):
    """The default types of all projects."""

    @default_types_blueprint.gives(200, schemas.DefaultTypesOut, 403)
    def get(self) -> dict[str, object]:
        """List the projects with a default type of their own; all others use the configured one."""
        authorize("volume_extension:default_get_all")
        with runtime().database.read() as session:
            return {"default_types": volume_types.all_defaults(session)}


@default_types_blueprint.route("/default-types/<target_id>")
@default_types_blueprint.since(_DEFAULT_TYPES)
class DefaultType(MethodView):
    """The default type of one project."""

    @default_types_blueprint.gives(200, schemas.DefaultTypeEnvelope, 403, 404)
    def get(self, target_id: str) -> dict[str, records.DefaultType]:
        """Show a project's own default type."""
        project_id = _authorize_project("volume_extension:default_get", target_id)
        with runtime().database.read() as session:
            return {"default_type": volume_types.get_default(session, project_id)}

    @default_types_blueprint.takes(schemas.DefaultTypeSetIn)
    @default_types_blueprint.gives(200, schemas.DefaultTypeEnvelope, 403)
    def put(self, body: dict[str, str], target_id: str) -> dict[str, records.DefaultType]:
        """Set the default type of a project to one that the project may use."""
        project_id = _authorize_project("volume_extension:default_set_or_update", target_id)
        with runtime().database.write() as session:
            return {"default_type": volume_types.set_default(session, project_id, body["volume_type"])}

    @default_types_blueprint.gives(204, None, 403)
    def delete(self, target_id: str) -> Response:
        """Remove a project's own default type, so that the configured one applies again."""
        project_id = _authorize_project("volume_extension:default_unset", target_id)
        with runtime().database.write() as session:
            volume_types.unset_default(session, project_id)
        return Response(status=204)


def _authorize_project(rule: str, target_id: str) -> str:
    """Return the id of a project, if a rule permits the caller's action on it. Raises: Forbidden."""
    project_id = validated_id(target_id, "project_id")
    authorize(rule, {"project_id": project_id})
    return project_id
