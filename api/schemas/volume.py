"""Schemas of volumes, and of their summary."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NoReturn

from marshmallow import EXCLUDE, Schema, fields, missing, post_dump, post_load, pre_load

from api.auth import authorization
from api.schemas.attachment import attachments_body
from api.schemas.base import (
    Envelope,
    LegacyNames,
    NamedIn,
    NamedPatch,
    RefOut,
    ResourceOut,
    body_schema,
    counted_page_schema,
    envelope_schema,
    links_field,
)
from api.schemas.fields import (
    Count,
    Flag,
    Ignored,
    NotOffered,
    Since,
    StringMap,
    Text,
    Timestamp,
    Uuid,
    constant_field,
)
from api.schemas.pool import pool_name
from api.versions import is_at_least
from cgflow import records
from cgflow.errors import InvalidInput, NotFound
from cgflow.policies import volumes as policies

_ALWAYS_IGNORED = ("user_id", "project_id", "status", "attach_status", "source_replica")


class BackupIdField(Uuid):
    """The id of a backup to restore into a new volume. It is never found: there is no backup service."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotFound(f"Backup {super()._deserialize(*args, **kwargs)} could not be found.")


class VolumeIn(LegacyNames, NamedIn):
    """A new volume, a member of a consistency group if one is named.

    ``size`` is in GiB; it may be omitted for a snapshot or volume as source, whose size is then used.
    """

    ignored = (
        *NamedIn.ignored,
        "attach_status",
        "backup_id",
        "imageRef",
        "multiattach",
        "source_replica",
    )

    size = Count(min=1, allow_none=True, load_default=None)
    volume_type = Text(allow_none=True, load_default=None)
    consistencygroup_id = Uuid(allow_none=True, load_default=None)
    availability_zone = Text(min=1, allow_none=True, load_default=None)
    metadata = StringMap()
    attach_status = Ignored()
    backup_id = BackupIdField(load_only=True, allow_none=True)
    imageRef = NotOffered()  # noqa: N815 - the key in Cinder's API
    multiattach = NotOffered()
    snapshot_id = Uuid(allow_none=True, load_default=None)
    source_replica = NotOffered()
    source_volid = Uuid(allow_none=True, load_default=None)
    group_id = Text(allow_none=True, load_default=None)

    @pre_load
    def refuse_ignored_fields(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        """Refuse, from 3.53 on, fields that clients used to send and that were always ignored."""
        if not is_at_least(53):
            # Below 3.53 unknown fields were dropped silently.
            return {name: value for name, value in data.items() if name in self.fields}
        given = [name for name in _ALWAYS_IGNORED if name in data]
        if given:
            raise InvalidInput(f"Invalid input for field '{given[0]}': Unknown field.", given[0])
        return data

    @post_load
    def name_the_group(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Accept ``group_id``, the later key for ``consistencygroup_id``. Raises: InvalidInput."""
        group_id = data.pop("group_id", None)
        if group_id is None:
            return data
        if data["consistencygroup_id"] not in (None, group_id):
            raise InvalidInput("'group_id' and 'consistencygroup_id' name different groups.", "group_id")
        return data | {"consistencygroup_id": group_id}


class VolumeCreateIn(Envelope):
    """The body that creates a volume."""

    root = "volume"

    volume = fields.Nested(VolumeIn, required=True)
    hints = fields.Dict(keys=fields.String(), data_key="OS-SCH-HNT:scheduler_hints", allow_none=True)

    @post_load
    def unwrap(self, data: Any, **_: Any) -> Any:
        """Return the volume with the scheduler hints, which are beside it in the body."""
        return data["volume"] | {"scheduler_hints": data.get("hints") or {}}


class VolumePatch(NamedPatch):
    """The changes to a volume that do not affect its data."""

    metadata = StringMap(load_default=missing)

    @post_load
    def require_changes(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Return the changes; below 3.53 there may be none."""
        return super().require_changes(data, **kwargs) if is_at_least(53) else data

    @pre_load
    def refuse_null(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        """Refuse null metadata, which means neither empty nor unchanged. Raises: InvalidInput."""
        if data.get("metadata", ...) is None:
            raise InvalidInput(
                "Invalid input for field 'metadata': None is not of type 'object'.", "metadata"
            )
        return data


VolumeUpdateIn = body_schema("VolumeUpdateIn", "volume", VolumePatch)


class VolumeDeleteIn(Schema):
    """The query of a deletion. ``cascade`` deletes the snapshots, too; clients mostly send false."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    cascade = Flag(load_default=False)
    force = Flag(
        load_default=False,
        metadata={"description": "Whether to delete it in any resting status.", "x-min-microversion": "3.23"},
    )

    @pre_load
    def leave_out_what_came_later(self, data: Any, **_: Any) -> dict[str, Any]:
        """Drop parameters that are newer than the microversion of the request."""
        return {name: data[name] for name in data if name != "force" or is_at_least(23)}


class VolumeRefOut(RefOut):
    """The summary of a volume."""

    links = links_field("volumes")


_NULLABLE = {"type": "string", "nullable": True}


class VolumeOut(ResourceOut):
    """A volume in full. Fields that only administrators may see are removed for others."""

    size = fields.Integer()
    availability_zone = fields.String()
    updated_at = Timestamp(allow_none=True)
    volume_type_name = fields.String(data_key="volume_type", allow_none=True)
    consistencygroup_id = fields.Function(
        lambda volume: None if volume.is_in_generic_group else volume.consistencygroup_id, metadata=_NULLABLE
    )
    group_id = Since(13, fields.String(attribute="consistencygroup_id", allow_none=True))
    metadata = fields.Function(
        lambda volume: _metadata_with_readonly(volume),
        metadata={"type": "object", "additionalProperties": {"type": "string"}},
    )
    image_metadata = fields.Dict(
        keys=fields.String(), values=fields.String(), data_key="volume_image_metadata"
    )
    user_id = fields.String()
    project_id = fields.String(data_key="os-vol-tenant-attr:tenant_id")
    host = fields.Function(
        lambda volume: pool_name(volume.host),
        data_key="os-vol-host-attr:host",
        metadata={"type": "string", "nullable": True},
    )
    links = links_field("volumes")
    attachments = fields.Function(
        lambda volume: attachments_body(volume, hosts=authorization.shows_field(policies.HOST)),
        metadata={"type": "array", "items": {"type": "object"}},
    )
    bootable = fields.Function(lambda volume: str(volume.bootable).lower(), metadata={"type": "string"})
    encrypted = constant_field(False, type="boolean")
    multiattach = fields.Boolean(attribute="is_multiattach")
    migration_status = constant_field(None, type="string", nullable=True)
    migstat = constant_field(None, data_key="os-vol-mig-status-attr:migstat", type="string", nullable=True)
    name_id = constant_field(None, data_key="os-vol-mig-status-attr:name_id", type="string", nullable=True)
    replication_status = constant_field(None, type="string", nullable=True)
    snapshot_id = fields.String(allow_none=True)
    source_volid = fields.String(allow_none=True)
    provider_id = Since(21, constant_field(None, type="string", nullable=True))
    service_uuid = Since(48, fields.Function(lambda volume: _service_uuid(volume.host), metadata=_NULLABLE))
    shared_targets = Since(48, constant_field(False, type="boolean"))
    cluster_name = Since(61, constant_field(None, type="string", nullable=True))
    volume_type_id = Since(63, fields.String(allow_none=True))
    consumes_quota = Since(65, fields.Boolean())

    @post_dump
    def hide(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Remove fields that the policy hides from the caller, and empty image metadata."""
        if not data.get("volume_image_metadata"):
            data.pop("volume_image_metadata", None)
        return {name: value for name, value in data.items() if authorization.shows_field(_RULES.get(name))}


class VolumeChangedOut(VolumeOut):
    """A volume in the response to a change, which has fewer fields than in the response to a read."""

    class Meta:  # noqa: D106
        exclude: tuple[str, ...] = ("project_id", "host", "migstat", "name_id", "image_metadata")


class VolumeCreatedOut(VolumeChangedOut):
    """A volume in the response to its creation. It has no history yet."""

    class Meta:  # noqa: D106
        exclude = (*VolumeChangedOut.Meta.exclude, "reason", "flow_id")


_RULES = {
    "os-vol-host-attr:host": policies.HOST,
    "cluster_name": policies.HOST,
    "provider_id": policies.HOST,
    "migration_status": policies.MIGRATION,
    "os-vol-mig-status-attr:migstat": policies.MIGRATION,
    "os-vol-mig-status-attr:name_id": policies.MIGRATION,
    "os-vol-tenant-attr:tenant_id": policies.TENANT,
}


def _service_uuid(host: str | None) -> str | None:
    """Return an id of the backend, the same in all its volumes: clients serialize their use of it by that."""
    return None if host is None else str(uuid.uuid5(uuid.NAMESPACE_URL, f"cgflow:{host}"))


def _metadata_with_readonly(volume: records.Volume) -> dict[str, str]:
    """Return the metadata as clients expect it: with ``readonly``, if that was ever set."""
    readonly = {} if volume.readonly is None else {"readonly": str(volume.readonly)}
    return {**volume.metadata, **readonly}


RefPage = counted_page_schema("volumes", VolumeRefOut)
CreatedEnvelope = envelope_schema("volume", VolumeCreatedOut)
ChangedEnvelope = envelope_schema("volume", VolumeChangedOut)
ShowEnvelope = envelope_schema("volume", VolumeOut)
ShowPage = counted_page_schema("volumes", VolumeOut)


class SummaryIn(Schema):
    """The query of the summary."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    all_tenants = Flag(
        metadata={"description": "True counts the volumes of all projects, for administrators."}
    )


class TotalsOut(Schema):
    """The number of volumes, their size in GiB, and from 3.36 on the values of each metadata key."""

    total_count = fields.Integer()
    total_size = fields.Integer()
    metadata = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))


class SummaryOut(Schema):
    """The summary of all volumes."""

    totals = fields.Nested(TotalsOut, data_key="volume-summary", attribute="volume-summary")
