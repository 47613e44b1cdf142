"""Schemas of cgsnapshots, and of group snapshots, Cinder's later name for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields, pre_load

from api.schemas.action import ActionIn
from api.schemas.base import (
    LenientEnvelopeContent,
    NamedIn,
    RefOut,
    ResourceOut,
    body_schema,
    envelope_schema,
    page_schema,
)
from api.schemas.consistencygroup import GroupResetIn
from api.schemas.fields import Extension, Since, Text, Uuid
from api.schemas.list_query import ListIn
from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.errors import InvalidInput

LEVELS = [level.value for level in CutLevel]


def required_level_field() -> fields.Field[Any]:
    """Return the field of the required cut level; null requires what the volume types do."""
    return fields.Enum(
        CutLevel,
        by_value=True,
        data_key="cgflow:level",
        allow_none=True,
        load_default=None,
        metadata={"description": "The required level; refused if the backend does not reach it."},
    )


def evidence_field() -> fields.Field[Any]:
    """Return the field that describes how a cut was made, null until there is one."""
    shape = {
        "mechanism": {"type": "string"},
        "level": {"type": "string", "enum": LEVELS},
        "members": {"type": "integer"},
        "cut_at": {"type": "string", "nullable": True, "example": "2026-11-22T10:19:45.852956"},
        "duration_ms": {"type": "number", "nullable": True},
        "skew_ms": {"type": "number"},
        "promise": {"type": "string"},
    }
    return Extension(
        fields.Raw(
            data_key="cgflow:evidence", metadata={"type": "object", "nullable": True, "properties": shape}
        )
    )


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


CgsnapshotCreateIn = body_schema("CgsnapshotCreateIn", "cgsnapshot", CgsnapshotIn)


class CgsnapshotRefOut(RefOut):
    """The summary of a cgsnapshot."""


class CgsnapshotOut(ResourceOut):
    """A cgsnapshot in full. ``cgflow:evidence`` describes how the cut was made."""

    consistencygroup_id = fields.String()
    evidence = evidence_field()


CgsnapshotRefEnvelope = envelope_schema("cgsnapshot", CgsnapshotRefOut)
CgsnapshotEnvelope = envelope_schema("cgsnapshot", CgsnapshotOut)
CgsnapshotRefPage = page_schema("cgsnapshots", CgsnapshotRefOut)
CgsnapshotPage = page_schema("cgsnapshots", CgsnapshotOut)


class GroupSnapshotIn(NamedIn):
    """A new group snapshot of a group."""

    consistencygroup_id = Uuid(required=True, data_key="group_id")
    level = required_level_field()


GroupSnapshotCreateIn = body_schema("GroupSnapshotCreateIn", "group_snapshot", GroupSnapshotIn)


class GroupSnapshotActionIn(ActionIn):
    """An action on a group snapshot."""

    reset = fields.Nested(GroupResetIn, data_key="reset_status")


class GroupSnapshotListIn(ListIn):
    """The query of a list of group snapshots."""

    filters = (*ListIn.filters, "description", "consistencygroup_id")

    sort_keys: ClassVar[Mapping[str, str]] = {"group_id": "consistencygroup_id"}

    description = Text(metadata={"description": "Exactly this description."})
    consistencygroup_id = Text(data_key="group_id", metadata={"description": "Only those of this group."})


class GroupSnapshotRefOut(RefOut):
    """The summary of a group snapshot."""


class GroupSnapshotCreatedOut(GroupSnapshotRefOut):
    """A group snapshot in the response to its creation."""

    group_type_id = fields.String()


class GroupSnapshotOut(ResourceOut):
    """A group snapshot in full. ``cgflow:evidence`` describes how the cut was made."""

    consistencygroup_id = fields.String(data_key="group_id")
    group_type_id = fields.String()
    project_id = Since(58, fields.String())
    evidence = evidence_field()


GroupSnapshotCreatedEnvelope = envelope_schema("group_snapshot", GroupSnapshotCreatedOut)
GroupSnapshotEnvelope = envelope_schema("group_snapshot", GroupSnapshotOut)
GroupSnapshotRefPage = page_schema("group_snapshots", GroupSnapshotRefOut)
GroupSnapshotPage = page_schema("group_snapshots", GroupSnapshotOut)
