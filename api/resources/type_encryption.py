"""Encryption of volume types and volumes: ``/types/{id}/encryption`` and ``/volumes/{id}/encryption``.

The encryption of a type is only recorded: no backend can encrypt, so the creation of a volume of such a type
is refused.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize, read_authorized
from api.blueprint import Blueprint
from api.request_scope import runtime
from api.schemas import volume_type as schemas
from cgflow.db.repositories import type_encryption as encryptions
from cgflow.db.repositories import volume as volumes
from cgflow.errors import NotFound

blueprint = Blueprint("type_encryption", "How volumes of a type are to be encrypted.")

_RULE = "volume_extension:volume_type_encryption"


@blueprint.route("/types/<type_id>/encryption")
class TypeEncryption(MethodView):
    """The encryption of one type."""

    @blueprint.gives(200, schemas.TypeEncryptionOut, 403, 404)
    def get(self, type_id: str) -> dict[str, object]:
        """Show the encryption of a type; an empty object, if it has none."""
        authorize(f"{_RULE}:get")
        with runtime().database.read() as session:
            found = encryptions.find(session, type_id)
        return {} if found is None else {**asdict(found), "deleted": False, "deleted_at": None}

    @blueprint.takes(schemas.TypeEncryptionCreateIn)
    @blueprint.gives(200, schemas.TypeEncryptionChangedOut, 403, 404)
    def post(self, body: dict[str, Any], type_id: str) -> dict[str, object]:
        """Set the encryption of a type; its volumes are then refused, because no backend can encrypt."""
        authorize(f"{_RULE}:create")
        with runtime().database.write() as session:
            made = encryptions.create(session, type_id, **body)
        return {"encryption": {**body, "volume_type_id": type_id, "encryption_id": made.encryption_id}}


@blueprint.route("/types/<type_id>/encryption/<encryption_id>")
class TypeEncryptionKey(MethodView):
    """One key of a type's encryption, to read it; or an encryption by its id, to change or delete it."""

    @blueprint.gives(200, schemas.TypeEncryptionKeyOut, 403, 404)
    def get(self, type_id: str, encryption_id: str) -> dict[str, object]:
        """Show one key of a type's encryption; its path has the key where a change has the id."""
        key = encryption_id
        authorize(f"{_RULE}:get")
        with runtime().database.read() as session:
            found = encryptions.find(session, type_id)
        if found is None or key not in schemas.TypeEncryptionKeyOut().fields:
            raise NotFound(f"Volume type encryption for type {type_id} does not exist.")
        return {key: getattr(found, key)}

    @blueprint.takes(schemas.TypeEncryptionUpdateIn)
    @blueprint.gives(200, schemas.TypeEncryptionChangedOut, 403, 404)
    def put(self, body: dict[str, Any], type_id: str, encryption_id: str) -> dict[str, object]:
        """Change the encryption of a type that has no volumes."""
        del encryption_id  # A type has at most one encryption, and clients send any id here.
        authorize(f"{_RULE}:update")
        with runtime().database.write() as session:
            encryptions.update(session, type_id, **body)
        return {"encryption": body}

    @blueprint.gives(202, None, 403, 404)
    def delete(self, type_id: str, encryption_id: str) -> Response:
        """Remove the encryption of a type."""
        del encryption_id
        authorize(f"{_RULE}:delete")
        with runtime().database.write() as session:
            encryptions.delete(session, type_id)
        return responses.empty_response()


@blueprint.route("/volumes/<volume_id>/encryption")
class VolumeEncryption(MethodView):
    """The encryption of one volume."""

    @blueprint.gives(200, schemas.VolumeEncryptionOut, 404)
    def get(self, volume_id: str) -> dict[str, object]:
        """Show the encryption of a volume, which is always none."""
        read_authorized("volume_extension:volume_encryption_metadata", volumes.get, volume_id)
        return {"encryption_key_id": None}


@blueprint.route("/volumes/<volume_id>/encryption/<encryption_key>")
class VolumeEncryptionKey(MethodView):
    """One key of the encryption of a volume."""

    @blueprint.gives(200, schemas.VolumeEncryptionOut, 404)
    def get(self, volume_id: str, encryption_key: str) -> dict[str, object]:
        """Show one key of the encryption of a volume, which is always none."""
        read_authorized("volume_extension:volume_encryption_metadata", volumes.get, volume_id)
        if encryption_key != "encryption_key_id":
            raise NotFound(f"Volume {volume_id} is not encrypted, and has no {encryption_key[:255]}.")
        return {"encryption_key_id": None}
