"""The service without HTTP: database, drivers, scheduler and conductor, assembled.

This is the only module that chooses the real collaborators. Tests choose others through the same
class.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from oslo_config import cfg
from sqlalchemy.exc import OperationalError

from cgflow import clock
from cgflow.config import settings_from_config as settings_of
from cgflow.db.database import Database
from cgflow.db.disk_reserve import may_use_disk_reserve
from cgflow.db.repositories import idempotency
from cgflow.db.repositories import message as messages
from cgflow.db.repositories import service as services
from cgflow.db.repositories import volume as volumes
from cgflow.db.retention import Retention
from cgflow.drivers.contract import StorageDriver
from cgflow.engine.conductor import Conductor
from cgflow.engine.flow_actions import flows_due_for_undo_retry as undos_due
from cgflow.errors import ConfigError, DriverError, SessionFenced
from cgflow.notifications import notifier
from cgflow.periodic import Periodic
from cgflow.quota import reservations
from cgflow.scheduler.placement import Placement
from flows import backend_reports, flow_actions
from flows.auto_compaction import accept_due_compactions
from flows.catalog import definition_of
from flows.driver_registry import DriverRegistry
from flows.notifications import NotificationBuilder
from flows.runtime import Runtime

LOG = logging.getLogger(__name__)

EXPIRE_INTERVAL_S = 60
UNDO_INTERVAL_S = 1
TAKE_INTERVAL_S = 5
DELETE_INTERVAL_S = 60
"""Short, so that one run deletes more records than users can create between two runs."""
COMPACT_INTERVAL_S = 30


class Service:
    """A running cgflow without HTTP. ``drivers`` are keyed by backend name, ``host@backend``."""

    def __init__(
        self, conf: cfg.ConfigOpts, database: Database, drivers: Mapping[str, StorageDriver]
    ) -> None:
        self._database = database
        self._drivers = DriverRegistry(drivers)
        self._settings = settings_of(conf)
        notifiers = notifier.load_notifiers(conf.notifications.notifiers)
        self._report_observer = backend_reports.ReportObserver(notifiers)
        placement = Placement(
            conf.scheduler.scheduler_default_filters,
            conf.scheduler.scheduler_default_weighers,
            service_down_s=conf.scheduler.service_down_time,
        )
        self.conductor = Conductor(
            _new_session_name(),
            database,
            definition_of,
            {
                "database": database,
                "drivers": self._drivers,
                "placement": placement,
                "settings": self._settings,
            },
            fence=self._drivers.fence_predecessor,
            max_flows=conf.engine.max_flows,
            max_steps=conf.engine.max_steps,
            max_waiters=conf.engine.http_threads // 2,
            announce=NotificationBuilder(database, notifiers).notify,
        )
        self.runtime = Runtime(database, self._settings, self._drivers, self.conductor, definition_of)
        self._retention = Retention(
            database, max_age_days=conf.history.max_age_days, max_flows=conf.history.max_flows
        )
        self._started = ExitStack()
        self._periodic = [
            Periodic("report", conf.scheduler.report_interval, self.record_reports),
            Periodic("expire", EXPIRE_INTERVAL_S, self._expire_reservations),
            Periodic("undo", UNDO_INTERVAL_S, self._retry_rollbacks),
            Periodic("take", TAKE_INTERVAL_S, self.conductor.retry_takeovers),
            Periodic("forget", DELETE_INTERVAL_S, self._delete_expired_records),
            Periodic("compact", COMPACT_INTERVAL_S, lambda: accept_due_compactions(self.runtime)),
        ]

    def start(
        self, check_cancelled: Callable[[], None] = lambda: None, *, refuse_unknown: bool = False
    ) -> list[str]:
        """Start the drivers, record their reports, and resume unfinished flows; return their ids.

        ``check_cancelled`` is called before each part, and aborts the start by raising.
        ``refuse_unknown`` rejects a backend that has volumes which the database has never recorded:
        then the database is an older one, or belongs to other backends.

        Raises: ConfigError, if a driver cannot work here; DriverError, if a backend does not open
        the session.
        """
        self._started.callback(self._database.close)
        self._drivers.open_sessions(self.conductor.name)
        for driver in self._drivers.values():
            check_cancelled()
            driver.start()
            self._started.callback(driver.stop)
        check_cancelled()
        if refuse_unknown:
            self._refuse_unknown_volumes()
        try:
            self.record_reports()
        except OperationalError as error:
            # Probably the disk is full. Only a running service can delete anything, so the start goes on.
            LOG.warning("the backends' reports cannot be stored, this is retried: %s", error.orig)
        self._started.callback(self.conductor.stop)
        resumed = self.conductor.start()
        for work in self._periodic:
            work.start()
            self._started.callback(work.stop)
        return resumed

    def _refuse_unknown_volumes(self) -> None:
        """Raise ConfigError if a backend has volumes that the database has never recorded."""
        for name, driver in self._drivers.items():
            try:
                existing = driver.inventory().volumes
            except DriverError as error:
                LOG.warning("backend %s cannot list its volumes: %s", name, error)
                continue
            with self._database.read() as session:
                unknown = sorted(volumes.unknown_ids(session, existing))
            if unknown:
                more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
                raise ConfigError(
                    f"{len(unknown)} of the {len(existing)} volumes on backend {name} have never been in the "
                    f"database: {', '.join(unknown[:3])}{more}. The database is empty, older, or belongs to "
                    "other backends. Restore the right database, or start with --adopt and create records "
                    "with 'cgflow audit --repair adopt --apply'."
                )

    def stop(self) -> None:
        """Stop everything that was started, in reverse order, also after a start that failed half-way.

        No periodic task runs again, flows stop at their current step, and drivers release their
        resources. Volumes continue to serve I/O.
        """
        self._started.close()

    def record_reports(self) -> None:
        """Record that this process is alive, and each backend's report, or that it is down and why."""
        with self._database.write() as session:
            # The API and the conductor run in this process, so both are alive.
            zone = self._settings.storage_availability_zone
            services.record_heartbeat(session, (services.API, services.CONDUCTOR), socket.gethostname(), zone)
        for name, driver in self._drivers.items():
            try:
                backend_reports.record_report(
                    self._database, self._settings, name, driver, self._report_observer
                )
            except SessionFenced as fenced:
                # A traceback would add nothing.
                LOG.error("backend %s is not reported, this process is fenced: %s", name, fenced)  # noqa: TRY400

    def _expire_reservations(self) -> None:
        with self._database.write() as session:
            reservations.cancel_expired(session, clock.now())

    def _delete_expired_records(self) -> None:
        self._retention.delete_old_flows()
        deleted = idempotency.DELETE_BATCH
        while deleted == idempotency.DELETE_BATCH:
            with self._database.write() as session:
                deleted = idempotency.delete_expired(session, clock.now())
        with self._database.write() as session:
            messages.delete_expired_and_excess(session, clock.now())

    def _retry_rollbacks(self) -> None:
        with self._database.read() as session:
            due = undos_due(session)
        with may_use_disk_reserve():
            for flow_id in due:
                flow_actions.retry_automatically(self.runtime, flow_id)


def _new_session_name() -> str:
    """Return a name that no other process start has: host, pid and a random part.

    Host and pid tell people where the process runs. A pid is reused after a reboot, and is always
    the same in a container.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
