"""Backends that are to be failed over or frozen, on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.schemas.fields import Text


class FrozenIn(Schema):
    """Which backend is meant."""

    host = Text(min=1, required=True)
    cluster = Text(allow_none=True, metadata={"x-min-microversion": "3.26"})


class FailoverIn(FrozenIn):
    """Which backend is meant, and where to."""

    backend_id = Text(allow_none=True)


class ReplicatedOut(Schema):
    """What stands where a backend replicates, which none does."""

    host = fields.String()
