"""The parts of the service: ``/os-services``, ``/os-hosts`` and ``/capabilities``.

Among them are the freezing and thawing of backends, and the log levels, from 3.32 on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from flask.views import MethodView
from sqlalchemy.orm import Session

from api import log, responses
from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import runtime
from api.schemas import service as schemas
from cgflow import clock, records
from cgflow.db.repositories import backend as backends
from cgflow.db.repositories import service as services
from cgflow.errors import InvalidInput, NotFound
from cgflow.scheduler.filters import capabilities_of

blueprint = Blueprint("services", "The parts of the service: their state, and whether they are enabled.")
log_blueprint = Blueprint("log_levels", "The log levels of the process that serves the request.")
failover_blueprint = Blueprint("failover", "Freezing, thawing and failover of backends.")

_ALL = "volume_extension:services:index"
_UPDATE = "volume_extension:services:update"
_HOSTS = "volume_extension:hosts"
_CAPABILITIES = "volume_extension:capabilities"


@blueprint.route("/os-services")
class Services(MethodView):
    """The list of the parts of the service."""

    @blueprint.takes(schemas.ServiceListIn, location="query")
    @blueprint.gives(200, schemas.ServicesOut, 403)
    def get(self, query: dict[str, str]) -> dict[str, object]:
        """List the backends and schedulers, and whether each is up and enabled."""
        authorize(_ALL)
        binary, host = query.get("binary"), query.get("host")
        return {
            "services": [
                part
                for part in _read_services()
                if binary in (None, "", part.binary)
                and host in (None, "", part.host, part.host.partition("@")[0])
            ]
        }


@blueprint.route("/os-services/<action>")
class ServiceAction(MethodView):
    """An action on a part of the service."""

    @blueprint.takes(schemas.ServiceIn)
    @blueprint.gives(200, schemas.ServiceChangedOut, 403, 404)
    def put(self, body: dict[str, Any], action: str) -> dict[str, object]:
        """Enable or disable a backend; nothing new is placed on a disabled one."""
        authorize(_UPDATE)
        reason = schemas.pop_disabled_reason(body, action)
        is_disabled, binary = schemas.SERVICE_ACTIONS[action], body["binary"] or body["service"]
        host = body["host"].partition("#")[0]
        if all((part.binary, part.host) != (binary, host) for part in _read_services()):
            raise NotFound(f"Service {binary} could not be found on host {body['host']}.")
        if binary != services.VOLUME:
            raise InvalidInput(
                f"Only {services.VOLUME} can be enabled and disabled: nothing is placed on {binary}.",
                "binary",
            )
        with runtime().database.write() as session:
            backends.set_disabled(session, host, clock.now() if is_disabled else None, reason)
        given_reason = {} if reason is None else {"disabled_reason": reason}
        return {
            **body,
            **given_reason,
            "status": "disabled" if is_disabled else "enabled",
            "disabled": is_disabled,
        }


@blueprint.route("/os-hosts")
class Hosts(MethodView):
    """The list of hosts."""

    @blueprint.takes(schemas.HostListIn, location="query")
    @blueprint.gives(200, schemas.HostsOut, 403)
    def get(self, query: dict[str, str]) -> dict[str, object]:
        """List the hosts and the parts of the service that run there."""
        authorize(_HOSTS)
        zone = query.get("zone")
        return {"hosts": [part for part in _read_services() if zone in (None, part.availability_zone)]}


@blueprint.route("/os-hosts/<host>")
class Host(MethodView):
    """One host."""

    @blueprint.gives(200, schemas.HostShowOut, 403, 404)
    def get(self, host: str) -> dict[str, object]:
        """Show how much a backend holds, in total and by project."""
        authorize(_HOSTS)
        name = host.partition("#")[0]
        with runtime().database.read() as session:
            backends.get(session, name)
            loads = backends.loads_by_project(session, name)
        return {"host": [{"resource": {"host": name, **_host_usage_body(load)}} for load in loads]}


@blueprint.route("/capabilities/<host>")
class Capabilities(MethodView):
    """The capabilities of one backend."""

    @blueprint.gives(200, schemas.CapabilitiesOut, 403, 404)
    def get(self, host: str) -> dict[str, object]:
        """Show the capabilities that a backend reports."""
        authorize(_CAPABILITIES)
        with runtime().database.read() as session:
            backend = backends.get(session, host.partition("#")[0])
        known = capabilities_of(backend)
        plain = ("vendor_name", "volume_backend_name", "driver_version", "storage_protocol")
        return {
            **{name: known.get(name) for name in plain},
            "namespace": f"OS::Storage::Capabilities::{backend.name}",
            "pool_name": None,
            "display_name": None,
            "description": None,
            "visibility": None,
            "replication_targets": [],
            "properties": {},
        }


@failover_blueprint.route("/os-services/freeze")
class Freeze(MethodView):
    """The freezing of a backend."""

    @failover_blueprint.takes(schemas.HostIn)
    @failover_blueprint.gives(200, None, 403)
    def put(self, body: dict[str, Any]) -> Response:
        """Refuse every creation and change on a backend; its volumes keep serving."""
        authorize("volume:freeze_host")
        return _set_frozen_since(body["host"], clock.now())


@failover_blueprint.route("/os-services/thaw")
class Thaw(MethodView):
    """The thawing of a backend."""

    @failover_blueprint.takes(schemas.HostIn)
    @failover_blueprint.gives(200, None, 403)
    def put(self, body: dict[str, Any]) -> Response:
        """Allow creations and changes on a backend again."""
        authorize("volume:thaw_host")
        return _set_frozen_since(body["host"], None)


def _set_frozen_since(host: str, since: datetime | None) -> Response:
    with runtime().database.write() as session:
        backends.set_frozen(session, get_backend_of_host(session, host).name, since)
    return Response(status=200, mimetype="application/json")


def get_backend_of_host(session: Session, host: str) -> records.Backend:
    """Return the backend of a host, with or without its pool. Raises: InvalidInput."""
    try:
        return backends.get(session, host.partition("#")[0])
    except NotFound:
        raise InvalidInput(f"No service found with host={host}", "host") from None


def _read_services() -> list[records.ServiceState]:
    with runtime().database.read() as session:
        return services.all(session, down_s=runtime().settings.service_down_s)


def _host_usage_body(load: records.BackendLoad) -> dict[str, str]:
    return {
        "project": load.project_id or "(total)",
        "volume_count": str(load.volumes),
        "total_volume_gb": str(load.volume_gib),
        "snapshot_count": str(load.snapshots),
        "total_snapshot_gb": str(load.snapshot_gib),
    }


_LOG_LEVELS = 32


@log_blueprint.route("/os-services/set-log")
@log_blueprint.since(_LOG_LEVELS)
class SetLog(MethodView):
    """The setting of log levels."""

    @log_blueprint.takes(schemas.LogLevelSetIn)
    @log_blueprint.gives(202, None, 403)
    def put(self, body: dict[str, Any]) -> Response:
        """Set the level of loggers of the process that serves the request, until it ends."""
        authorize(_UPDATE)
        if log.matching_services(body["binary"], body["server"]):
            log.set_levels(body["prefix"] or "", body["level"])
        return responses.empty_response()


@log_blueprint.route("/os-services/get-log")
@log_blueprint.since(_LOG_LEVELS)
class GetLog(MethodView):
    """The current log levels."""

    @log_blueprint.takes(schemas.LogLevelsIn)
    @log_blueprint.gives(200, schemas.LogLevelsOut, 403)
    def put(self, body: dict[str, Any]) -> dict[str, object]:
        """Show the level of loggers of the process that serves the request."""
        authorize(_UPDATE)
        found = log.matching_services(body["binary"], body["server"])
        levels = log.levels_by_logger(body["prefix"] or "")
        return {"log_levels": [{"binary": name, "host": host, "levels": levels} for name, host in found]}
