"""Schemas of snapshots, both single ones and those of cgsnapshots."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, post_load

from api.schemas.base import (
    LegacyNames,
    NamedIn,
    NamedPatch,
    RefOut,
    ResourceOut,
    body_schema,
    counted_page_schema,
    envelope_schema,
)
from api.schemas.fields import Flag, Since, StringMap, Timestamp, Uuid
from api.versions import is_at_least
from cgflow.errors import InvalidInput, NotFound


class SnapshotIn(LegacyNames, NamedIn):
    """A new snapshot of one volume. ``force`` allows it while the volume is in use.

    From 3.66 on force is not needed: true is ignored, and false is refused.
    """

    volume_id = Uuid(required=True, allow_none=True)
    force = Flag()
    metadata = StringMap()

    @post_load
    def force_from_its_microversion(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Set ``force`` as the microversion defines it. Raises: InvalidInput, NotFound."""
        if data["volume_id"] is None:
            raise NotFound("Volume None could not be found.")
        if not is_at_least(66):
            return {"force": False} | data
        if not data.get("force", True):
            raise InvalidInput("The 'force' flag is no longer used; only true is accepted.", "force")
        return data | {"force": True}


SnapshotCreateIn = body_schema("SnapshotCreateIn", "snapshot", SnapshotIn)


class SnapshotRefOut(RefOut):
    """A snapshot in the summary list."""

    description = fields.String(allow_none=True)
    status = fields.String()
    created_at = Timestamp()
    updated_at = Timestamp(allow_none=True)
    volume_id = fields.String()
    size = fields.Integer()
    metadata = fields.Dict(keys=fields.String(), values=fields.String())


class SnapshotCreatedOut(SnapshotRefOut):
    """A snapshot in the response to its creation."""

    group_snapshot_id = Since(14, fields.String(attribute="cgsnapshot_id", allow_none=True))
    user_id = Since(41, fields.String())
    consumes_quota = Since(65, fields.Boolean())


class SnapshotChangedOut(SnapshotCreatedOut, ResourceOut):
    """A snapshot in the response to a change."""


class SnapshotOut(SnapshotChangedOut):
    """A snapshot in full."""

    project_id = fields.String(data_key="os-extended-snapshot-attributes:project_id")
    progress = fields.String(data_key="os-extended-snapshot-attributes:progress")


SnapshotUpdateIn = body_schema("SnapshotUpdateIn", "snapshot", NamedPatch)


CreatedEnvelope = envelope_schema("snapshot", SnapshotCreatedOut)
ChangedEnvelope = envelope_schema("snapshot", SnapshotChangedOut)
RefPage = counted_page_schema("snapshots", SnapshotRefOut)
ShowEnvelope = envelope_schema("snapshot", SnapshotOut)
ShowPage = counted_page_schema("snapshots", SnapshotOut)
