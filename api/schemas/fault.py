"""Schemas that describe faults in the API document. ``api/faults.py`` creates them."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields

from api.faults import KEYS
from api.schemas.fields import Extension


class FaultOut(Schema):
    """The content of every fault."""

    code = fields.Integer(required=True)
    message = fields.String(required=True)
    title = fields.String(metadata={"description": "Of a 401 alone."})
    retryAfter = fields.String()  # noqa: N815 - the key in Cinder's API
    slug = Extension(fields.String(data_key="cgflow:code"))
    field = Extension(fields.String(data_key="cgflow:field"))
    request_id = Extension(fields.String())


class AnyFault(Schema):
    """A fault under the key of any status."""

    class Meta:  # noqa: D106
        unknown = INCLUDE


def _named(key: str) -> type[Schema]:
    fault: fields.Field[object] = fields.Nested(FaultOut, required=True)
    return Schema.from_dict({key: fault}, name=f"{key[0].upper()}{key[1:]}Fault")


BY_KEY = {key: _named(key) for key in sorted(set(KEYS.values()))}
BY_STATUS = {status: BY_KEY[key] for status, key in KEYS.items()}
"""The schema of a fault, by HTTP status."""
