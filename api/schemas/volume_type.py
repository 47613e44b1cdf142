"""Schemas of volume types and their extra specs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import INCLUDE, Schema, fields, post_dump, post_load, pre_load
from marshmallow.validate import OneOf

from api import request_scope
from api.auth import authorization
from api.schemas.action import ActionIn
from api.schemas.base import Envelope, EnvelopeContent, Link, body_schema, envelope_schema
from api.schemas.fields import MAX_TEXT, PATH_SPEC_KEY, SPEC_KEY, Count, Flag, StringMap, Text, Timestamp
from api.schemas.list_query import ListIn
from api.schemas.metadata import MetadataFilter
from api.versions import is_at_least
from cgflow.booleans import parse_boolean
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import InvalidInput
from cgflow.policies.types import EXTRA_SPECS_SHOWN

_PUBLIC = "os-volume-type-access:is_public"


class TypeIn(EnvelopeContent):
    """The name and description of a new volume type or group type."""

    name = Text(min=1, required=True)
    description = Text(allow_none=True, load_default=None)

    @post_load
    def strip_name(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Strip the name, as lists of names are. Raises: InvalidInput, if nothing is left."""
        if "name" not in data:
            return data
        if not data["name"].strip():
            raise InvalidInput("Type name can not be empty.", "name")
        return data | {"name": data["name"].strip()}


class VolumeTypeIn(TypeIn):
    """A new volume type."""

    is_public = Flag(data_key=_PUBLIC, load_default=True)
    extra_specs = StringMap(keys=PATH_SPEC_KEY)


VolumeTypeCreateIn = body_schema("VolumeTypeCreateIn", "volume_type", VolumeTypeIn)


class VolumeTypePatch(VolumeTypeIn):
    """The changes to a volume type; fields that are not named stay."""

    class Meta:  # noqa: D106
        exclude = ("extra_specs",)

    name = Text(min=1)
    description = Text(allow_none=True)
    is_public = Flag(data_key="is_public")

    @pre_load
    def accept_both_keys(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Accept the key that clients send on update, and the one that they send on creation.

        A null name leaves the name unchanged: the ``cinder`` command always sends one.
        """
        named = {("is_public" if name == _PUBLIC else name): value for name, value in data.items()}
        if not any(named.get(name) is not None for name in ("name", "description", "is_public")):
            raise InvalidInput(
                "Specify volume type name, description, is_public or a combination thereof.", "name"
            )
        return {name: value for name, value in named.items() if name != "name" or value is not None}


VolumeTypeUpdateIn = body_schema("VolumeTypeUpdateIn", "volume_type", VolumeTypePatch)


class ExtraSpecsIn(Envelope):
    """The body that sets extra specs."""

    root = "extra_specs"

    extra_specs = StringMap(keys=SPEC_KEY)


class SpecIn(Schema):
    """The body that sets one spec of a type: the key in the path, with its value."""

    class Meta:  # noqa: D106
        unknown = INCLUDE

    @pre_load
    def check(self, data: Any, **_: Any) -> Any:
        """Validate the spec. Raises: ValidationError."""
        return StringMap(keys=PATH_SPEC_KEY).deserialize(data)


class ExtraSpecIn(SpecIn):
    """The body that sets one extra spec."""


class VolumeTypeListIn(ListIn):
    """The query of the list of types. An administrator who sets ``is_public`` to None gets all."""

    filters = ("id", "name", "description")
    checked_since = 52

    class Meta(ListIn.Meta):  # noqa: D106
        exclude: tuple[str, ...] = ("status", "status_like", "project_id", "user_id")

    description = Text(metadata={"description": "Exactly this description."})
    extra_specs = MetadataFilter(
        metadata={"description": "Only those with all these keys and values.", "x-min-microversion": "3.52"}
    )
    is_public = Text(load_default="true", metadata={"description": "true, false or none."})

    @post_load
    def query(self, data: dict[str, Any], **kwargs: Any) -> ListQuery:
        """Return the query for the repository. A member gets the types that the member's project may use."""
        wanted = _parse_visibility(data["is_public"])
        page: ListQuery = super().query(data, **kwargs)
        is_public = wanted if request_scope.caller().is_admin else True
        if is_public is not None:
            page.filters["is_public"] = is_public
        if not data.get("extra_specs"):
            return page
        # A caller who is not shown extra specs must not learn them by filtering either.
        if not authorization.shows_field(EXTRA_SPECS_SHOWN):
            return replace(page, matches_nothing=is_at_least(self.checked_since))
        return replace(page, metadata=data["extra_specs"])


class VolumeTypeOut(Schema):
    """A volume type. Its extra specs describe backends, so only administrators see them."""

    id = fields.String()
    name = fields.String()
    description = fields.String(allow_none=True)
    is_public = fields.Boolean()
    access_is_public = fields.Boolean(attribute="is_public", data_key=_PUBLIC, dump_only=True)
    extra_specs = fields.Dict(keys=fields.String(), values=fields.String())
    qos_specs_id = fields.String(allow_none=True)

    @post_dump
    def hide(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Hide the extra specs from callers to whom the policy does not show them."""
        return data if authorization.shows_field(EXTRA_SPECS_SHOWN) else data | {"extra_specs": {}}


class VolumeTypeCreatedOut(VolumeTypeOut):
    """A volume type in the response to its creation."""

    class Meta:  # noqa: D106
        exclude: tuple[str, ...] = ("qos_specs_id",)


class VolumeTypeChangedOut(VolumeTypeOut):
    """A volume type in the response to a change."""

    class Meta:  # noqa: D106
        exclude = (*VolumeTypeCreatedOut.Meta.exclude, "access_is_public")


class DefaultVolumeTypeOut(VolumeTypeOut):
    """The default volume type, as ``/types/default`` shows it."""

    class Meta:  # noqa: D106
        exclude: tuple[str, ...] = ("access_is_public",)


DefaultVolumeTypeEnvelope = envelope_schema("volume_type", DefaultVolumeTypeOut)
VolumeTypeEnvelope = envelope_schema("volume_type", VolumeTypeOut)
VolumeTypeCreatedEnvelope = envelope_schema("volume_type", VolumeTypeCreatedOut)
VolumeTypeChangedEnvelope = envelope_schema("volume_type", VolumeTypeChangedOut)


class VolumeTypePage(Schema):
    """A list of volume types."""

    volume_types = fields.List(fields.Nested(VolumeTypeOut))
    volume_type_links = fields.List(fields.Nested(Link))


class ExtraSpecsOut(Schema):
    """Extra specs by key."""

    extra_specs = fields.Dict(keys=fields.String(), values=fields.String())


class SpecOut(Schema):
    """One spec of a type under its key."""

    class Meta:  # noqa: D106
        unknown = INCLUDE

    @post_dump(pass_original=True)
    def show(self, _: Any, specs: dict[str, str], **__: Any) -> dict[str, str]:
        """Return the spec, whatever its key."""
        return dict(specs)


class ExtraSpecOut(SpecOut):
    """One extra spec under its key."""


def require_only_key(body: dict[str, str], key: str) -> None:
    """Raise InvalidInput, unless the body sets exactly the spec in the path."""
    if set(body) != {key}:
        raise InvalidInput(f"The body must hold '{key[:255]}' and nothing else.", key[:255])


def _parse_visibility(text: str) -> bool | None:
    """Return whether public or private types are requested, None for both. Raises: InvalidInput."""
    word = text.strip()
    try:
        return None if word.lower() == "none" else parse_boolean(word)
    except ValueError:
        raise InvalidInput(f"Invalid value '{text[:MAX_TEXT]}' for is_public.", "is_public") from None


class ProjectIn(Schema):
    """The project to add or remove."""

    project = Text(min=1, required=True)


class TypeActionIn(ActionIn):
    """An action on a volume type."""

    allow = fields.Nested(ProjectIn, data_key="addProjectAccess")
    forbid = fields.Nested(ProjectIn, data_key="removeProjectAccess")


class AccessOut(Schema):
    """One project that may use a type."""

    volume_type_id = fields.String()
    project_id = fields.String()


class AccessesOut(Schema):
    """All projects that may use a type."""

    volume_type_access = fields.List(fields.Nested(AccessOut))


class TypeEncryptionPatch(EnvelopeContent):
    """The changes to an encryption; what is not named stays. ``key_size`` is in bits."""

    provider = Text()
    control_location = fields.String(validate=OneOf(("front-end", "back-end")))
    cipher = Text(allow_none=True)
    key_size = Count(min=0, allow_none=True)


class TypeEncryptionIn(TypeEncryptionPatch):
    """A new encryption."""

    provider = Text(required=True)
    control_location = fields.String(required=True, validate=OneOf(("front-end", "back-end")))


TypeEncryptionCreateIn = body_schema("TypeEncryptionCreateIn", "encryption", TypeEncryptionIn)


TypeEncryptionUpdateIn = body_schema("TypeEncryptionUpdateIn", "encryption", TypeEncryptionPatch)


class TypeEncryptionKeyOut(Schema):
    """One key of an encryption under its name."""

    encryption_id = fields.String()
    provider = fields.String()
    control_location = fields.String()
    cipher = fields.String(allow_none=True)
    key_size = fields.Integer(allow_none=True)
    volume_type_id = fields.String()


class TypeEncryptionOut(TypeEncryptionKeyOut):
    """The encryption of a type; empty, if it has none."""

    created_at = Timestamp()
    updated_at = Timestamp()
    deleted = fields.Boolean()
    deleted_at = Timestamp()


class TypeEncryptionChangedOut(Schema):
    """The given values of an encryption; for a new one also its id and its type."""

    encryption = fields.Dict(keys=fields.String())


class VolumeEncryptionOut(Schema):
    """The encryption of a volume: no volume is encrypted."""

    encryption_key_id = fields.String(allow_none=True)


class DefaultTypeIn(Schema):
    """The default type, by name or id."""

    volume_type = Text(min=1, required=True)


DefaultTypeSetIn = body_schema("DefaultTypeSetIn", "default_type", DefaultTypeIn)


class DefaultTypeOut(Schema):
    """The default type of one project."""

    project_id = fields.String()
    volume_type_id = fields.String()


DefaultTypeEnvelope = envelope_schema("default_type", DefaultTypeOut)


class DefaultTypesOut(Schema):
    """The default types of all projects that have one of their own."""

    default_types = fields.List(fields.Nested(DefaultTypeOut))
