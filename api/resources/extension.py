"""The offered extensions and list filters: ``/extensions`` and ``/resource_filters``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask.views import MethodView

from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.extensions import EXTENSIONS, Extension
from api.schemas import extension as schemas
from cgflow.errors import NotFound

blueprint = Blueprint("extensions", "What of Cinder's extensions is offered, and how lists are filtered.")

CONFIGURED_FILTERS: Mapping[str, tuple[str, ...]] = {
    "volume": (
        "name", "status", "metadata", "bootable", "migration_status", "availability_zone", "group_id", "size",
        "created_at", "updated_at", "consumes_quota",
    ),
    "backup": ("name", "status", "volume_id"),
    "snapshot": ("name", "status", "volume_id", "metadata", "availability_zone", "consumes_quota"),
    "group": ("name",),
    "group_snapshot": ("name", "status", "group_id"),
    "attachment": ("volume_id", "status", "instance_id", "attach_status"),
    "message": ("resource_uuid", "resource_type", "event_id", "request_id", "message_level"),
    "pool": ("name", "volume_type"),
    "volume_type": ("is_public", "extra_specs"),
}  # fmt: skip
"""The filters of Cinder's default configuration. cgflow accepts more."""


@blueprint.route("/extensions")
class Extensions(MethodView):
    """The list of extensions."""

    @blueprint.gives(200, schemas.ExtensionsOut)
    def get(self) -> dict[str, object]:
        """List the extensions that are offered."""
        authorize("extension:get_all")
        return {"extensions": EXTENSIONS}


@blueprint.route("/extensions/<alias>")
class ExtensionByAlias(MethodView):
    """One extension."""

    @blueprint.gives(200, schemas.ExtensionEnvelope, 404)
    def get(self, alias: str) -> dict[str, Extension]:
        """Show an extension."""
        authorize("extension:get")
        for extension in EXTENSIONS:
            if extension.alias == alias:
                return {"extension": extension}
        raise NotFound(f"There is no extension {alias}.")


@blueprint.since(33)
@blueprint.route("/resource_filters")
class ResourceFilters(MethodView):
    """The filters of lists."""

    @blueprint.takes(schemas.ResourceFilterIn, location="query")
    @blueprint.gives(200, schemas.ResourceFiltersOut)
    def get(self, query: dict[str, Any]) -> dict[str, object]:
        """List the filters of each list."""
        authorize("resource_filter:get_all")
        wanted = query["resource"]
        return {
            "resource_filters": [
                {"resource": resource, "filters": list(filters)}
                for resource, filters in CONFIGURED_FILTERS.items()
                if wanted in (None, resource)
            ]
        }
