"""Schemas of transfers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from marshmallow import Schema, fields

from api.schemas.base import body_schema, envelope_schema, links_field, page_schema
from api.schemas.fields import Flag, Name, Since, Text, Timestamp, Uuid, constant_field
from api.schemas.list_query import ListIn


class TransferIn(Schema):
    """A transfer of a volume. ``no_snapshots``: only if the volume has none."""

    volume_id = Uuid(required=True)
    name = Name(min=1, allow_none=True, load_default=None)
    no_snapshots = Flag(load_default=False)


TransferCreateIn = body_schema("TransferCreateIn", "transfer", TransferIn)


class AcceptIn(Schema):
    """The key of the transfer."""

    auth_key = Text(min=1, required=True)


TransferAcceptIn = body_schema("TransferAcceptIn", "accept", AcceptIn)


class TransferListIn(ListIn):
    """The query of the list of transfers, which have no status."""

    filters = ("id", "name", "volume_id", "project_id")
    aliases: ClassVar[Mapping[str, str]] = {"display_name": "name"}

    class Meta(ListIn.Meta):  # noqa: D106
        exclude = ("status", "status_like", "user_id")

    display_name = Text(metadata={"description": "The same as `name`."})
    volume_id = Text(metadata={"description": "Only those of this volume."})


class TransferRefOut(Schema):
    """The summary of a transfer."""

    id = fields.String()
    volume_id = fields.String()
    name = fields.String(allow_none=True)
    links = links_field("os-volume-transfer")


class TransferOut(TransferRefOut):
    """A transfer in full."""

    created_at = Timestamp()
    no_snapshots = Since(55, fields.Boolean())
    source_project_id = Since(57, fields.String(attribute="project_id"))
    destination_project_id = Since(57, fields.String(allow_none=True))
    accepted = Since(57, constant_field(False, type="boolean"))


class TransferCreatedOut(TransferOut):
    """A new transfer with the key that accepts it, which is shown only this once."""

    auth_key = fields.String()


CreatedEnvelope = envelope_schema("transfer", TransferCreatedOut)
RefEnvelope = envelope_schema("transfer", TransferRefOut)
ShowEnvelope = envelope_schema("transfer", TransferOut)
RefPage = page_schema("transfers", TransferRefOut)
ShowPage = page_schema("transfers", TransferOut)
