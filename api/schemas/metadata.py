"""Schemas of metadata, as a whole and by key."""

from __future__ import annotations

import ast
import json
from typing import Any

from marshmallow import Schema, ValidationError, fields

from api import json_body
from api.schemas.base import Envelope
from api.schemas.fields import MAX_LONG_TEXT, MAX_TEXT, SelfParsingField, StringMap
from cgflow.errors import InvalidInput

_LONGEST = 8192


class MetadataIn(Envelope):
    """The body that sets metadata."""

    root = "metadata"

    metadata = StringMap()


class MetaIn(Envelope):
    """The body that sets one key."""

    root = "meta"

    meta = StringMap()


class MetadataOut(Schema):
    """Metadata by key."""

    metadata = fields.Dict(keys=fields.String(), values=fields.String())


class MetaOut(Schema):
    """One key with its value."""

    meta = fields.Dict(keys=fields.String(), values=fields.String())


class MetadataFilter(SelfParsingField, fields.String):
    """Metadata that a resource must have, as JSON or in Python's notation: ``{'key': 'value'}``."""

    def parse(self, value: Any) -> dict[str, str]:
        """See the class."""
        if len(value) > _LONGEST:
            raise ValidationError(f"Must be at most {_LONGEST} characters long.")
        pairs = _parse_json_or_literal(value)
        if not isinstance(pairs, dict) or not all(isinstance(key, str) for key in pairs):
            raise ValidationError("Must be an object of strings, such as {'key': 'value'}.")
        found: dict[str, str] = StringMap(longest=MAX_LONG_TEXT).deserialize(pairs)
        return found


def _parse_json_or_literal(value: str) -> object:
    """Return the value of JSON, or else of a Python literal: clients send both."""
    try:
        return json_body.parse(value.encode())
    except (InvalidInput, UnicodeEncodeError):
        pass
    try:
        # Python escapes a character beyond 16 bits as one unit, JSON as a surrogate pair; both mean the same
        # text.
        text = value.encode("utf-16", "surrogatepass").decode("utf-16")
        literal = ast.literal_eval(text)
        return json_body.parse(json.dumps(literal).encode())
    except (InvalidInput, ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValidationError("Must be an object of strings, such as {'key': 'value'}.") from None


def require_only_key(body: dict[str, str], key: str) -> None:
    """Raise InvalidInput, unless the body sets exactly the key in the path."""
    if set(body) != {key}:
        raise InvalidInput(f"'meta' must hold '{key[:MAX_TEXT]}' and nothing else.", "meta")
