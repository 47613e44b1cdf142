"""Actions: ``{"<action>": {...}}``, posted to what is acted upon."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, ClassVar

from marshmallow import Schema, fields, missing, post_load, pre_load
from marshmallow.validate import OneOf

from api.errors import MALFORMED
from api.schemas.attachment import AttachmentActionsIn, Maybe, Nothing
from api.schemas.fields import MAX_LONG_TEXT, Count, Flag, Pairs, Text, Uuid
from api.versions import reached
from cgflow.errors import InvalidInput, NotFound


class ExtendIn(Schema):
    """The size that a volume is to have, in GiB."""

    new_size = Count(min=1, required=True)

    @post_load
    def with_users(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the size, and whether the volume may be in use, as it may from 3.42 on."""
        return data | {"while_used": reached(42)}


class RetypeIn(Schema):
    """The type that a volume is to have. It stays where it is, so ``migration_policy`` asks for nothing."""

    new_type = Text(min=1, required=True)
    migration_policy = fields.String(load_only=True, allow_none=True, validate=OneOf(("never", "on-demand")))

    @post_load
    def only_type(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what the view is given."""
        return {"new_type": data["new_type"]}


class RevertIn(Schema):
    """The snapshot that a volume is to be put back to."""

    snapshot_id = Text(min=1, required=True)


class ReasonIn(Schema):
    """Why; it is kept in the flow's history."""

    reason = Text(min=1, required=True)


class MaybeReasonIn(Schema):
    """Why, if there is something to say."""

    reason = Text(load_default=None, allow_none=True)


class SkipIn(ReasonIn):
    """The task whose undo failed, by its name, such as ``driver.cut``."""

    task = Text(min=1, required=True)


class ActionIn(Schema):
    """One action, of those that the subclass declares.

    ``since`` says of actions from which microversion 3.N on they are known.
    """

    since: ClassVar[Mapping[str, int]] = {}

    @pre_load
    def count(self, data: Any, **_: Any) -> dict[str, Any]:
        """Refuse what is not exactly one known action."""
        known = [field.data_key or name for name, field in self.fields.items()]
        if not isinstance(data, dict) or len(data) != 1:
            raise InvalidInput(f"{MALFORMED} The body must hold exactly one action: {', '.join(known)}.")
        (action,) = data
        if action not in known:
            raise InvalidInput(f"There is no such action: {action[:255]}. Known are: {', '.join(known)}.")
        if not reached(self.since.get(action, 0)):
            raise NotFound(f"The action {action} came with microversion 3.{self.since[action]}.")
        return data


class _Details(fields.Dict):
    """What a client tells of itself with an action; nothing of it is needed, and null will do."""

    def __init__(self, data_key: str) -> None:
        super().__init__(data_key=data_key, allow_none=True)


class _Connection(_Details):
    """What a client tells of itself, which has to be told of a volume even if it is nothing."""

    def __init__(self, data_key: str, *, kinds: tuple[type, ...]) -> None:
        super().__init__(data_key)
        self._kinds = kinds

    def _validated(self, value: Any) -> Any:
        if not isinstance((value or {}).get("connector", ...), self._kinds):
            raise InvalidInput(f"{MALFORMED} 'connector' is a required property.", "connector")
        return value

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Read the details. Raises: InvalidInput, if the connector is missing."""
        details = super().deserialize(value, *args, **kwargs)
        return details if value is missing else self._validated(details)


class ReimageIn(Schema):
    """The image that a volume is to hold instead of what it holds."""

    image_id = Uuid(required=True)
    reimage_reserved = Flag()


class ExtendCompletionIn(Schema):
    """How a compute service fared with a volume that grows in its hands."""

    error = fields.Raw(allow_none=True)


class BootableIn(Schema):
    """Whether a machine can be started from a volume."""

    bootable = Flag(required=True)


class ReadonlyIn(Schema):
    """Whether clients may only read a volume."""

    readonly = Flag(required=True)


class ImageMetadataIn(Schema):
    """What a volume is to remember of its image; what is not named stays."""

    metadata = Pairs(required=True, longest=MAX_LONG_TEXT)


class ImageKeyIn(Schema):
    """What a volume is to forget of its image."""

    key = Text(min=1, required=True)


class NotesIn(Schema):
    """The actions that only note something about a volume."""

    bootable = fields.Nested(BootableIn, data_key="os-set_bootable")
    readonly = fields.Nested(ReadonlyIn, data_key="os-update_readonly_flag")
    set_image = fields.Nested(ImageMetadataIn, data_key="os-set_image_metadata")
    unset_image = fields.Nested(ImageKeyIn, data_key="os-unset_image_metadata")
    show_image = Nothing("os-show_image_metadata")


class ResetIn(Schema):
    """The status that a volume is to have, or that it is to be detached. None has a migration to reset."""

    status = Text(min=1)
    attach_status = Text(min=1)
    migration_status = fields.String(allow_none=True, validate=OneOf(("none",)))

    @post_load
    def wish(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what the view is given. Raises: InvalidInput, if nothing is wished for."""
        if not data:
            raise InvalidInput(
                "Must specify 'status', 'attach_status' or 'migration_status' for update.", "status"
            )
        return {"status": data.get("status"), "attach_status": data.get("attach_status")}


class SnapshotResetIn(Schema):
    """The status that a snapshot is to have."""

    status = Text(min=1, required=True)


class SnapshotUpdateStatusIn(Schema):
    """How far a snapshot is whose status was reset, and the status that follows."""

    status = Text(min=1, required=True)
    progress = Text(load_default=None, allow_none=True, max=4)

    @post_load
    def check_progress(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what was said. Raises: InvalidInput for a progress that is no percentage."""
        if data["progress"] and not re.fullmatch(r"(\d{1,2}|100)%", data["progress"], re.ASCII):
            raise InvalidInput("Invalid input received: progress must be an integer percentage", "progress")
        return data


class SnapshotActionIn(ActionIn):
    """An action on a snapshot."""

    reset = fields.Nested(SnapshotResetIn, data_key="os-reset_status")
    connect = _Details("os-initialize_connection")
    disconnect = _Details("os-terminate_connection")
    force_delete = Nothing("os-force_delete")
    update_status = fields.Nested(SnapshotUpdateStatusIn, data_key="os-update_snapshot_status")


class VolumeActionIn(ActionIn, AttachmentActionsIn, NotesIn):
    """An action on a volume."""

    since: ClassVar[Mapping[str, int]] = {"revert": 40, "os-reimage": 68}

    reset = fields.Nested(ResetIn, data_key="os-reset_status")
    extend = fields.Nested(ExtendIn, data_key="os-extend")
    retype = fields.Nested(RetypeIn, data_key="os-retype")
    revert = fields.Nested(RevertIn)
    connect = _Connection("os-initialize_connection", kinds=(dict, str))
    disconnect = _Connection("os-terminate_connection", kinds=(dict, str, NoneType))
    force_delete = Nothing("os-force_delete")
    migrate = _Details("os-migrate_volume")
    upload = _Details("os-volume_upload_image")
    reimage = fields.Nested(ReimageIn, data_key="os-reimage")
    extend_completion = fields.Nested(ExtendCompletionIn, data_key="os-extend_volume_completion")


class ConnectionOut(Schema):
    """How a client reaches a volume or a snapshot."""

    protocol = fields.String(data_key="driver_volume_type")
    data = fields.Dict(keys=fields.String())


class ConnectionInfoOut(Schema):
    """The answer to ``os-initialize_connection``."""

    connection_info = fields.Nested(ConnectionOut)


class VolumeActionOut(ConnectionInfoOut):
    """The answer to an action on a volume that is answered with something: an address, or image metadata."""

    metadata = fields.Dict(keys=fields.String(), values=fields.String())


class FlowActionIn(ActionIn):
    """What an operator does about a flow. Each but ``retry`` and ``resume`` wants a reason."""

    retry = Maybe(MaybeReasonIn)
    resume = Nothing("resume")
    skip = fields.Nested(SkipIn)
    abandon = fields.Nested(ReasonIn)
    cancel = fields.Nested(ReasonIn)
