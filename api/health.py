"""How the service is, told to everybody: whether it lives, and whether it can be asked to work.

``/healthcheck/live`` answers for as long as the process does; a watchdog that
restarts asks it. ``/healthcheck`` looks at the parts; a balancer asks it. The
words say what is wrong, and nothing about which machines there are.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError, TimeoutError

from api.current import desk
from cgflow import clock, records
from cgflow.db.repositories import backend as backends

LOG = logging.getLogger(__name__)

OK = "ok"


def register(app: Flask) -> None:
    """Serve both questions."""
    app.add_url_rule("/healthcheck", "healthcheck", _ready)
    app.add_url_rule("/healthcheck/live", "healthcheck_live", _live)


def _live() -> ResponseReturnValue:
    return jsonify({"status": OK})


def _ready() -> ResponseReturnValue:
    parts = {"database": OK, "backends": OK, "conductor": OK}
    try:
        with desk().database.read() as session:
            parts["backends"] = _of_backends(backends.all(session))
    except (DBAPIError, TimeoutError) as error:
        LOG.warning("the database did not answer a question about health: %s", error)
        parts |= {"database": "does not answer", "backends": "unknown"}
    if not desk().conductor.is_healthy:
        parts["conductor"] = "waits for the database"
    is_well = all(state.startswith(OK) for state in parts.values())
    return jsonify({"status": OK if is_well else "unhealthy", **parts}), 200 if is_well else 503


def _of_backends(known: list[records.Backend]) -> str:
    """Tell whether work can be placed anywhere: one backend that is up is enough."""
    served = set(desk().drivers)
    own = [backend for backend in known if backend.name in served]
    since = clock.now() - timedelta(seconds=desk().settings.service_down_s)
    up = [backend for backend in own if backend.is_up and backend.reported_at >= since]
    if not up:
        return "down"
    odd = [f"{len(own) - len(up)} of {len(own)} down"] if len(up) < len(own) else []
    with_problems = sum(bool(backend.report.problems) for backend in up)
    if with_problems:
        # What they are, and where, the audit says.
        odd.append(f"{with_problems} of {len(own)} with problems")
    return ", ".join([OK, *odd])
