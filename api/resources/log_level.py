"""Log levels: ``/os-services/set-log`` and ``/os-services/get-log``, from 3.32 on."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from api import log_levels, responses
from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.schemas import service as schemas

blueprint = Blueprint("log_levels", "What the process that answers writes into its log.")

_SINCE = 32
_RULE = "volume_extension:services:update"


@blueprint.route("/os-services/set-log")
@blueprint.since(_SINCE)
class SetLog(MethodView):
    """The setting of log levels."""

    @blueprint.takes(schemas.LogLevelSetIn)
    @blueprint.gives(202, None, 403)
    def put(self, body: dict[str, Any]) -> Response:
        """Set the level of loggers of the process that serves the request, until it ends."""
        authorize(_RULE)
        if log_levels.parts(body["binary"], body["server"]):
            log_levels.set_levels(body["prefix"] or "", body["level"])
        return responses.empty_response()


@blueprint.route("/os-services/get-log")
@blueprint.since(_SINCE)
class GetLog(MethodView):
    """The current log levels."""

    @blueprint.takes(schemas.LogLevelsIn)
    @blueprint.gives(200, schemas.LogLevelsOut, 403)
    def put(self, body: dict[str, Any]) -> dict[str, object]:
        """Show the level of loggers of the process that serves the request."""
        authorize(_RULE)
        found = log_levels.parts(body["binary"], body["server"])
        levels = log_levels.read(body["prefix"] or "")
        return {"log_levels": [{"binary": name, "host": host, "levels": levels} for name, host in found]}
