"""What else is offered: ``/extensions`` and ``/resource_filters``."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from api.auth import authorize
from api.blueprint import Blueprint
from api.extensions import EXTENSIONS, Extension
from api.schemas import attachment, backup, group, group_snapshot, listing, message, qos_spec
from api.schemas import extension as schemas
from cgflow.errors import NotFound

blueprint = Blueprint("extensions", "What of Cinder's extensions is offered, and how lists are filtered.")

_LISTS: dict[str, type[listing.ListIn]] = {
    "volume": listing.VolumeListIn,
    "snapshot": listing.SnapshotListIn,
    "attachment": attachment.AttachmentListIn,
    "group": group.GroupListIn,
    "group_snapshot": group_snapshot.GroupSnapshotListIn,
    "message": message.MessageListIn,
    "backup": backup.BackupListIn,
    "consistencygroup": listing.ListIn,
    "cgsnapshot": listing.CgsnapshotListIn,
    "qos_specs": qos_spec.QosSpecListIn,
}


@blueprint.route("/extensions")
class Extensions(MethodView):
    """All of them."""

    @blueprint.gives(200, schemas.ExtensionsOut)
    def get(self) -> dict[str, object]:
        """List the extensions that are offered."""
        authorize("extension:get_all")
        return {"extensions": EXTENSIONS}


@blueprint.route("/extensions/<alias>")
class ExtensionByAlias(MethodView):
    """One of them."""

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
    """What lists can be filtered by."""

    @blueprint.takes(schemas.ResourceFilterIn, location="query")
    @blueprint.gives(200, schemas.ResourceFiltersOut)
    def get(self, query: dict[str, Any]) -> dict[str, object]:
        """List the filters of each list."""
        authorize("resource_filter:get_all")
        wanted = query["resource"]
        return {
            "resource_filters": [
                {"resource": resource, "filters": _filters(schema)}
                for resource, schema in _LISTS.items()
                if wanted in (None, resource)
            ]
        }


def _filters(schema: type[listing.ListIn]) -> list[str]:
    known = schema().fields
    metadata = [name for name in known if name == "metadata"]
    return [known[name].data_key or name for name in schema.filters] + metadata
