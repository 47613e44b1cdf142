"""The offered extensions and list filters: ``/extensions`` and ``/resource_filters``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask.views import MethodView

from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.schemas import extensions_and_filters as schemas
from cgflow.errors import NotFound

blueprint = Blueprint("extensions", "The extensions of Cinder that are offered, and the filters of lists.")

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


@dataclass(frozen=True)
class Extension:
    """One extension by the alias that clients look for; ``route`` is a path that serves it."""

    alias: str
    name: str
    description: str
    route: str
    updated: str = "2026-11-22T00:00:00+00:00"
    links: list[dict[str, str]] = field(default_factory=list)


EXTENSIONS = (
    Extension(
        "consistencygroups",
        "Consistencygroups",
        "Consistency groups of volumes.",
        "/consistencygroups",
        "2014-08-18T00:00:00+00:00",
    ),
    Extension("cgsnapshots", "Cgsnapshots", "Snapshots of consistency groups.", "/cgsnapshots"),
    Extension("os-volume-actions", "VolumeActions", "Actions on volumes.", "/volumes/<volume_id>/action"),
    Extension("os-admin-actions", "AdminActions", "Administrative actions.", "/volumes/<volume_id>/action"),
    Extension(
        "os-vol-image-meta",
        "VolumeImageMetadata",
        "The image metadata of a volume.",
        "/volumes/<volume_id>",
    ),
    Extension("os-vol-host-attr", "VolumeHostAttribute", "The backend of a volume.", "/volumes/<volume_id>"),
    Extension(
        "os-vol-tenant-attr", "VolumeTenantAttribute", "The project of a volume.", "/volumes/<volume_id>"
    ),
    Extension(
        "os-extended-snapshot-attributes",
        "ExtendedSnapshotAttributes",
        "The project and the progress of a snapshot.",
        "/snapshots/<snapshot_id>",
    ),
    Extension("os-volume-transfer", "VolumeTransfer", "Transfers of volumes.", "/os-volume-transfer"),
    Extension("os-types-manage", "TypesManage", "Creation and deletion of volume types.", "/types"),
    Extension(
        "os-types-extra-specs",
        "TypesExtraSpecs",
        "Extra specs of volume types.",
        "/types/<type_id>/extra_specs",
    ),
    Extension(
        "os-volume-type-access",
        "VolumeTypeAccess",
        "Access to private volume types.",
        "/types/<type_id>/os-volume-type-access",
    ),
    Extension("qos-specs", "Qos_specs_manage", "QoS specs of volume types.", "/qos-specs"),
    Extension("os-quota-sets", "Quotas", "The quota of a project.", "/os-quota-sets/<target_id>"),
    Extension(
        "os-quota-class-sets",
        "QuotaClasses",
        "The default quota of projects.",
        "/os-quota-class-sets/<class_name>",
    ),
    Extension("os-services", "Services", "The parts of the service.", "/os-services"),
    Extension("os-hosts", "Hosts", "The hosts of the service.", "/os-hosts"),
    Extension("capabilities", "Capabilities", "The capabilities of a backend.", "/capabilities/<host>"),
    Extension(
        "scheduler-stats",
        "Scheduler_stats",
        "Backends as the scheduler sees them.",
        "/scheduler-stats/get_pools",
    ),
    Extension("os-availability-zone", "AvailabilityZones", "Availability zones.", "/os-availability-zone"),
)
