"""Fields for bodies and queries, with strict types and clear messages.

``metadata`` holds what the API document says about a field beyond its class.
"""

from __future__ import annotations

import copy
import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from marshmallow import ValidationError, fields, missing
from marshmallow.validate import Length

from api.versions import CGFLOW_VERSION, has_extensions, is_at_least
from cgflow import clock
from cgflow.booleans import parse_boolean
from cgflow.db.repositories.metadata import MAX_KEYS
from cgflow.errors import InvalidInput

SPEC_KEY = r"[\w.:\- ]+"
# For a spec that is named in a path or comes with a new type: Cinder allows a slash there, too.
PATH_SPEC_KEY = r"[\w.:\-/ ]+"
MAX_TEXT = 255
MAX_LONG_TEXT = 65535
MAX_INT = 2**31 - 1
MAX_STORED_OBJECT = 16 * 1024
"""The maximum length, as JSON, of an object that is stored unchanged: ten times a usual connector."""

_DECIMAL = re.compile(r"-?[0-9]{1,18}")


class SelfParsingField(fields.Field[Any]):
    """A field that parses its value itself, whatever type it is described as."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        del attr, data, kwargs
        return self.parse(value)

    def parse(self, value: Any) -> Any:
        """Return the value. Raises: ValidationError; InvalidInput, where clients expect Cinder's message."""
        raise NotImplementedError


class Text(fields.String):
    """A string of at most 255 characters by default, which any database can store."""

    def __init__(self, *, min: int = 0, max: int = MAX_TEXT, **kwargs: Any) -> None:
        super().__init__(validate=[Length(min=min, max=max), _refuse_nul], **kwargs)


class Name(Text):
    """The name or description of a resource. Surrounding whitespace is stripped, as in Cinder."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


class Uuid(Text):
    """The id of a resource of cgflow: a UUID in any of its notations."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return str(uuid.UUID(text))
        except ValueError:
            raise ValidationError("Must be a UUID.") from None


class Count(SelfParsingField, fields.Integer):
    """An integer, or its decimal digits as a string, which some clients send."""

    def __init__(self, *, min: int, max: int = MAX_INT, **kwargs: Any) -> None:
        kwargs["metadata"] = {"minimum": min, "maximum": max} | kwargs.get("metadata", {})
        super().__init__(**kwargs)
        self._min, self._max = min, max

    def parse(self, value: Any) -> int:
        """See the class."""
        is_digits = isinstance(value, str) and _DECIMAL.fullmatch(value)
        if not is_digits and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValidationError("Must be an integer.")
        number = int(value)
        if not self._min <= number <= self._max:
            raise ValidationError(f"Must be between {self._min} and {self._max}, not {str(number)[:32]}.")
        return number


class Flag(SelfParsingField, fields.Boolean):
    """A boolean, or one of Cinder's spellings of one. Other values are refused with Cinder's message."""

    def parse(self, value: Any) -> bool:
        """See the class."""
        try:
            return parse_boolean(value)
        except ValueError:
            name = self.data_key or self.name
            raise InvalidInput(f"Invalid value '{str(value)[:MAX_TEXT]}' for {name}.", name) from None


class Ignored(fields.Raw):
    """A value that clients send but that is not trusted; the schema drops it."""

    def __init__(self) -> None:
        super().__init__(load_only=True, allow_none=True, metadata={"description": "Ignored."})


class NotOffered(SelfParsingField, fields.Raw):
    """A feature of Cinder that cgflow does not offer: null and false are accepted, others refused."""

    def __init__(self) -> None:
        description = "Not supported: only null or false."
        super().__init__(load_only=True, allow_none=True, metadata={"description": description})

    def parse(self, value: Any) -> None:
        """See the class."""
        try:
            is_refusal = not parse_boolean(value)
        except ValueError:
            is_refusal = False
        if not is_refusal:
            name = self.data_key or self.name
            raise InvalidInput(f"'{name}' is not supported yet.", name)


class _NullAsEmptyField(SelfParsingField, fields.Field[Any]):
    """A field for which null means the empty value."""

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Load null as the empty value."""
        return super().deserialize(self.empty_value() if value is None else value, attr, data, **kwargs)

    def empty_value(self) -> object:
        """Return the empty value of the type."""
        raise NotImplementedError


class Names(_NullAsEmptyField):
    """Names or ids in a comma-separated string or a list: stripped, without empty ones and duplicates."""

    def __init__(self, *, max: int = 100, **kwargs: Any) -> None:
        shape = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        super().__init__(allow_none=True, load_default=list, metadata=shape, **kwargs)
        self._max = max

    def empty_value(self) -> list[str]:
        """Return no names."""
        return []

    def parse(self, value: Any) -> list[str]:
        """See the class."""
        # Limits the work: a string with more commas is refused in any case.
        parts = value.split(",", 10 * self._max) if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise ValidationError("Must be a comma-separated string, or a list of strings.")
        names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if len(names) > self._max:
            raise ValidationError(f"Must name at most {self._max}.")
        for name in names:
            Length(max=MAX_TEXT)(name)
            _refuse_nul(name)
        return names


class StringMap(_NullAsEmptyField):
    """Keys and values, both strings; null means none.

    Keys have at most 255 characters, values at most ``longest``.
    """

    def __init__(self, *, keys: str | None = None, longest: int = MAX_TEXT, **kwargs: Any) -> None:
        shape = {"type": "object", "additionalProperties": {"type": "string", "maxLength": longest}}
        if not kwargs.get("required"):
            kwargs.setdefault("load_default", dict)
        super().__init__(allow_none=True, metadata=shape, **kwargs)
        self._keys = re.compile(keys) if keys else None
        self._longest = longest

    def empty_value(self) -> dict[str, str]:
        """Return no pairs."""
        return {}

    def parse(self, value: Any) -> dict[str, str]:
        """See the class."""
        if not isinstance(value, Mapping):
            raise ValidationError("Must be an object of strings.")
        if len(value) > MAX_KEYS:
            raise ValidationError(f"Must have at most {MAX_KEYS} keys.")
        for key, text in value.items():
            self._check_pair(key, text)
        return dict(value)

    def _check_pair(self, key: str, text: object) -> None:
        if not 1 <= len(key) <= MAX_TEXT or "\x00" in key or (self._keys and not self._keys.fullmatch(key)):
            raise ValidationError(f"'{key[:MAX_TEXT]}' cannot be a key.")
        if not isinstance(text, str) or len(text) > self._longest or "\x00" in text:
            most = self._longest
            raise ValidationError(f"The value of '{key}' must be a string of at most {most} characters.")


class StoredObject(fields.Dict):
    """An object that is stored as the client sent it: limited in size, without NUL characters."""

    def __init__(self, *, min: int = 0, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), validate=[Length(min=min), _check_stored_object], **kwargs)


class Timestamp(fields.Field[datetime]):
    """A time in the API's format: microseconds, no time zone."""

    def __init__(self, **kwargs: Any) -> None:
        shape = {"type": "string", "example": "2026-11-22T10:19:45.852956"}
        super().__init__(dump_only=True, metadata=shape, **kwargs)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        del attr, obj, kwargs
        return clock.iso(value)


class Conditional(fields.Field[Any]):
    """A response field that only some requests are shown; ``openapi_extension`` documents the condition."""

    openapi_extension: Mapping[str, str]

    def __init__(self, inner: fields.Field[Any]) -> None:
        super().__init__(dump_only=True, data_key=inner.data_key, attribute=inner.attribute)
        self.inner = inner

    def is_shown(self) -> bool:
        """Return whether the current request is shown the field."""
        raise NotImplementedError

    def _bind_to_schema(self, field_name: str, parent: Any) -> None:
        super()._bind_to_schema(field_name, parent)
        self.inner = copy.deepcopy(self.inner)
        self.inner._bind_to_schema(field_name, parent)

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> Any:
        """Return the value of the wrapped field, or ``missing``."""
        return self.inner.serialize(attr, obj, accessor, **kwargs) if self.is_shown() else missing


class Since(Conditional):
    """A response field that is shown from microversion 3.``minor`` on."""

    def __init__(self, minor: int, inner: fields.Field[Any]) -> None:
        super().__init__(inner)
        self.minor = minor
        self.openapi_extension = {"x-min-microversion": f"3.{minor}"}

    def is_shown(self) -> bool:
        """See the base class."""
        return is_at_least(self.minor)


class Extension(Conditional):
    """A field that cgflow adds to one of Cinder's responses, for requests with its extensions."""

    openapi_extension: Mapping[str, str] = MappingProxyType(
        {"x-cgflow-version": "{}.{}".format(*CGFLOW_VERSION)}
    )

    def is_shown(self) -> bool:
        """See the base class."""
        return has_extensions()


def constant_field(value: object, *, data_key: str | None = None, **shape: object) -> fields.Field[Any]:
    """Return a field with a constant value, for what Cinder has and cgflow does not."""
    return fields.Function(lambda _: value, data_key=data_key, metadata=shape)


def _check_stored_object(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    if len(text) > MAX_STORED_OBJECT:
        raise ValidationError(f"Must be at most {MAX_STORED_OBJECT} characters long, as JSON.")
    # NUL is the only character that JSON escapes as \u0000; escaped backslashes are removed before.
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValidationError("Must not contain a NUL character.")


def _refuse_nul(text: str) -> None:
    if "\x00" in text:
        raise ValidationError("Must not contain a NUL character.")
