"""Schemas of QoS specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, INCLUDE, Schema, fields, pre_load
from marshmallow.validate import Length, OneOf

from api.schemas.base import Link, body_schema
from api.schemas.fields import PATH_SPEC_KEY, Flag, Name, StringMap, Text
from api.schemas.list_query import ListIn

CONSUMERS = ("back-end", "front-end", "both")


class _Specs(Schema):
    """Specs in one object with the declared fields."""

    class Meta:  # noqa: D106
        unknown = INCLUDE

    @pre_load
    def gather(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Move all keys but the declared fields under ``specs``."""
        known = {name: data[name] for name in self.fields if name in data and name != "specs"}
        rest = {name: value for name, value in data.items() if name not in known}
        return {**known, "specs": rest}


class QosSpecIn(_Specs):
    """New QoS specs. Every other key of the object is a spec."""

    name = Name(min=1, required=True)
    consumer = fields.String(load_default="back-end", validate=OneOf(CONSUMERS))
    specs = StringMap(keys=PATH_SPEC_KEY)


QosSpecCreateIn = body_schema("QosSpecCreateIn", "qos_specs", QosSpecIn)


class QosSpecPatch(_Specs):
    """The specs to set, and their consumer; what is not named stays."""

    consumer = fields.String(load_default=None, validate=OneOf(CONSUMERS))
    specs = StringMap(keys=PATH_SPEC_KEY)


QosSpecUpdateIn = body_schema("QosSpecUpdateIn", "qos_specs", QosSpecPatch)


class QosKeysIn(Schema):
    """The keys to remove."""

    keys = fields.List(Text(min=1), required=True, validate=Length(min=1, max=128))


class QosSpecListIn(ListIn):
    """The query of the list of QoS specs."""

    filters = ("id", "name", "consumer")

    class Meta(ListIn.Meta):  # noqa: D106
        exclude = ("status", "status_like", "project_id", "user_id")

    consumer = Text(metadata={"description": "back-end, front-end or both."})


class QosDeleteIn(Schema):
    """The query of a deletion; ``force`` removes the specs from the types that have them."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    force = Flag(load_default=False)


class QosTypeIn(Schema):
    """The volume type to associate or disassociate."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    type_id = Text(min=1, required=True, data_key="vol_type_id")


class QosSpecOut(Schema):
    """QoS specs. The scheduler is given them, but no backend of cgflow enforces them."""

    id = fields.String()
    name = fields.String()
    consumer = fields.String()
    specs = fields.Dict(keys=fields.String(), values=fields.String())


class QosSpecEnvelope(Schema):
    """One set of QoS specs."""

    qos_specs = fields.Nested(QosSpecOut)
    links = fields.List(fields.Nested(Link))


class QosSpecPage(Schema):
    """A page of QoS specs."""

    qos_specs = fields.List(fields.Nested(QosSpecOut))
    qos_specs_links = fields.List(fields.Nested(Link))


class QosSetOut(Schema):
    """The specs that were set."""

    qos_specs = fields.Dict(keys=fields.String(), values=fields.String())


class AssociationOut(Schema):
    """One volume type that has the specs."""

    association_type = fields.Constant("volume_type")
    id = fields.String()
    name = fields.String()


class AssociationsOut(Schema):
    """The volume types that have the specs."""

    qos_associations = fields.List(fields.Nested(AssociationOut))
