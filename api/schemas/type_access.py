"""Who may use a private volume type, on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.schemas.action import ActionIn
from api.schemas.fields import Text


class ProjectIn(Schema):
    """The project that is meant."""

    project = Text(min=1, required=True)


class TypeActionIn(ActionIn):
    """What can be done with a volume type."""

    allow = fields.Nested(ProjectIn, data_key="addProjectAccess")
    forbid = fields.Nested(ProjectIn, data_key="removeProjectAccess")


class AccessOut(Schema):
    """That a project may use a type."""

    volume_type_id = fields.String()
    project_id = fields.String()


class AccessesOut(Schema):
    """Every project that may use a type."""

    volume_type_access = fields.List(fields.Nested(AccessOut))
