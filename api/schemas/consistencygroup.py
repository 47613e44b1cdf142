"""Consistency groups on the wire."""

from __future__ import annotations

from marshmallow import fields

from api.schemas.envelope import Envelope, Taken, listed, wrapped
from api.schemas.fields import Flag, Names, Text
from api.schemas.resource import NamedIn, RefOut, ResourceOut


class ConsistencyGroupIn(NamedIn):
    """A new consistency group. ``volume_types`` are names or ids."""

    volume_types = Names()
    availability_zone = Text(allow_none=True, load_default=None)


class ConsistencyGroupCreateIn(Envelope):
    """The body that creates a consistency group."""

    root = "consistencygroup"

    consistencygroup = fields.Nested(ConsistencyGroupIn, required=True)


class DeletionIn(Taken):
    """How a consistency group is to be deleted; ``force`` takes its volumes with it."""

    force = Flag(load_default=False)


class ConsistencyGroupDeleteIn(Envelope):
    """The body that deletes a consistency group; empty and null mean without force."""

    root = "consistencygroup"
    aliases = ("consistency_group",)
    is_optional = True

    consistencygroup = fields.Nested(DeletionIn)


class ConsistencyGroupRefOut(RefOut):
    """A consistency group in short."""


class ConsistencyGroupOut(ResourceOut):
    """A consistency group in full."""

    availability_zone = fields.String()
    volume_type_ids = fields.List(fields.String(), data_key="volume_types")


RefEnvelope = wrapped("consistencygroup", ConsistencyGroupRefOut)
ShowEnvelope = wrapped("consistencygroup", ConsistencyGroupOut)
RefPage = listed("consistencygroups", ConsistencyGroupRefOut)
ShowPage = listed("consistencygroups", ConsistencyGroupOut)
