"""Schemas of group snapshots, Cinder's later name for cgsnapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from marshmallow import fields

from api.schemas.action import ActionIn
from api.schemas.envelope import Envelope, listed, wrapped
from api.schemas.evidence import evidence_field, required_level_field
from api.schemas.fields import Since, Text, Uuid
from api.schemas.group import GroupResetIn
from api.schemas.list_query import ListIn
from api.schemas.resource import NamedIn, RefOut, ResourceOut


class GroupSnapshotIn(NamedIn):
    """A new group snapshot of a group."""

    consistencygroup_id = Uuid(required=True, data_key="group_id")
    level = required_level_field()


class GroupSnapshotCreateIn(Envelope):
    """The body that creates a group snapshot."""

    root = "group_snapshot"

    group_snapshot = fields.Nested(GroupSnapshotIn, required=True)


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


CreatedEnvelope = wrapped("group_snapshot", GroupSnapshotCreatedOut)
ShowEnvelope = wrapped("group_snapshot", GroupSnapshotOut)
RefPage = listed("group_snapshots", GroupSnapshotRefOut)
ShowPage = listed("group_snapshots", GroupSnapshotOut)
