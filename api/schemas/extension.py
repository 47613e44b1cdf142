"""Extensions on the wire: what older clients ask for before they use it."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from api.schemas.fields import Text


class ExtensionOut(Schema):
    """One extension of the API. All of them are part of this service, and none can be taken away."""

    name = fields.String()
    alias = fields.String()
    description = fields.String()
    updated = fields.String()
    links = fields.List(fields.Dict())


class ExtensionEnvelope(Schema):
    """One extension."""

    extension = fields.Nested(ExtensionOut)


class ExtensionsOut(Schema):
    """All extensions."""

    extensions = fields.List(fields.Nested(ExtensionOut))


class ResourceFilterIn(Schema):
    """Whose filters are meant; all if none is named."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    resource = Text(load_default=None)


class ResourceFilterOut(Schema):
    """What one list can be filtered by."""

    resource = fields.String()
    filters = fields.List(fields.String())


class ResourceFiltersOut(Schema):
    """What each list can be filtered by."""

    resource_filters = fields.List(fields.Nested(ResourceFilterOut))
