"""Schemas of the offered extensions and list filters: ``/extensions`` and ``/resource_filters``."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from api.schemas.fields import Text


class ExtensionOut(Schema):
    """One extension of the API. All are part of this service; none can be disabled."""

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
    """The resource whose filters to list; all if none is named."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    resource = Text(load_default=None)


class ResourceFilterOut(Schema):
    """The filters of one list."""

    resource = fields.String()
    filters = fields.List(fields.String())


class ResourceFiltersOut(Schema):
    """The filters of each list."""

    resource_filters = fields.List(fields.Nested(ResourceFilterOut))
