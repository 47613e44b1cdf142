"""Schemas of pools: what each backend reports, as Cinder's scheduler shows it."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import EXCLUDE, Schema, fields

from api.schemas.fields import Flag, Text
from api.versions import has_extensions
from cgflow import records
from cgflow.errors import InvalidInput
from cgflow.scheduler.filters import capabilities_of


def pool_name(host: str | None) -> str | None:
    """Return the API's ``host@backend#pool``. A backend is one pool, with the backend's name."""
    return None if host is None else f"{host}#{host.rpartition('@')[2]}"


def filter_by_capabilities(
    backends: list[records.Backend], wanted: Mapping[str, str]
) -> list[records.Backend]:
    """Return the backends whose capabilities have the wanted values.

    Values are compared as strings, without regard to case. Raises: InvalidInput for an unknown capability.
    """
    facts = {backend.name: capabilities_of(backend) for backend in backends}
    unknown = wanted.keys() - {name for known in facts.values() for name in known}
    if unknown and backends:
        names = ",".join(sorted(unknown))[:255]
        raise InvalidInput(f"Invalid filters {names} are found in query options.", min(unknown)[:255])
    return [
        backend
        for backend in backends
        if all(str(facts[backend.name].get(name)).lower() == value.lower() for name, value in wanted.items())
    ]


def pool_body(backend: records.Backend, *, detail: bool) -> dict[str, object]:
    """Return a backend as a pool."""
    body: dict[str, object] = {"name": pool_name(backend.name)}
    if detail:
        known = capabilities_of(backend)
        if not has_extensions():
            known = {name: value for name, value in known.items() if not name.startswith("cgflow:")}
        body["capabilities"] = known
    return body


class PoolListIn(Schema):
    """The query of the list of pools."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    detail = Flag(load_default=False)
    name = Text(
        load_default=None,
        metadata={"description": "Only the pool of this name.", "x-min-microversion": "3.28"},
    )
    volume_type = Text(
        load_default=None,
        metadata={
            "description": "Only pools with the capabilities that this type requires.",
            "x-min-microversion": "3.35",
        },
    )


class PoolOut(Schema):
    """One pool; its capabilities are included on request."""

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
