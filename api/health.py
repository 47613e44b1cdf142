"""Health checks without authentication: whether the process is alive, and whether it can accept work.

``/healthcheck/live`` answers as long as the process runs; it is for a watchdog that restarts the service.
``/healthcheck`` probes the parts; it is for a load balancer. The messages say what is wrong, and name no
host.

The probes write to the database and run a step on the step executor. However many requests arrive, a probe
runs once in ``PROBE_INTERVAL_S`` on one thread, and a request waits at most ``PROBE_TIMEOUT_S`` for it.
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
    """A check that runs at most once per interval, on a thread of its own."""

    def __init__(self, check: Callable[[], str]) -> None:
        self._check = check
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._lock = threading.Lock()
        self._last: Future[str] | None = None
        self._began_at = 0.0

    def result(self) -> str | None:
        """Return the result of the check; None, if it does not end in time."""
        with self._lock:
            now = time.monotonic()
            last = self._last
            if last is None or (last.done() and now - self._began_at >= PROBE_INTERVAL_S):
                last = self._last = self._pool.submit(self._check)
                self._began_at = now
            left = PROBE_TIMEOUT_S - (now - self._began_at)
        wait_for([last], max(0.0, left))
        return last.result() if last.done() else None


def register_health_checks(app: Flask, runtime: Runtime) -> None:
    """Register both health checks."""
    app.extensions[WRITE_PROBE] = Probe(
        lambda: _run_write_probe(runtime.database, runtime.settings.storage_availability_zone)
    )
    app.extensions[STEP_PROBE] = Probe(lambda: _run_step_probe(runtime))
    app.add_url_rule("/healthcheck", "healthcheck", _answer_ready)
    app.add_url_rule("/healthcheck/live", "healthcheck_live", _answer_live)


def _answer_live() -> ResponseReturnValue:
    return jsonify({"status": OK})


def _answer_ready() -> ResponseReturnValue:
    parts = {"database": OK, "backends": OK, "conductor": OK}
    try:
        with runtime().database.read() as session:
            parts["backends"] = _backends_state(backends.all(session))
    except (DBAPIError, TimeoutError) as error:
        LOG.debug("the database did not answer a health check: %s", error)
        parts |= {"database": "does not answer", "backends": "unknown"}
    else:
        parts["database"] = _probe_result(WRITE_PROBE) or "does not accept writes in time"
    if not runtime().conductor.is_healthy:
        parts["conductor"] = "waits for the database"
    else:
        # Busy step threads are no fault: accepted operations wait for a free one.
        parts["conductor"] = _probe_result(STEP_PROBE) or f"{OK}, all step threads are busy"
    is_well = all(state.startswith(OK) for state in parts.values())
    return jsonify({"status": OK if is_well else "unhealthy", **parts}), 200 if is_well else 503


def _probe_result(name: str) -> str | None:
    probe: Probe = current_app.extensions[name]
    return probe.result()


def _run_step_probe(runtime: Runtime) -> str:
    return OK if runtime.conductor.wait_for_free_step_thread() else "is stopping"


def _run_write_probe(database: Database, zone: str) -> str:
    """Write a service heartbeat as a probe, and return the state of the database."""
    try:
        with database.write() as session:
            services.record_heartbeat(session, (services.API, services.CONDUCTOR), socket.gethostname(), zone)
    except (DBAPIError, TimeoutError) as error:
        LOG.debug("the database refused the write of a health check: %s", error)
        if "full" in str(error):
            return "is full: only deletions are accepted"
        return "does not accept writes"
    return OK


def _backends_state(stored: list[records.Backend]) -> str:
    """Return the state of the backends. Work can be placed while at least one is up."""
    served = set(runtime().drivers)
    own = [backend for backend in stored if backend.name in served]
    since = clock.now() - timedelta(seconds=runtime().settings.service_down_s)
    up = [backend for backend in own if backend.is_up and backend.reported_at >= since]
    if not up:
        return "down"
    remarks = [f"{len(own) - len(up)} of {len(own)} down"] if len(up) < len(own) else []
    with_problems = sum(bool(backend.report.problems) for backend in up)
    if with_problems:
        # The audit reports what the problems are, and where.
        remarks.append(f"{with_problems} of {len(own)} with problems")
    return ", ".join([OK, *remarks])
