"""Schemas of group types and their group specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_dump, pre_load

from api.auth import authorization
from api.schemas.base import Envelope, Link, body_schema
from api.schemas.fields import PATH_SPEC_KEY, SPEC_KEY, Flag, StringMap, Text
from api.schemas.volume_type import SpecIn, SpecOut, TypeIn, VolumeTypeListIn
from cgflow.errors import InvalidInput
from cgflow.policies.groups import GROUP_SPECS_SHOWN


class GroupTypeIn(TypeIn):
    """A new group type."""

    is_public = Flag(load_default=True)
    group_specs = StringMap(keys=PATH_SPEC_KEY)


GroupTypeCreateIn = body_schema("GroupTypeCreateIn", "group_type", GroupTypeIn)


class GroupTypePatch(GroupTypeIn):
    """The changes to a group type; fields that are not named stay."""

    class Meta:  # noqa: D106
        exclude = ("group_specs",)

    name = Text(min=1)
    description = Text(allow_none=True)
    is_public = Flag()

    @pre_load
    def drop_nulls(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Treat a null name or visibility as absent, as clients mean it.

        Raises: InvalidInput, if nothing is given.
        """
        if not any(data.get(name) is not None for name in ("name", "description", "is_public")):
            raise InvalidInput("Specify group type name, description or a combination thereof.", "name")
        return {key: value for key, value in data.items() if value is not None or key == "description"}


GroupTypeUpdateIn = body_schema("GroupTypeUpdateIn", "group_type", GroupTypePatch)


class GroupSpecsIn(Envelope):
    """The body that sets group specs."""

    root = "group_specs"

    group_specs = StringMap(keys=SPEC_KEY)


class GroupSpecIn(SpecIn):
    """The body that sets one group spec."""


class GroupTypeListIn(VolumeTypeListIn):
    """The query of the list of group types. An administrator who sets ``is_public`` to None gets all."""

    class Meta(VolumeTypeListIn.Meta):  # noqa: D106
        exclude = (*VolumeTypeListIn.Meta.exclude, "extra_specs")


class GroupTypeOut(Schema):
    """A group type. Its specs describe backends, so only administrators see them."""

    id = fields.String()
    name = fields.String()
    description = fields.String(allow_none=True)
    is_public = fields.Boolean()
    group_specs = fields.Dict(keys=fields.String(), values=fields.String())

    @post_dump
    def hide(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Remove the specs for callers to whom the policy does not show them."""
        is_shown = authorization.shows_field(GROUP_SPECS_SHOWN)
        return {name: value for name, value in data.items() if is_shown or name != "group_specs"}


class GroupTypeEnvelope(Schema):
    """One group type."""

    group_type = fields.Nested(GroupTypeOut)


class GroupTypePage(Schema):
    """A list of group types."""

    group_types = fields.List(fields.Nested(GroupTypeOut))
    group_type_links = fields.List(fields.Nested(Link))


class GroupSpecsOut(Schema):
    """Group specs by key."""

    group_specs = fields.Dict(keys=fields.String(), values=fields.String())


class GroupSpecOut(SpecOut):
    """One group spec under its key."""
