"""Schemas of the volume summary."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from api.schemas.fields import Flag


class SummaryIn(Schema):
    """The query of the summary."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    all_tenants = Flag(metadata={"description": "True counts those of every project, for an administrator."})


class TotalsOut(Schema):
    """The number of volumes, their size in GiB, and from 3.36 on the values of each metadata key."""

    total_count = fields.Integer()
    total_size = fields.Integer()
    metadata = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))


class SummaryOut(Schema):
    """The summary of all volumes."""

    totals = fields.Nested(TotalsOut, data_key="volume-summary", attribute="volume-summary")
