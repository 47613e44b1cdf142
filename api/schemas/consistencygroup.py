"""Schemas of consistency groups, and of groups, Cinder's later name for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validates
from marshmallow.validate import Length

from api.schemas.action import ActionIn
from api.schemas.attachment import NoDetails
from api.schemas.base import (
    Envelope,
    EnvelopeContent,
    LenientEnvelopeContent,
    NamedIn,
    RefOut,
    ResourceOut,
    ShowIn,
    body_schema,
    envelope_schema,
    page_schema,
)
from api.schemas.fields import Flag, Names, Since, Text, Uuid, constant_field
from api.schemas.list_query import ConsistencyGroupListIn
from api.versions import is_at_least
from cgflow.errors import InvalidInput


class ConsistencyGroupIn(LenientEnvelopeContent, NamedIn):
    """A new consistency group. ``volume_types`` are names or ids."""

    volume_types = Names()
    availability_zone = Text(min=1, allow_none=True, load_default=None)


ConsistencyGroupCreateIn = body_schema("ConsistencyGroupCreateIn", "consistencygroup", ConsistencyGroupIn)


class ChangeIn(NamedIn):
    """The changes to a group. The volumes are ids in one comma-separated string, or a list."""

    add_volumes = Names(max=1000)
    remove_volumes = Names(max=1000)

    @post_load
    def read_as_asked(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Ignore empty texts below 3.6; from 3.6 on they clear the name or description.

        From 3.6 on a change of name and description alone is allowed in any status.
        """
        is_later = is_at_least(6)
        if not is_later:
            data |= {key: data.get(key) or None for key in ("name", "description")}
        return data | {"in_any_status": is_later}


class LooseChangeIn(LenientEnvelopeContent, ChangeIn):
    """The changes to a consistency group."""


class ConsistencyGroupUpdateIn(Envelope):
    """The body that changes a consistency group."""

    root = "consistencygroup"
    aliases = ("consistency_group",)

    consistencygroup = fields.Nested(LooseChangeIn, required=True)

    @pre_load
    def find_root(self, data: Any, **kwargs: Any) -> Any:
        """Refuse a body without a root with Cinder's message for an update. Raises: InvalidInput."""
        if data is None:
            raise InvalidInput("Missing request body.")
        roots = (self.root, *self.aliases)
        if not isinstance(data, Mapping) or not any(isinstance(data.get(name), Mapping) for name in roots):
            raise InvalidInput(f"Incorrect request body format. '{self.root}' must be an object.", self.root)
        return super().find_root(data, **kwargs)


class SourceIn(LenientEnvelopeContent, NamedIn):
    """A new consistency group with the data of a source, of which exactly one must be named."""

    cgsnapshot_id = Text(allow_none=True, load_default=None)
    source_cgid = Text(allow_none=True, load_default=None)


ConsistencyGroupFromSourceIn = body_schema(
    "ConsistencyGroupFromSourceIn", "consistencygroup-from-src", SourceIn
)


class DeletionIn(EnvelopeContent):
    """How a consistency group is deleted; ``force`` deletes its volumes, too."""

    force = Flag(load_default=False)


class ConsistencyGroupDeleteIn(Envelope):
    """The body that deletes a consistency group; an empty or null body means without force."""

    root = "consistencygroup"
    aliases = ("consistency_group",)
    is_optional = True

    consistencygroup = fields.Nested(DeletionIn)


class SafetyIn(Schema):
    """The cgsnapshot to take before a group is restored."""

    name = Text(allow_none=True, load_default=None)
    description = Text(allow_none=True, load_default=None)


class ConsistencyGroupRevertIn(Schema):
    """The cgsnapshot to restore to, and the safety cgsnapshot to take before; null takes none."""

    cgsnapshot_id = Text(min=1, required=True)
    safety = fields.Nested(SafetyIn, allow_none=True, load_default=None)


class ConsistencyGroupActionIn(ActionIn):
    """An action on a consistency group."""

    revert = fields.Nested(ConsistencyGroupRevertIn, data_key="revert_to_cgsnapshot")


class ConsistencyGroupRefOut(RefOut):
    """The summary of a consistency group."""


class ConsistencyGroupOut(ResourceOut):
    """A consistency group in full."""

    availability_zone = fields.String()
    volume_type_ids = fields.List(fields.String(), data_key="volume_types")


ConsistencyGroupRefEnvelope = envelope_schema("consistencygroup", ConsistencyGroupRefOut)
ConsistencyGroupEnvelope = envelope_schema("consistencygroup", ConsistencyGroupOut)
ConsistencyGroupRefPage = page_schema("consistencygroups", ConsistencyGroupRefOut)
ConsistencyGroupPage = page_schema("consistencygroups", ConsistencyGroupOut)


class GroupIn(NamedIn):
    """A new group. Types are given by name or id."""

    kind = Text(min=1, required=True, data_key="group_type")
    volume_types = fields.List(Text(), required=True, validate=Length(min=1, max=100))
    availability_zone = Text(min=1, allow_none=True, load_default=None)

    @validates("volume_types")
    def check_unique(self, names: list[str], **_: Any) -> None:
        """Refuse a type that is named twice. Raises: ValidationError."""
        if len(set(names)) < len(names):
            raise ValidationError("Must name each type once.")


GroupCreateIn = body_schema("GroupCreateIn", "group", GroupIn)


GroupUpdateIn = body_schema("GroupUpdateIn", "group", ChangeIn)


class GroupDeleteIn(EnvelopeContent):
    """How a group is deleted; ``delete-volumes`` deletes its volumes, too."""

    force = Flag(load_default=False, data_key="delete-volumes")


class GroupResetIn(EnvelopeContent):
    """The status to set."""

    status = Text(required=True)


class GroupRevertIn(Schema):
    """The group snapshot to restore to, and the safety snapshot to take before; null takes none."""

    cgsnapshot_id = Text(min=1, required=True, data_key="group_snapshot_id")
    safety = fields.Nested(SafetyIn, allow_none=True, load_default=None)


class GroupFailoverIn(EnvelopeContent):
    """How a group is failed over."""

    allow_attached_volume = Flag()
    secondary_backend_id = Text(allow_none=True)


class GroupActionIn(ActionIn):
    """An action on a group. Those about replication are refused."""

    since: ClassVar[Mapping[str, int]] = {
        "reset_status": 20,
        "enable_replication": 38,
        "disable_replication": 38,
        "failover_replication": 38,
        "list_replication_targets": 38,
    }

    delete = fields.Nested(GroupDeleteIn)
    revert = fields.Nested(GroupRevertIn, data_key="revert_to_group_snapshot")
    reset = fields.Nested(GroupResetIn, data_key="reset_status")
    enable_replication = NoDetails("enable_replication")
    disable_replication = NoDetails("disable_replication")
    failover_replication = fields.Nested(GroupFailoverIn)
    list_replication_targets = NoDetails("list_replication_targets")


class GroupSourceIn(NamedIn):
    """A new group with the data of a source, of which exactly one must be named."""

    cgsnapshot_id = Uuid(allow_none=True, load_default=None, data_key="group_snapshot_id")
    source_cgid = Uuid(allow_none=True, load_default=None, data_key="source_group_id")

    @post_load
    def one_of_two(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Require exactly one source. Raises: InvalidInput."""
        named = [key for key in ("cgsnapshot_id", "source_cgid") if data[key]]
        if len(named) != 1:
            how = "Cannot provide both" if named else "Either"
            link, verb = ("and", "") if named else ("or", "must be provided ")
            raise InvalidInput(
                f"{how} 'source_group_id' {link} 'group_snapshot_id' {verb}"
                f"to create group {data['name']} from source.",
                "group_snapshot_id",
            )
        return data


class GroupsActionIn(ActionIn):
    """An action on groups as a whole."""

    source = fields.Nested(GroupSourceIn, required=True, data_key="create-from-src")

    @post_load
    def unwrap(self, data: Any, **_: Any) -> Any:
        """Return the content of the envelope."""
        return data["source"]


class GroupListIn(ConsistencyGroupListIn):
    """The query of a list of groups."""

    filters = (*ConsistencyGroupListIn.filters, "group_type_id")
    aliases: ClassVar[Mapping[str, str]] = {"group_type": "group_type_id"}

    group_type = Text(metadata={"description": "Only those of this type, by id."})
    group_type_id = Text(metadata={"description": "The same as `group_type`."})
    list_volume: fields.Field[Any] = Text(
        metadata={"description": "No effect: the summary list shows no volumes."}
    )


class GroupShowIn(Schema):
    """The query of groups that are shown in full."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    list_volume: fields.Field[Any] = Flag(
        metadata={"description": "True adds the ids of the volumes.", "x-min-microversion": "3.25"}
    )

    @pre_load
    def leave_out_what_came_later(self, data: Any, **_: Any) -> Any:
        """Drop a flag that is newer than the microversion of the request."""
        return {name: data[name] for name in data if name != "list_volume" or is_at_least(25)}


class GroupReadIn(ShowIn, GroupShowIn):
    """The query of one group in full."""

    class Meta(ShowIn.Meta, GroupShowIn.Meta):  # noqa: D106
        pass


class GroupDetailListIn(GroupShowIn, GroupListIn):
    """The query of a list of groups in full."""

    class Meta(GroupListIn.Meta):  # noqa: D106
        pass


class GroupRefOut(RefOut):
    """The summary of a group."""


class GroupOut(ResourceOut):
    """A group in full."""

    availability_zone = fields.String()
    group_type_id = fields.String(data_key="group_type")
    volume_type_ids = fields.List(fields.String(), data_key="volume_types")
    cgsnapshot_id = Since(14, fields.String(data_key="group_snapshot_id", allow_none=True))
    source_cgid = Since(14, fields.String(data_key="source_group_id", allow_none=True))
    replication_status = Since(38, constant_field("disabled", type="string"))
    volumes = Since(25, fields.List(fields.String()))
    project_id = Since(58, fields.String())


GroupRefEnvelope = envelope_schema("group", GroupRefOut)
GroupEnvelope = envelope_schema("group", GroupOut)
GroupRefPage = page_schema("groups", GroupRefOut)
GroupPage = page_schema("groups", GroupOut)
