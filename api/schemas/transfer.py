"""Transfers on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from marshmallow import Schema, fields

from api.schemas.envelope import Envelope, listed, wrapped
from api.schemas.fields import Flag, Moment, Name, Since, Text, Uuid, constant
from api.schemas.list_query import ListIn
from api.schemas.resource import links


class TransferIn(Schema):
    """A volume that is offered. ``no_snapshots``: only if it has none."""

    volume_id = Uuid(required=True)
    name = Name(min=1, allow_none=True, load_default=None)
    no_snapshots = Flag(load_default=False)


class TransferCreateIn(Envelope):
    """The body that offers a volume."""

    root = "transfer"

    transfer = fields.Nested(TransferIn, required=True)


class AcceptIn(Schema):
    """The key that came with the offer."""

    auth_key = Text(min=1, required=True)


class TransferAcceptIn(Envelope):
    """The body that takes an offer up."""

    root = "accept"

    accept = fields.Nested(AcceptIn, required=True)


class TransferListIn(ListIn):
    """The query of the list of transfers, which have no status."""

    filters = ("id", "name", "volume_id", "project_id")
    aliases: ClassVar[Mapping[str, str]] = {"display_name": "name"}

    class Meta(ListIn.Meta):  # noqa: D106
        exclude = ("status", "status_like", "user_id")

    display_name = Text(metadata={"description": "The same as name."})
    volume_id = Text(metadata={"description": "Only those of this volume."})


class TransferRefOut(Schema):
    """An offer in short."""

    id = fields.String()
    volume_id = fields.String()
    name = fields.String(allow_none=True)
    links = links("os-volume-transfer")


class TransferOut(TransferRefOut):
    """An offer in full."""

    created_at = Moment()
    no_snapshots = Since(55, fields.Boolean())
    source_project_id = Since(57, fields.String(attribute="project_id"))
    destination_project_id = Since(57, fields.String(allow_none=True))
    accepted = Since(57, constant(False, type="boolean"))


class TransferCreatedOut(TransferOut):
    """A new offer, with the key that takes it up: it is shown this once."""

    auth_key = fields.String()


CreatedEnvelope = wrapped("transfer", TransferCreatedOut)
RefEnvelope = wrapped("transfer", TransferRefOut)
ShowEnvelope = wrapped("transfer", TransferOut)
RefPage = listed("transfers", TransferRefOut)
ShowPage = listed("transfers", TransferOut)
