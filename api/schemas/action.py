"""Actions: ``{"<action>": {...}}``, posted to a resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, ClassVar

from marshmallow import Schema, fields, missing, post_load, pre_load
from marshmallow.validate import OneOf

from api.errors import MALFORMED
from api.schemas.attachment import AttachmentActionsIn, NoDetails, OptionalDetails
from api.schemas.fields import MAX_LONG_TEXT, Count, Flag, StringMap, Text, Uuid
from api.versions import is_at_least
from cgflow.errors import InvalidInput, NotFound


class ExtendIn(Schema):
    """The new size of a volume, in GiB."""

    new_size = Count(min=1, required=True)

    @post_load
    def with_users(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the size, and whether the volume may be in use, which is allowed from 3.42 on."""
        return data | {"while_used": is_at_least(42)}


class RetypeIn(Schema):
    """The new type of a volume. The volume is never migrated, so ``migration_policy`` has no effect."""

    new_type = Text(min=1, required=True)
    migration_policy = fields.String(load_only=True, allow_none=True, validate=OneOf(("never", "on-demand")))

    @post_load
    def only_type(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the arguments for the view."""
        return {"new_type": data["new_type"]}


class RevertIn(Schema):
    """The snapshot to which a volume is restored."""

    snapshot_id = Text(min=1, required=True)


class ReasonIn(Schema):
    """The reason of the action; it is recorded in the flow's history."""

    reason = Text(min=1, required=True)


class MaybeReasonIn(Schema):
    """The reason of the action, optional."""

    reason = Text(load_default=None, allow_none=True)


class SkipIn(ReasonIn):
    """The task to skip, whose undo failed, by its name, such as ``driver.cut``."""

    task = Text(min=1, required=True)


class ActionIn(Schema):
    """One of the actions that the subclass declares.

    ``since`` maps actions to the microversion 3.N from which they exist.
    """

    since: ClassVar[Mapping[str, int]] = {}

    @pre_load
    def count(self, data: Any, **_: Any) -> dict[str, Any]:
        """Refuse a body that does not hold exactly one known action. Raises: InvalidInput, NotFound."""
        known = [field.data_key or name for name, field in self.fields.items()]
        if not isinstance(data, dict) or len(data) != 1:
            raise InvalidInput(f"{MALFORMED} The body must hold exactly one action: {', '.join(known)}.")
        (action,) = data
        if action not in known:
            raise InvalidInput(f"There is no such action: {action[:255]}. Valid values: {', '.join(known)}.")
        if not is_at_least(self.since.get(action, 0)):
            raise NotFound(f"The action {action} requires microversion 3.{self.since[action]}.")
        return data


class _DetailsField(fields.Dict):
    """Details that a client sends about itself. None of them is needed, and null is accepted."""

    def __init__(self, data_key: str) -> None:
        super().__init__(data_key=data_key, allow_none=True)


class _ConnectionDetailsField(_DetailsField):
    """Details of a connection. For a volume they must hold a ``connector``."""

    def __init__(self, data_key: str, *, kinds: tuple[type, ...]) -> None:
        super().__init__(data_key)
        self._kinds = kinds

    def _require_connector(self, value: Any) -> Any:
        if not isinstance((value or {}).get("connector", ...), self._kinds):
            raise InvalidInput(f"{MALFORMED} 'connector' is a required property.", "connector")
        return value

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Load the details. Raises: InvalidInput, if the connector is missing."""
        details = super().deserialize(value, *args, **kwargs)
        return details if value is missing else self._require_connector(details)


class ReimageIn(Schema):
    """The image with which the data of a volume is to be replaced."""

    image_id = Uuid(required=True)
    reimage_reserved = Flag()


class ExtendCompletionIn(Schema):
    """The result of a compute service's attempt to extend a volume in use."""

    error = fields.Raw(allow_none=True)


class BootableIn(Schema):
    """Whether a server can boot from a volume."""

    bootable = Flag(required=True)


class ReadonlyIn(Schema):
    """Whether a volume is read-only for clients."""

    readonly = Flag(required=True)


class ImageMetadataIn(Schema):
    """Image metadata to set on a volume; keys that are not named stay."""

    metadata = StringMap(required=True, longest=MAX_LONG_TEXT)


class ImageKeyIn(Schema):
    """The image metadata key to remove from a volume."""

    key = Text(min=1, required=True)


class RecordActionsIn(Schema):
    """The volume actions that change only the volume's record."""

    bootable = fields.Nested(BootableIn, data_key="os-set_bootable")
    readonly = fields.Nested(ReadonlyIn, data_key="os-update_readonly_flag")
    set_image = fields.Nested(ImageMetadataIn, data_key="os-set_image_metadata")
    unset_image = fields.Nested(ImageKeyIn, data_key="os-unset_image_metadata")
    show_image = NoDetails("os-show_image_metadata")


class ResetIn(Schema):
    """The status to set, or that the volume is detached. No volume has a migration status to reset."""

    status = Text(min=1)
    attach_status = Text(min=1)
    migration_status = fields.String(allow_none=True, validate=OneOf(("none",)))

    @post_load
    def wish(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the arguments for the view. Raises: InvalidInput, if nothing is to be reset."""
        if not data:
            raise InvalidInput(
                "Must specify 'status', 'attach_status' or 'migration_status' for update.", "status"
            )
        return {"status": data.get("status"), "attach_status": data.get("attach_status")}


class SnapshotResetIn(Schema):
    """The status to set on a snapshot."""

    status = Text(min=1, required=True)


class SnapshotUpdateStatusIn(Schema):
    """The progress of a snapshot whose status was reset, and its next status."""

    status = Text(min=1, required=True)
    progress = Text(load_default=None, allow_none=True, max=4)

    @post_load
    def check_progress(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the body. Raises: InvalidInput, if the progress is no percentage."""
        if data["progress"] and not re.fullmatch(r"(\d{1,2}|100)%", data["progress"], re.ASCII):
            raise InvalidInput("Invalid input received: progress must be an integer percentage", "progress")
        return data


class SnapshotActionIn(ActionIn):
    """An action on a snapshot."""

    reset = fields.Nested(SnapshotResetIn, data_key="os-reset_status")
    connect = _DetailsField("os-initialize_connection")
    disconnect = _DetailsField("os-terminate_connection")
    force_delete = NoDetails("os-force_delete")
    update_status = fields.Nested(SnapshotUpdateStatusIn, data_key="os-update_snapshot_status")


class VolumeActionIn(ActionIn, AttachmentActionsIn, RecordActionsIn):
    """An action on a volume."""

    since: ClassVar[Mapping[str, int]] = {"revert": 40, "os-reimage": 68}

    reset = fields.Nested(ResetIn, data_key="os-reset_status")
    extend = fields.Nested(ExtendIn, data_key="os-extend")
    retype = fields.Nested(RetypeIn, data_key="os-retype")
    revert = fields.Nested(RevertIn)
    connect = _ConnectionDetailsField("os-initialize_connection", kinds=(dict, str))
    disconnect = _ConnectionDetailsField("os-terminate_connection", kinds=(dict, str, NoneType))
    force_delete = NoDetails("os-force_delete")
    migrate = _DetailsField("os-migrate_volume")
    upload = _DetailsField("os-volume_upload_image")
    reimage = fields.Nested(ReimageIn, data_key="os-reimage")
    extend_completion = fields.Nested(ExtendCompletionIn, data_key="os-extend_volume_completion")


class ConnectionOut(Schema):
    """How a client connects to a volume or a snapshot."""

    protocol = fields.String(data_key="driver_volume_type")
    data = fields.Dict(keys=fields.String())


class ConnectionInfoOut(Schema):
    """The response to ``os-initialize_connection``."""

    connection_info = fields.Nested(ConnectionOut)


class VolumeActionOut(ConnectionInfoOut):
    """The response to a volume action that returns something: a connection, or image metadata."""

    metadata = fields.Dict(keys=fields.String(), values=fields.String())


class FlowActionIn(ActionIn):
    """A flow action by an operator. Each but ``retry`` and ``resume`` requires a reason."""

    retry = OptionalDetails(MaybeReasonIn)
    resume = NoDetails("resume")
    skip = fields.Nested(SkipIn)
    abandon = fields.Nested(ReasonIn)
    cancel = fields.Nested(ReasonIn)
