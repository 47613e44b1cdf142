"""The parts of the service on the wire."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from api.schemas.fields import Moment, Since, Text, constant


class ServiceListIn(Schema):
    """The query of the list of services."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    binary = Text(metadata={"description": "Only those of this binary."})
    host = Text(metadata={"description": "Only those of this host, with or without `@backend`."})


class ServiceIn(Schema):
    """Which service is meant. Only those that hold storage can be disabled."""

    host = Text(min=1, required=True)
    binary = Text(load_default=None, allow_none=True)
    disabled_reason = Text(load_default=None, allow_none=True)
    service = Text(load_default=None, allow_none=True)
    cluster = Text(load_default=None, allow_none=True)


def _up(is_up: bool) -> str:
    return "up" if is_up else "down"


def _status(part: Any) -> str:
    return "disabled" if part.is_disabled else "enabled"


class ServiceOut(Schema):
    """One part on one host. ``state`` is whether it has reported lately, ``status`` what an operator says."""

    binary = fields.String()
    host = fields.String()
    availability_zone = fields.String(data_key="zone")
    status = fields.Function(_status, metadata={"type": "string"})
    state = fields.Function(lambda part: _up(part.is_up), metadata={"type": "string"})
    updated_at = Moment(attribute="reported_at")
    disabled_reason = fields.String(allow_none=True)
    replication_status = constant(None, type="string", nullable=True)
    active_backend_id = constant(None, type="string", nullable=True)
    frozen = constant(False, type="boolean")
    cluster = Since(7, constant(None, type="string", nullable=True))
    backend_state = Since(49, fields.Function(lambda part: _up(part.is_up), metadata={"type": "string"}))


class ServicesOut(Schema):
    """All of them."""

    services = fields.List(fields.Nested(ServiceOut))


class ServiceChangedOut(Schema):
    """What a service is after it was enabled or disabled."""

    host = fields.String()
    service = constant("", type="string")
    binary = fields.String()
    status = fields.Function(_status, metadata={"type": "string"})
    disabled = fields.Boolean(attribute="is_disabled")
    disabled_reason = fields.String(allow_none=True)


class HostOut(Schema):
    """A host in a list, as older clients know it."""

    host_name = fields.String(attribute="host")
    service = fields.String(attribute="binary")
    zone = fields.String(attribute="availability_zone")
    service_status = fields.Function(
        lambda part: "available" if part.is_up else "unavailable",
        data_key="service-status",
        metadata={"type": "string"},
    )
    service_state = fields.Function(_status, data_key="service-state", metadata={"type": "string"})
    last_update = Moment(attribute="reported_at", data_key="last-update")


class HostsOut(Schema):
    """All hosts."""

    hosts = fields.List(fields.Nested(HostOut))


class HostLoadOut(Schema):
    """What one project, or all together, have on a host."""

    resource = fields.Dict(keys=fields.String(), values=fields.String())


class HostShowOut(Schema):
    """What a host holds: first all together, then project by project."""

    host = fields.List(fields.Nested(HostLoadOut))


class CapabilitiesOut(Schema):
    """What a backend says of itself."""

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
