"""Schemas of log levels."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields

from api.log_levels import LEVELS
from api.schemas.fields import SelfParsingField, Text


class _Level(SelfParsingField, fields.String):
    """A log level; case is not significant."""

    def __init__(self) -> None:
        super().__init__(required=True, metadata={"enum": [*LEVELS, *(level.lower() for level in LEVELS)]})

    def read(self, value: Any) -> str:
        """Return the level in capitals."""
        level = value.upper() if isinstance(value, str) else None
        if level not in LEVELS:
            raise ValidationError(f"Must be one of {', '.join(LEVELS)}.")
        return level


class LogLevelsIn(Schema):
    """The parts of the service, and the prefix of their loggers."""

    binary = Text(load_default=None, allow_none=True)
    server = Text(load_default=None, allow_none=True)
    prefix = Text(load_default=None, allow_none=True)


class LogLevelSetIn(LogLevelsIn):
    """The parts and loggers, and the level to set."""

    level = _Level()


class LogLevelOut(Schema):
    """One part of the service, and the level of each of its loggers."""

    binary = fields.String()
    host = fields.String()
    levels = fields.Dict(keys=fields.String(), values=fields.String())


class LogLevelsOut(Schema):
    """The matching parts."""

    log_levels = fields.List(fields.Nested(LogLevelOut))
