"""Cgsnapshots on the wire."""

from __future__ import annotations

from marshmallow import fields

from api.schemas.envelope import Envelope, listed, wrapped
from api.schemas.fields import Text
from api.schemas.resource import NamedIn, RefOut, ResourceOut


class CgsnapshotIn(NamedIn):
    """A new cgsnapshot of a consistency group."""

    consistencygroup_id = Text(
        min=1, required=True, error_messages={"required": "'consistencygroup_id' must be specified"}
    )


class CgsnapshotCreateIn(Envelope):
    """The body that takes a cgsnapshot."""

    root = "cgsnapshot"

    cgsnapshot = fields.Nested(CgsnapshotIn, required=True)


class CgsnapshotRefOut(RefOut):
    """A cgsnapshot in short."""


class CgsnapshotOut(ResourceOut):
    """A cgsnapshot in full. ``cgflow:evidence`` tells how the cut was made."""

    consistencygroup_id = fields.String()
    evidence = fields.Raw(data_key="cgflow:evidence", metadata={"type": "object", "nullable": True})


RefEnvelope = wrapped("cgsnapshot", CgsnapshotRefOut)
ShowEnvelope = wrapped("cgsnapshot", CgsnapshotOut)
RefPage = listed("cgsnapshots", CgsnapshotRefOut)
ShowPage = listed("cgsnapshots", CgsnapshotOut)
