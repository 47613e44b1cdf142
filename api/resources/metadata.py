"""Metadata of volumes and snapshots: ``/volumes/{id}/metadata`` and ``/snapshots/{id}/metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from flask import Response
from flask.views import MethodView

from api.auth.authorization import authorize_resource
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import metadata as schemas
from cgflow.db.repositories import metadata
from cgflow.db.repositories.metadata import MetadataStore
from flows import update_record

blueprint = Blueprint("metadata", "Metadata of volumes and snapshots.")


class _MetadataView(MethodView):
    """Base of metadata views: ``resource_type`` is the resource type in the path and in the policy rules."""

    store: ClassVar[MetadataStore]
    resource_type: ClassVar[str]

    def authorize(self, verb: str, address: Mapping[str, str]) -> str:
        """Return the resource's id, if the policy permits an action on its metadata. Raises: Forbidden."""
        resource_id = address[f"{self.resource_type}_id"]
        authorize_resource(f"volume:{verb}_{self.resource_type}_metadata", self.store.rows.get, resource_id)
        return resource_id


class _Metadata(_MetadataView):
    """All metadata of one resource."""

    @blueprint.gives(200, schemas.MetadataOut, 404)
    def get(self, **address: str) -> dict[str, object]:
        """Show the metadata."""
        resource_id = self.authorize("get", address)
        with runtime().database.read() as session:
            return {"metadata": self.store.read(session, resource_id, caller().scope)}

    @blueprint.takes(schemas.MetadataIn)
    @blueprint.gives(200, schemas.MetadataOut, 404)
    def post(self, body: dict[str, str], **address: str) -> dict[str, object]:
        """Set some keys; the others stay; the response shows all."""
        resource_id = self.authorize("create", address)
        return {"metadata": update_record.merge_metadata(runtime(), caller(), self.store, resource_id, body)}

    @blueprint.takes(schemas.MetadataIn)
    @blueprint.gives(200, schemas.MetadataOut, 404)
    def put(self, body: dict[str, str], **address: str) -> dict[str, object]:
        """Replace all metadata with the given keys."""
        resource_id = self.authorize("update", address)
        return {
            "metadata": update_record.replace_metadata(runtime(), caller(), self.store, resource_id, body)
        }


class _MetadataKey(_MetadataView):
    """One metadata key of one resource."""

    @blueprint.gives(200, schemas.MetaOut, 404)
    def get(self, **address: str) -> dict[str, object]:
        """Show one key."""
        resource_id, key = self.authorize("get", address), address["key"]
        with runtime().database.read() as session:
            return {"meta": {key: self.store.get_value(session, resource_id, caller().scope, key)}}

    @blueprint.takes(schemas.MetaIn)
    @blueprint.gives(200, schemas.MetaOut, 404)
    def put(self, body: dict[str, str], **address: str) -> dict[str, object]:
        """Set one key."""
        resource_id = self.authorize("update", address)
        key = address["key"]
        schemas.require_only_key(body, key)
        update_record.merge_metadata(runtime(), caller(), self.store, resource_id, body)
        return {"meta": body}

    @blueprint.gives(200, None, 404)
    def delete(self, **address: str) -> Response:
        """Remove one key."""
        resource_id = self.authorize("delete", address)
        update_record.remove_metadata(runtime(), caller(), self.store, resource_id, address["key"])
        return Response(status=200, mimetype="application/json")


@blueprint.route("/volumes/<volume_id>/metadata")
class VolumeMetadata(_Metadata):
    """All metadata of a volume."""

    store, resource_type = metadata.OF_VOLUMES, "volume"


@blueprint.route("/volumes/<volume_id>/metadata/<key:key>")
class VolumeMetadataKey(_MetadataKey):
    """One metadata key of a volume."""

    store, resource_type = metadata.OF_VOLUMES, "volume"


@blueprint.route("/snapshots/<snapshot_id>/metadata")
class SnapshotMetadata(_Metadata):
    """All metadata of a snapshot."""

    store, resource_type = metadata.OF_SNAPSHOTS, "snapshot"


@blueprint.route("/snapshots/<snapshot_id>/metadata/<key:key>")
class SnapshotMetadataKey(_MetadataKey):
    """One metadata key of a snapshot."""

    store, resource_type = metadata.OF_SNAPSHOTS, "snapshot"
