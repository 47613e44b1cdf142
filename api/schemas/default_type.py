"""Schemas of the default volume types of projects."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.schemas.envelope import Envelope, wrapped
from api.schemas.fields import Text


class DefaultTypeIn(Schema):
    """The default type, by name or id."""

    volume_type = Text(min=1, required=True)


class DefaultTypeSetIn(Envelope):
    """The body that sets a project's default type."""

    root = "default_type"

    default_type = fields.Nested(DefaultTypeIn, required=True)


class DefaultTypeOut(Schema):
    """The default type of one project."""

    project_id = fields.String()
    volume_type_id = fields.String()


ShowEnvelope = wrapped("default_type", DefaultTypeOut)


class DefaultTypesOut(Schema):
    """The default types of all projects that have one of their own."""

    default_types = fields.List(fields.Nested(DefaultTypeOut))
