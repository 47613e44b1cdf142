"""Actions: ``{"<action>": {...}}``, posted to what is acted upon."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load, pre_load
from marshmallow.validate import OneOf

from api.errors import MALFORMED
from api.schemas.fields import Count, Text
from cgflow.errors import InvalidInput


class ExtendIn(Schema):
    """The size that a volume is to have, in GiB."""

    new_size = Count(min=1, required=True)


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


class NothingIn(Schema):
    """Nothing more has to be said."""


class ReasonIn(Schema):
    """Why; it is kept in the flow's history."""

    reason = Text(min=1, required=True)


class MaybeReasonIn(Schema):
    """Why, if there is something to say."""

    reason = Text(load_default=None, allow_none=True)


class SkipIn(ReasonIn):
    """The task whose undo failed, by its name, such as ``driver.cut``."""

    task = Text(min=1, required=True)


class _ActionIn(Schema):
    """One action, of those that the subclass declares."""

    @pre_load
    def count(self, data: Any, **_: Any) -> dict[str, Any]:
        """Refuse what is not exactly one known action."""
        known = [field.data_key or name for name, field in self.fields.items()]
        if not isinstance(data, dict) or len(data) != 1:
            raise InvalidInput(f"{MALFORMED} The body must hold exactly one action: {', '.join(known)}.")
        (action,) = data
        if action not in known:
            raise InvalidInput(f"There is no such action: {action[:255]}. Known are: {', '.join(known)}.")
        return data


class _Details(fields.Dict):
    """What a client tells of itself with an action; nothing of it is needed, and null will do."""

    def __init__(self, data_key: str) -> None:
        super().__init__(data_key=data_key, allow_none=True)


class SnapshotActionIn(_ActionIn):
    """An action on a snapshot."""

    connect = _Details("os-initialize_connection")
    disconnect = _Details("os-terminate_connection")
    force_delete = _Details("os-force_delete")


class VolumeActionIn(SnapshotActionIn):
    """An action on a volume."""

    extend = fields.Nested(ExtendIn, data_key="os-extend")
    retype = fields.Nested(RetypeIn, data_key="os-retype")
    revert = fields.Nested(RevertIn)
    migrate = _Details("os-migrate_volume")


class FlowActionIn(_ActionIn):
    """What an operator does about a flow. Each but ``retry`` and ``resume`` wants a reason."""

    retry = fields.Nested(MaybeReasonIn)
    resume = fields.Nested(NothingIn)
    skip = fields.Nested(SkipIn)
    abandon = fields.Nested(ReasonIn)
    cancel = fields.Nested(ReasonIn)


class ConnectionOut(Schema):
    """How a client reaches a volume or a snapshot."""

    protocol = fields.String(data_key="driver_volume_type")
    data = fields.Dict(keys=fields.String())


class ConnectionInfoOut(Schema):
    """The answer to ``os-initialize_connection``."""

    connection_info = fields.Nested(ConnectionOut)
