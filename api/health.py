"""How the service is, told to everybody: whether it lives, and whether it can be asked to work.

``/healthcheck/live`` answers for as long as the process does; a watchdog that
restarts asks it. ``/healthcheck`` tries the parts; a balancer asks it. The
words say what is wrong, and nothing about which machines there are.

What is tried writes to the database and runs on a step's thread. However often
it is asked for, it is tried once in ``PROBE_INTERVAL_S`` and by one thread, and
waited for no longer than ``PROBE_TIMEOUT_S``.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import timedelta

from flask import Flask, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError, TimeoutError

from api.request_scope import runtime
from cgflow import clock, records
from cgflow.db.database import Database
from cgflow.db.repositories import backend as backends
from cgflow.db.repositories import service as services
from flows.runtime import Runtime

LOG = logging.getLogger(__name__)

OK = "ok"
WRITE_PROBE, STEP_PROBE = "cgflow.write_probe", "cgflow.step_probe"
PROBE_INTERVAL_S = 5.0
PROBE_TIMEOUT_S = 5.0


class Probe:
    """A check that is made at most once in an interval, in a thread of its own."""

    def __init__(self, check: Callable[[], str]) -> None:
        self._check = check
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._lock = threading.Lock()
        self._last: Future[str] | None = None
        self._began_at = 0.0

    def result(self) -> str | None:
        """Return what the check says, None if it does not end in time."""
        with self._lock:
            now = time.monotonic()
            last = self._last
            if last is None or (last.done() and now - self._began_at >= PROBE_INTERVAL_S):
                last = self._last = self._pool.submit(self._check)
                self._began_at = now
            left = PROBE_TIMEOUT_S - (now - self._began_at)
        wait_for([last], max(0.0, left))
        return last.result() if last.done() else None


def register(app: Flask, runtime: Runtime) -> None:
    """Serve both questions."""
    app.extensions[WRITE_PROBE] = Probe(
        lambda: _write(runtime.database, runtime.settings.storage_availability_zone)
    )
    app.extensions[STEP_PROBE] = Probe(lambda: _step(runtime))
    app.add_url_rule("/healthcheck", "healthcheck", _ready)
    app.add_url_rule("/healthcheck/live", "healthcheck_live", _live)


def _live() -> ResponseReturnValue:
    return jsonify({"status": OK})


def _ready() -> ResponseReturnValue:
    parts = {"database": OK, "backends": OK, "conductor": OK}
    try:
        with runtime().database.read() as session:
            parts["backends"] = _of_backends(backends.all(session))
    except (DBAPIError, TimeoutError) as error:
        LOG.debug("the database did not answer a question about health: %s", error)
        parts |= {"database": "does not answer", "backends": "unknown"}
    else:
        parts["database"] = _probed(WRITE_PROBE) or "does not take what is written in time"
    if not runtime().conductor.is_healthy:
        parts["conductor"] = "waits for the database"
    else:
        # Long steps are no fault, and what is accepted waits for them.
        parts["conductor"] = _probed(STEP_PROBE) or f"{OK}, every thread for steps is at work"
    is_well = all(state.startswith(OK) for state in parts.values())
    return jsonify({"status": OK if is_well else "unhealthy", **parts}), 200 if is_well else 503


def _probed(name: str) -> str | None:
    probe: Probe = current_app.extensions[name]
    return probe.result()


def _step(runtime: Runtime) -> str:
    return OK if runtime.conductor.run_empty_step() else "is stopping"


def _write(database: Database, zone: str) -> str:
    """Write what a report writes, and say how that went."""
    try:
        with database.write() as session:
            services.beat(session, (services.API, services.CONDUCTOR), socket.gethostname(), zone)
    except (DBAPIError, TimeoutError) as error:
        LOG.debug("the database did not take what was written to try it: %s", error)
        if "full" in str(error):
            return "is full: only deleting is accepted"
        return "does not take what is written"
    return OK


def _of_backends(known: list[records.Backend]) -> str:
    """Tell whether work can be placed anywhere: one backend that is up is enough."""
    served = set(runtime().drivers)
    own = [backend for backend in known if backend.name in served]
    since = clock.now() - timedelta(seconds=runtime().settings.service_down_s)
    up = [backend for backend in own if backend.is_up and backend.reported_at >= since]
    if not up:
        return "down"
    odd = [f"{len(own) - len(up)} of {len(own)} down"] if len(up) < len(own) else []
    with_problems = sum(bool(backend.report.problems) for backend in up)
    if with_problems:
        # What they are, and where, the audit says.
        odd.append(f"{with_problems} of {len(own)} with problems")
    return ", ".join([OK, *odd])
