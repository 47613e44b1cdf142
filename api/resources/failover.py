"""Freezing, thawing and failing over backends. No backend replicates, so a failover is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn

from flask import Response
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import runtime
from api.schemas import service as schemas
from cgflow import clock, records
from cgflow.db.repositories import backend as backends
from cgflow.errors import InvalidInput, NotFound

blueprint = Blueprint("failover", "Backends that are frozen, thawed and failed over.")

_FAILOVER = 26


@blueprint.route("/os-services/failover_host")
class FailoverHost(MethodView):
    """The failover of a backend."""

    @blueprint.takes(schemas.FailoverIn)
    @blueprint.gives(202, None, 403)
    def put(self, body: dict[str, Any]) -> NoReturn:
        """Fail a backend over, which is refused."""
        _refuse(body["host"])


@blueprint.route("/os-services/failover")
@blueprint.since(_FAILOVER)
class Failover(MethodView):
    """The failover of a backend, at the later path."""

    @blueprint.takes(schemas.FailoverIn)
    @blueprint.gives(202, None, 403)
    def put(self, body: dict[str, Any]) -> NoReturn:
        """Fail a backend over, which is refused."""
        _refuse(body["host"])


@blueprint.route("/os-services/freeze")
class Freeze(MethodView):
    """The freezing of a backend."""

    @blueprint.takes(schemas.HostIn)
    @blueprint.gives(200, None, 403)
    def put(self, body: dict[str, Any]) -> Response:
        """Refuse every creation and change on a backend; its volumes keep serving."""
        authorize("volume:freeze_host")
        return _freeze(body["host"], clock.now())


@blueprint.route("/os-services/thaw")
class Thaw(MethodView):
    """The thawing of a backend."""

    @blueprint.takes(schemas.HostIn)
    @blueprint.gives(200, None, 403)
    def put(self, body: dict[str, Any]) -> Response:
        """Allow creations and changes on a backend again."""
        authorize("volume:thaw_host")
        return _freeze(body["host"], None)


def _freeze(host: str, since: datetime | None) -> Response:
    with runtime().database.write() as session:
        backends.freeze(session, _backend(session, host).name, since)
    return Response(status=200, mimetype="application/json")


def _refuse(host: str) -> NoReturn:
    authorize("volume:failover_host")
    with runtime().database.read() as session:
        name = _backend(session, host).name
    raise InvalidInput(
        f"Invalid input received: No service could be changed: {name} cannot be failed over, "
        "because no backend replicates to another. To have nothing made or changed on it, freeze it "
        "(os-services/freeze); to have nothing new placed on it, disable it (os-services/disable).",
        "host",
    )


def _backend(session: Session, host: str) -> records.Backend:
    try:
        return backends.get(session, host.partition("#")[0])
    except NotFound:
        raise InvalidInput(f"No service found with host={host}", "host") from None
