"""Schemas of cgsnapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, pre_load

from api.schemas.envelope import Envelope, LenientEnvelopeContent, listed, wrapped
from api.schemas.evidence import evidence_field, required_level_field
from api.schemas.fields import Text
from api.schemas.resource import NamedIn, RefOut, ResourceOut
from cgflow.errors import InvalidInput


class CgsnapshotIn(LenientEnvelopeContent, NamedIn):
    """A new cgsnapshot of a consistency group."""

    consistencygroup_id = Text(required=True)
    level = required_level_field()

    @pre_load
    def name_the_group(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        """Refuse a missing group with Cinder's message. Raises: InvalidInput."""
        if data.get("consistencygroup_id") in (None, ""):
            raise InvalidInput("'consistencygroup_id' must be specified", "consistencygroup_id")
        return data


class CgsnapshotCreateIn(Envelope):
    """The body that creates a cgsnapshot."""

    root = "cgsnapshot"

    cgsnapshot = fields.Nested(CgsnapshotIn, required=True)


class CgsnapshotRefOut(RefOut):
    """The summary of a cgsnapshot."""


class CgsnapshotOut(ResourceOut):
    """A cgsnapshot in full. ``cgflow:evidence`` describes how the cut was made."""

    consistencygroup_id = fields.String()
    evidence = evidence_field()


RefEnvelope = wrapped("cgsnapshot", CgsnapshotRefOut)
ShowEnvelope = wrapped("cgsnapshot", CgsnapshotOut)
RefPage = listed("cgsnapshots", CgsnapshotRefOut)
ShowPage = listed("cgsnapshots", CgsnapshotOut)
