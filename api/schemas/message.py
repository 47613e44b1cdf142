"""Schemas of messages."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.disclosure import HostsHiddenField
from api.schemas.base import envelope_schema, links_field, page_schema
from api.schemas.fields import Extension, Text, Timestamp
from api.schemas.list_query import ListIn


class MessageListIn(ListIn):
    """The query of the list of messages, which have neither name nor status."""

    filters = (
        "id",
        "project_id",
        "resource_uuid",
        "resource_type",
        "event_id",
        "request_id",
        "message_level",
    )

    # A message never changes.
    unordered = ListIn.unordered | {"updated_at"}

    class Meta(ListIn.Meta):  # noqa: D106
        exclude = ("name", "name_like", "status", "status_like", "user_id")

    resource_uuid = Text(metadata={"description": "Only those about the resource with this id."})
    resource_type = Text(metadata={"description": "Such as `VOLUME` or `CONSISTENCYGROUP`."})
    event_id = Text(metadata={"description": "Only those with this event id."})
    request_id = Text(metadata={"description": "Only those caused by this request."})
    message_level = Text(metadata={"description": "`ERROR` is the only level."})


class MessageOut(Schema):
    """One message. ``cgflow:flow_id`` is the flow that failed; its history has the details."""

    id = fields.String()
    event_id = fields.String()
    user_message = HostsHiddenField(metadata={"type": "string"})
    message_level = fields.String()
    resource_type = fields.String()
    resource_uuid = fields.String()
    request_id = fields.String()
    created_at = Timestamp()
    guaranteed_until = Timestamp()
    flow_id = Extension(fields.String(data_key="cgflow:flow_id"))
    links = links_field("messages")


ShowEnvelope = envelope_schema("message", MessageOut)
ShowPage = page_schema("messages", MessageOut)
