"""Backends that are failed over, frozen and thawed, as Cinder does with those that replicate: none does."""

from __future__ import annotations

from typing import Any, NoReturn

from flask.views import MethodView

from api.auth import authorize
from api.blueprint import Blueprint
from api.current import desk
from api.schemas import failover as schemas
from cgflow.db.repositories import backend as backends
from cgflow.errors import InvalidState

blueprint = Blueprint("failover", "What is done with backends that replicate, of which there are none.")

_FAILOVER = 26


@blueprint.route("/os-services/failover_host")
class FailoverHost(MethodView):
    """The other side of a backend."""

    @blueprint.takes(schemas.FailoverIn)
    @blueprint.gives(202, schemas.ReplicatedOut, 403, 404)
    def put(self, body: dict[str, Any]) -> NoReturn:
        """Fail a backend over, which is refused."""
        _refuse("volume:failover_host", body["host"], "failed over")


@blueprint.route("/os-services/failover")
@blueprint.since(_FAILOVER)
class Failover(MethodView):
    """The same in later words."""

    @blueprint.takes(schemas.FailoverIn)
    @blueprint.gives(202, schemas.ReplicatedOut, 403, 404)
    def put(self, body: dict[str, Any]) -> NoReturn:
        """Fail a backend over, which is refused."""
        _refuse("volume:failover_host", body["host"], "failed over")


@blueprint.route("/os-services/freeze")
class Freeze(MethodView):
    """A backend that takes no changes."""

    @blueprint.takes(schemas.FrozenIn)
    @blueprint.gives(202, schemas.ReplicatedOut, 403, 404)
    def put(self, body: dict[str, Any]) -> NoReturn:
        """Freeze a backend that was failed over, which is refused."""
        _refuse("volume:freeze_host", body["host"], "frozen")


@blueprint.route("/os-services/thaw")
class Thaw(MethodView):
    """A backend that takes changes again."""

    @blueprint.takes(schemas.FrozenIn)
    @blueprint.gives(202, schemas.ReplicatedOut, 403, 404)
    def put(self, body: dict[str, Any]) -> NoReturn:
        """Thaw a backend that was frozen, which is refused."""
        _refuse("volume:thaw_host", body["host"], "thawed")


def _refuse(rule: str, host: str, done: str) -> NoReturn:
    authorize(rule)
    with desk().database.read() as session:
        name = backends.get(session, host.partition("#")[0]).name
    raise InvalidState(
        f"Backend {name} cannot be {done}: no backend replicates to another. "
        "To have nothing new placed on it, disable it (os-services/disable)."
    )
