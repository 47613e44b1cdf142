"""Metadata on the wire: all of it, or one key."""

from __future__ import annotations

import ast
from typing import Any

from marshmallow import Schema, ValidationError, fields

from api.schemas.envelope import Envelope
from api.schemas.fields import MAX_TEXT, Pairs, Read
from cgflow.errors import InvalidInput

_LONGEST = 8192


class MetadataIn(Envelope):
    """The body that sets metadata."""

    root = "metadata"

    metadata = Pairs()


class MetaIn(Envelope):
    """The body that sets one key."""

    root = "meta"

    meta = Pairs()


class MetadataOut(Schema):
    """Metadata by key."""

    metadata = fields.Dict(keys=fields.String(), values=fields.String())


class MetaOut(Schema):
    """One key with its value."""

    meta = fields.Dict(keys=fields.String(), values=fields.String())


class MetadataFilter(Read, fields.String):
    """Metadata that a thing must have, as JSON or as clients write it: ``{'key': 'value'}``."""

    def read(self, value: Any) -> dict[str, str]:
        """See the class."""
        if len(value) > _LONGEST:
            raise ValidationError(f"Must be at most {_LONGEST} characters long.")
        try:
            pairs = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise ValidationError("Must be an object of strings, such as {'key': 'value'}.") from None
        if not isinstance(pairs, dict) or not all(isinstance(key, str) for key in pairs):
            raise ValidationError("Must be an object of strings, such as {'key': 'value'}.")
        found: dict[str, str] = Pairs().deserialize(pairs)
        for key in found:
            # Neither can be written down in a path into JSON, on every database.
            if '"' in key or "\\" in key:
                raise ValidationError(f"Cannot look for the key {key[:MAX_TEXT]!r}: it has a quote in it.")
        return found


def require_key(body: dict[str, str], key: str) -> None:
    """Raise InvalidInput, if the body does not set exactly the key of the address."""
    if set(body) != {key}:
        raise InvalidInput(f"'meta' must hold '{key[:MAX_TEXT]}' and nothing else.", "meta")
