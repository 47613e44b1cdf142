"""Pools and availability zones: ``/scheduler-stats/get_pools`` and ``/os-availability-zone``."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.views import MethodView

from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import runtime
from api.schemas import pool as schemas
from api.versions import is_at_least
from cgflow import clock, records
from cgflow.db.repositories import backend as backends
from cgflow.db.repositories import volume_type as volume_types
from cgflow.scheduler.filters import CapabilitiesFilter
from cgflow.scheduler.request import PlacementRequest

blueprint = Blueprint("pools", "Backends as the scheduler sees them, and availability zones.")


@blueprint.route("/scheduler-stats/get_pools")
class Pools(MethodView):
    """Every backend as the scheduler sees it."""

    @blueprint.takes(schemas.PoolListIn, location="query")
    @blueprint.gives(200, schemas.PoolsOut, 403, 404)
    def get(self, query: dict[str, Any]) -> dict[str, object]:
        """List the pools, with ``detail`` also their capabilities, which are filters from 3.28 on."""
        authorize("scheduler_extension:scheduler_stats:get_pools")
        with runtime().database.read() as session:
            found = backends.all(session)
            if query["volume_type"] and is_at_least(35):
                found = _filter_by_type_requirements(found, volume_types.find(session, query["volume_type"]))
        own = schemas.PoolListIn().fields.keys() | {"all_tenants"}
        filters = {name: value for name, value in request.args.to_dict().items() if name not in own}
        matching = schemas.filter_by_capabilities(found, filters if is_at_least(28) else {})
        wanted = query["name"] if is_at_least(28) else None
        pools = [schemas.pool_body(backend, detail=query["detail"]) for backend in matching]
        return {"pools": [pool for pool in pools if wanted in (None, pool["name"])]}


@blueprint.route("/os-availability-zone")
class Zones(MethodView):
    """The availability zones."""

    @blueprint.gives(200, schemas.ZonesOut)
    def get(self) -> dict[str, object]:
        """List the availability zones; one is available if a backend in it is up."""
        authorize("volume_extension:availability_zone_list")
        with runtime().database.read() as session:
            found = backends.all(session)
        up = {backend.availability_zone for backend in found if backend.is_up}
        known = {backend.availability_zone for backend in found}
        known.add(runtime().settings.storage_availability_zone)
        return {"zones": [{"name": zone, "state": {"available": zone in up}} for zone in sorted(known)]}


def _filter_by_type_requirements(
    found: list[records.Backend], wanted: records.VolumeType
) -> list[records.Backend]:
    """Return the backends that have the capabilities that a type requires."""
    request = PlacementRequest(id="", now=clock.now(), extra_specs=wanted.extra_specs)
    return [backend for backend in found if CapabilitiesFilter().refuse(backend, request) is None]
