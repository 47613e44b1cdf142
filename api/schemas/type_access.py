"""Schemas of the access to private volume types."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.schemas.action import ActionIn
from api.schemas.fields import Text


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
