"""Snapshots on the wire: the members' copies inside cgsnapshots."""

from __future__ import annotations

from marshmallow import fields

from api.schemas.envelope import listed, wrapped
from api.schemas.fields import Moment, constant
from api.schemas.resource import RefOut, ResourceOut


class SnapshotRefOut(RefOut):
    """A snapshot as the plain list shows it."""

    description = fields.String(allow_none=True)
    status = fields.String()
    created_at = Moment()
    updated_at = Moment(allow_none=True)
    volume_id = fields.String()
    size = fields.Integer()
    metadata = constant({}, type="object")


class SnapshotOut(SnapshotRefOut, ResourceOut):
    """A snapshot in full. ``group_snapshot_id`` is the cgsnapshot's id, in later words."""

    cgsnapshot_id = fields.String()
    group_snapshot_id = fields.String(attribute="cgsnapshot_id", dump_only=True)
    project_id = fields.String(data_key="os-extended-snapshot-attributes:project_id")
    progress = fields.String(data_key="os-extended-snapshot-attributes:progress")


RefPage = listed("snapshots", SnapshotRefOut)
ShowEnvelope = wrapped("snapshot", SnapshotOut)
ShowPage = listed("snapshots", SnapshotOut)
