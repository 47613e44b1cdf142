"""Schemas of attachments, and of the older volume actions with the same effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, fields, missing
from marshmallow.validate import OneOf

from api.auth import authorization
from api.schemas.base import EnvelopeContent, body_schema, envelope_schema, page_schema
from api.schemas.fields import SelfParsingField, StoredObject, Text, Uuid, constant_field
from api.schemas.list_query import ListIn
from cgflow import clock, records
from cgflow.policies import volumes as policies

_MODES = OneOf(("rw", "ro"), error="Must be rw or ro.")


def mode_field() -> fields.Field[Any]:
    """Return the field for the attach mode; the default is read-write."""
    return fields.String(load_default="rw", validate=_MODES)


class ConnectorField(StoredObject):
    """What a client states about itself, such as its ``host``; it is stored unchanged."""

    def __init__(self) -> None:
        super().__init__(allow_none=True, load_default=None)


class AttachmentIn(EnvelopeContent):
    """A new attachment. A connector states that its client is about to connect."""

    ignored = ("status",)
    later: ClassVar[Mapping[str, int]] = {"mode": 54}

    volume_id = Uuid(required=True, data_key="volume_uuid")
    instance_id = Uuid(allow_none=True, load_default=None, data_key="instance_uuid")
    connector = ConnectorField()
    mode = mode_field()


AttachmentCreateIn = body_schema("AttachmentCreateIn", "attachment", AttachmentIn)


class AttachmentPatch(EnvelopeContent):
    """The connector of the client that connects."""

    connector = StoredObject(min=1, required=True)


AttachmentUpdateIn = body_schema("AttachmentUpdateIn", "attachment", AttachmentPatch)


class AttachmentListIn(ListIn):
    """The query of a list of attachments, which have no name."""

    filters = ("id", "status", "volume_id", "instance_id", "project_id", "mode")
    aliases: ClassVar[Mapping[str, str]] = {
        "attach_status": "status",
        "attach_mode": "mode",
        "instance_uuid": "instance_id",
    }

    class Meta(ListIn.Meta):  # noqa: D106
        exclude = ("name", "name_like", "user_id")

    volume_id = Text(metadata={"description": "Only those of this volume."})
    instance_id = Text(metadata={"description": "Only those of this server."})
    instance_uuid = Text(metadata={"description": "The same as `instance_id`."})
    attach_status = Text(metadata={"description": "The same as `status`."})
    attach_mode = Text(metadata={"description": "rw or ro."})


class AttachmentRefOut(Schema):
    """The summary of an attachment."""

    id = fields.String()
    status = fields.String()
    instance_id = fields.String(data_key="instance", allow_none=True)
    volume_id = fields.String()


class AttachmentOut(AttachmentRefOut):
    """An attachment in full.

    ``connection_info`` is empty until the client connects, and null for callers who may not see it. As in
    Cinder, a time that has not come is an empty string.
    """

    attached_at = fields.Function(
        lambda attachment: clock.iso(attachment.attached_at) or "", metadata={"type": "string"}
    )
    detached_at = constant_field("", type="string")
    mode = fields.String(data_key="attach_mode")
    connection_info = fields.Function(
        lambda attachment: _connection_info(attachment), metadata={"type": "object", "nullable": True}
    )


RefPage = page_schema("attachments", AttachmentRefOut)
ShowEnvelope = envelope_schema("attachment", AttachmentOut)
ShowPage = page_schema("attachments", AttachmentOut)
RemainingAttachments = Schema.from_dict(
    {"attachments": fields.List(fields.Nested(AttachmentRefOut))}, name="AttachmentsLeft"
)


def attachments_body(volume: records.Volume, *, hosts: bool) -> list[dict[str, object]]:
    """Return the attachments of a volume as the volume shows them; the host is null unless ``hosts``."""
    return [
        {
            "id": attachment.volume_id,
            "attachment_id": attachment.id,
            "volume_id": attachment.volume_id,
            "server_id": attachment.instance_id,
            "host_name": attachment.host_name if hosts else None,
            "device": attachment.mountpoint,
            "attached_at": clock.iso(attachment.attached_at),
        }
        for attachment in volume.attachments
        if attachment.attached_at is not None
    ]


def _connection_info(attachment: records.Attachment) -> dict[str, object] | None:
    # Checked for each attachment: a list may cover all projects, but a connection is only for its own
    # project.
    if not authorization.permits(policies.CONNECTION, attachment):
        return None
    connection: dict[str, Any] | None = attachment.connection_info
    return {} if connection is None else {"driver_volume_type": connection["protocol"], **connection["data"]}


class AttachIn(Schema):
    """The user of a volume: a server, or a host."""

    instance_id = Uuid(load_default=None, data_key="instance_uuid")
    host_name = Text(load_default=None)
    mountpoint = Text(min=1, required=True)
    mode = mode_field()


class DetachIn(Schema):
    """The attachment to end, if the volume has several."""

    attachment_id = Text(allow_none=True, load_default=None)


class ForceDetachIn(DetachIn):
    """The attachment to end, and the connector of its client, which is not needed."""

    connector = ConnectorField()


class NoDetails(SelfParsingField, fields.Raw):
    """An action without details: whatever a client sends in their place is ignored."""

    def __init__(self, data_key: str) -> None:
        super().__init__(data_key=data_key, allow_none=True)

    def parse(self, value: Any) -> None:
        """See the class."""
        del value


class OptionalDetails(fields.Nested):
    """The optional details of an action: any empty value means none."""

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """See the class."""
        is_empty = value is not missing and not value
        return super().deserialize({} if is_empty else value, attr, data, **kwargs)


class AttachmentActionsIn(Schema):
    """The volume actions about attachments."""

    reserve = NoDetails("os-reserve")
    unreserve = NoDetails("os-unreserve")
    attach = fields.Nested(AttachIn, data_key="os-attach")
    detach = OptionalDetails(DetachIn, data_key="os-detach")
    force_detach = OptionalDetails(ForceDetachIn, data_key="os-force_detach")
    begin_detaching = NoDetails("os-begin_detaching")
    roll_detaching = NoDetails("os-roll_detaching")


class AttachmentActionIn(Schema):
    """An action on an attachment."""

    complete = fields.Raw(data_key="os-complete", allow_none=True, required=True)
