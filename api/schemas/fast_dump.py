"""Fast serialization for long lists.

For each value of each record marshmallow looks up the value, checks whether it is missing and converts it.
That costs more than reading a long history. Records are typed and complete, so a serializer per field is
chosen once for each schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from operator import attrgetter
from typing import Any

from marshmallow import Schema, fields, missing

from api.schemas.fields import Timestamp
from cgflow import clock

# These fields return a record's value unchanged.
_AS_IS = (fields.String, fields.Integer, fields.Float, fields.Boolean, fields.Raw)


class FastDump(Schema):
    """Serializes records. Each field names an attribute that the record has, of the field's own type."""

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Return the body for one record, or for several."""
        several = self.many if many is None else many
        return [self._dump_one(one) for one in obj] if several else self._dump_one(obj)

    def _dump_one(self, record: object) -> dict[str, Any]:
        body = {key: serialize(record) for key, serialize in self._serializers.items()}
        for key in self._keys_that_may_be_missing:
            if body[key] is missing:
                del body[key]
        return body

    @cached_property
    def _serializers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            field.data_key or name: _choose_serializer(name, field)
            for name, field in self.dump_fields.items()
        }

    @cached_property
    def _keys_that_may_be_missing(self) -> Iterable[str]:
        """Fields whose serializer may return ``missing``."""
        own = (*_AS_IS, Timestamp)
        return [field.data_key or name for name, field in self.dump_fields.items() if type(field) not in own]


def _choose_serializer(name: str, field: fields.Field[Any]) -> Callable[[Any], Any]:
    value = attrgetter(field.attribute or name)
    if type(field) in _AS_IS:
        return value
    if type(field) is Timestamp:
        return lambda record: clock.iso(value(record))
    if type(field) is fields.Function and field.serialize_func is not None:
        serialize: Callable[[Any], Any] = field.serialize_func
        return serialize
    return partial(_serialize_with_field, name, field)


def _serialize_with_field(name: str, field: fields.Field[Any], record: object) -> Any:
    return field.serialize(name, record, accessor=getattr)
