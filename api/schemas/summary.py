"""The summary of volumes on the wire."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from api.schemas.fields import Flag


class SummaryIn(Schema):
    """The query of the summary."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    all_tenants = Flag(metadata={"description": "True counts those of every project, for an administrator."})


class TotalsOut(Schema):
    """How many volumes, how many GiB, and from 3.36 on which values each key of their metadata has."""

    total_count = fields.Integer()
    total_size = fields.Integer()
    metadata = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))


class SummaryOut(Schema):
    """All volumes together."""

    totals = fields.Nested(TotalsOut, data_key="volume-summary", attribute="volume-summary")
