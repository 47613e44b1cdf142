"""Schemas of the parts of the service."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_dump, post_load, pre_load

from api.log import LEVELS
from api.schemas.fields import SelfParsingField, Since, Text, Timestamp, constant_field
from cgflow.db.repositories.service import VOLUME
from cgflow.errors import InvalidInput, NotFound


class ServiceListIn(Schema):
    """The query of the list of services."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    binary = Text(metadata={"description": "Only those of this binary."})
    host = Text(metadata={"description": "Only those of this host, with or without `@backend`."})


class HostListIn(Schema):
    """The query of the list of hosts."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    zone = Text(metadata={"description": "Only those in this availability zone."})


SERVICE_ACTIONS = {"enable": False, "disable": True, "disable-log-reason": True}
"""The actions on a service, and whether it is disabled after them."""


class ServiceIn(Schema):
    """The service to change: its host, and its binary, which older clients call ``service``."""

    host = Text(min=1, required=True)
    binary = Text(load_default="")
    service = Text(load_default="")
    disabled_reason = Text(
        min=1, metadata={"description": "Required by `disable-log-reason`, and refused with other actions."}
    )

    @pre_load
    def require_action(self, data: Any, **_: Any) -> Any:
        """Return the body. Raises: NotFound, if the path names no known action, whatever the body holds."""
        action = (request.view_args or {}).get("action")
        if action not in SERVICE_ACTIONS:
            raise NotFound(f"There is no such action: {action}. Valid values: {', '.join(SERVICE_ACTIONS)}.")
        return data

    @post_load
    def require_binary(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the body. Raises: InvalidInput, if no binary is named."""
        if not data["binary"] and not data["service"]:
            raise InvalidInput("Invalid input for field 'binary': it is required.", "binary")
        return data


def pop_disabled_reason(body: dict[str, Any], action: str) -> str | None:
    """Remove the reason from a body and return it. Raises: InvalidInput, if it is missing or not allowed."""
    reason: str | None = body.pop("disabled_reason", None)
    if action == "disable-log-reason":
        if not (reason or "").strip():
            raise InvalidInput("disabled_reason must not be empty.", "disabled_reason")
    elif reason is not None:
        raise InvalidInput(
            f"A reason can be given with disable-log-reason, not with {action}.", "disabled_reason"
        )
    return reason


def _up_or_down(is_up: bool) -> str:
    return "up" if is_up else "down"


def _service_status(part: Any) -> str:
    return "disabled" if part.is_disabled else "enabled"


_OF_BACKENDS = ("replication_status", "active_backend_id", "frozen", "backend_state")


class ServiceOut(Schema):
    """One part of the service on one host.

    ``state`` is whether it has reported recently, ``status`` whether an operator has disabled it.
    """

    binary = fields.String()
    host = fields.String()
    availability_zone = fields.String(data_key="zone")
    status = fields.Function(_service_status, metadata={"type": "string"})
    state = fields.Function(lambda part: _up_or_down(part.is_up), metadata={"type": "string"})
    updated_at = Timestamp(attribute="reported_at")
    disabled_reason = fields.String(allow_none=True)
    replication_status = constant_field("disabled", type="string")
    active_backend_id = constant_field(None, type="string", nullable=True)
    frozen = fields.Boolean(attribute="is_frozen")
    cluster = Since(7, constant_field(None, type="string", nullable=True))
    backend_state = Since(
        49, fields.Function(lambda part: _up_or_down(part.is_up), metadata={"type": "string"})
    )

    @post_dump(pass_original=True)
    def leave_out(self, data: dict[str, Any], part: Any, **_: Any) -> dict[str, Any]:
        """Remove the fields that only backends have."""
        if part.binary == VOLUME:
            return data
        return {name: value for name, value in data.items() if name not in _OF_BACKENDS}


class ServicesOut(Schema):
    """All parts of the service."""

    services = fields.List(fields.Nested(ServiceOut))


class ServiceChangedOut(Schema):
    """The service that was enabled or disabled, and its new status, with the reason if one was given."""

    host = fields.String()
    service = fields.String()
    binary = fields.String()
    status = fields.String()
    disabled = fields.Boolean()
    disabled_reason = fields.String()


class HostOut(Schema):
    """A host in a list, under the keys of older clients."""

    host_name = fields.String(attribute="host")
    service = fields.String(attribute="binary")
    zone = fields.String(attribute="availability_zone")
    service_status = fields.Function(
        lambda part: "available" if part.is_up else "unavailable",
        data_key="service-status",
        metadata={"type": "string"},
    )
    service_state = fields.Function(_service_status, data_key="service-state", metadata={"type": "string"})
    last_update = Timestamp(attribute="reported_at", data_key="last-update")


class HostsOut(Schema):
    """All hosts."""

    hosts = fields.List(fields.Nested(HostOut))


class HostLoadOut(Schema):
    """What one project, or all projects together, have on a host."""

    resource = fields.Dict(keys=fields.String(), values=fields.String())


class HostShowOut(Schema):
    """The contents of a host: first the total, then project by project."""

    host = fields.List(fields.Nested(HostLoadOut))


class CapabilitiesOut(Schema):
    """The capabilities that a backend reports."""

    namespace = fields.String()
    vendor_name = fields.String()
    volume_backend_name = fields.String()
    pool_name = fields.String(allow_none=True)
    driver_version = fields.String()
    storage_protocol = fields.String(allow_none=True)
    display_name = fields.String(allow_none=True)
    description = fields.String(allow_none=True)
    visibility = fields.String(allow_none=True)
    replication_targets = fields.List(fields.String())
    properties = fields.Dict(keys=fields.String())


class _LogLevelField(SelfParsingField, fields.String):
    """A log level; case is not significant."""

    def __init__(self) -> None:
        super().__init__(required=True, metadata={"enum": [*LEVELS, *(level.lower() for level in LEVELS)]})

    def parse(self, value: Any) -> str:
        """Return the level in capitals."""
        level = value.upper() if isinstance(value, str) else None
        if level not in LEVELS:
            raise ValidationError(f"Must be one of {', '.join(LEVELS)}.")
        return level


class LogLevelsIn(Schema):
    """The parts of the service, and the prefix of their loggers."""

    binary = Text(load_default=None, allow_none=True)
    server = Text(load_default=None, allow_none=True)
    prefix = Text(load_default=None, allow_none=True)


class LogLevelSetIn(LogLevelsIn):
    """The parts and loggers, and the level to set."""

    level = _LogLevelField()


class LogLevelOut(Schema):
    """One part of the service, and the level of each of its loggers."""

    binary = fields.String()
    host = fields.String()
    levels = fields.Dict(keys=fields.String(), values=fields.String())


class LogLevelsOut(Schema):
    """The matching parts."""

    log_levels = fields.List(fields.Nested(LogLevelOut))


class HostIn(Schema):
    """The backend to act on. There are no clusters to name instead."""

    host = Text(min=1, allow_none=True)
    cluster = Text(allow_none=True, metadata={"x-min-microversion": "3.26"})

    @post_load
    def require_host(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the body. Raises: InvalidInput, if no backend or a cluster is named."""
        if not data.get("host") or data.get("cluster"):
            raise InvalidInput(
                "Invalid input received: One and only one of cluster and host must be set, "
                "and there are no clusters: name a host.",
                "host",
            )
        return data
