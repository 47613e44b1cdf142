"""Pools on the wire: what each backend reports, as Cinder's scheduler shows it."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import EXCLUDE, Schema, fields

from api.schemas.fields import Flag, Text
from api.versions import has_extensions
from cgflow import __version__, clock, records


def pool_name(host: str | None) -> str | None:
    """Return the wire's ``host@backend#pool``. A backend is one pool, which bears the backend's name."""
    return None if host is None else f"{host}#{host.rpartition('@')[2]}"


def has(backend: records.Backend, wanted: Mapping[str, str]) -> bool:
    """Tell whether a backend has these capabilities, written as a query writes them."""
    known = capabilities(backend)
    return all(str(known[name]).lower() == value.lower() for name, value in wanted.items() if name in known)


def pool(backend: records.Backend, *, detail: bool) -> dict[str, object]:
    """Return a backend as a pool."""
    shown: dict[str, object] = {"name": pool_name(backend.name)}
    if detail:
        known = capabilities(backend)
        if not has_extensions():
            known = {name: value for name, value in known.items() if not name.startswith("cgflow:")}
        shown["capabilities"] = known
    return shown


def capabilities(backend: records.Backend) -> dict[str, object]:
    """Return what is known of a backend, in the words of Cinder's scheduler."""
    _, _, name = backend.name.rpartition("@")
    report = backend.report
    return {
        "pool_name": name,
        "volume_backend_name": name,
        "vendor_name": "cgflow",
        "driver_version": __version__,
        "total_capacity_gb": report.total_gib,
        "free_capacity_gb": report.free_gib,
        "provisioned_capacity_gb": report.provisioned_gib,
        "max_over_subscription_ratio": report.max_over_subscription_ratio,
        "reserved_percentage": 0,
        "thin_provisioning_support": report.thin,
        "thick_provisioning_support": not report.thin,
        "QoS_support": False,
        "multiattach": False,
        "availability_zone": backend.availability_zone,
        "backend_state": "up" if backend.is_up else "down",
        "timestamp": clock.iso(backend.reported_at),
        "cgflow:reason": backend.reason,
        "cgflow:disabled": backend.disabled_at is not None,
        # What the driver says of itself wins over what is assumed above.
        **report.capabilities,
    }


class PoolListIn(Schema):
    """The query of the list of pools."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    detail = Flag(load_default=False)
    name = Text(load_default=None, metadata={"description": "Only the pool of this name."})
    volume_type = Text(
        load_default=None,
        metadata={
            "description": "Only those that have what this type asks for.",
            "x-min-microversion": "3.35",
        },
    )


class PoolOut(Schema):
    """One pool; its capabilities are shown on request."""

    name = fields.String()
    capabilities = fields.Dict(keys=fields.String())


class PoolsOut(Schema):
    """All pools."""

    pools = fields.List(fields.Nested(PoolOut))


class ZoneStateOut(Schema):
    """Whether a zone has a backend that is up."""

    available = fields.Boolean()


class ZoneOut(Schema):
    """One availability zone."""

    name = fields.String(data_key="zoneName")
    state = fields.Nested(ZoneStateOut, data_key="zoneState")


class ZonesOut(Schema):
    """All availability zones."""

    zones = fields.List(fields.Nested(ZoneOut), data_key="availabilityZoneInfo")
