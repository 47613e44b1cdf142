"""Snapshots on the wire: copies of volumes, alone or inside cgsnapshots."""

from __future__ import annotations

from marshmallow import fields

from api.schemas.envelope import Envelope, counted, wrapped
from api.schemas.fields import Flag, Moment, Pairs, Since, Text
from api.schemas.resource import NamedIn, NamedPatch, OlderNames, RefOut, ResourceOut


class SnapshotIn(OlderNames, NamedIn):
    """A new snapshot of one volume. ``force``: also while the volume is in use."""

    volume_id = Text(required=True)
    force = Flag(load_default=False)
    metadata = Pairs()


class SnapshotCreateIn(Envelope):
    """The body that creates a snapshot."""

    root = "snapshot"

    snapshot = fields.Nested(SnapshotIn, required=True)


class SnapshotRefOut(RefOut):
    """A snapshot as the plain list shows it."""

    description = fields.String(allow_none=True)
    status = fields.String()
    created_at = Moment()
    updated_at = Moment(allow_none=True)
    volume_id = fields.String()
    size = fields.Integer()
    metadata = fields.Dict(keys=fields.String(), values=fields.String())


class SnapshotOut(SnapshotRefOut, ResourceOut):
    """A snapshot in full. ``group_snapshot_id`` is the cgsnapshot's id, in later words."""

    cgsnapshot_id = fields.String(allow_none=True)
    group_snapshot_id = fields.String(attribute="cgsnapshot_id", dump_only=True, allow_none=True)
    project_id = fields.String(data_key="os-extended-snapshot-attributes:project_id")
    progress = fields.String(data_key="os-extended-snapshot-attributes:progress")
    user_id = Since(41, fields.String())
    consumes_quota = Since(65, fields.Boolean())


class SnapshotCreatedOut(SnapshotRefOut):
    """A snapshot as the answer to its creation shows it."""


class SnapshotUpdateIn(Envelope):
    """The body that renames or describes a snapshot."""

    root = "snapshot"

    snapshot = fields.Nested(NamedPatch, required=True)


CreatedEnvelope = wrapped("snapshot", SnapshotCreatedOut)
RefPage = counted("snapshots", SnapshotRefOut)
ShowEnvelope = wrapped("snapshot", SnapshotOut)
ShowPage = counted("snapshots", SnapshotOut)
