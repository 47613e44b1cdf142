"""Recording of backend reports, periodically and when a step finds a stored report too old.

A report that became stale while the database was unavailable says nothing about the backend: the
backend may have been up all the time while no report could be stored. Steps therefore refresh the
stale reports of this process's backends before they use them. A backend that is down is then
rejected with its own reason. Backends of other processes cannot be queried from here; their
processes report them periodically.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from cgflow import clock
from cgflow.config import Settings
from cgflow.db.database import Database
from cgflow.db.repositories import backend as backends
from cgflow.drivers.contract import Incident, Report, StorageDriver
from cgflow.errors import DriverError, describe
from cgflow.notifications.notifier import ERROR, Notification, Notifier
from cgflow.records import Backend
from cgflow.scheduler.placement import Placement

LOG = logging.getLogger(__name__)


class ReportObserver:
    """Notifies once of each incident, and logs problems of backends when they appear and disappear."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._notified: dict[str, int] = {}
        self._problems: dict[str, frozenset[str]] = {}

    def notify_changes(self, name: str, report: Report) -> None:
        """Notify of the new incidents in a backend's report, and log the changes of its problems."""
        for incident in report.incidents:
            if incident.number > self._notified.get(name, 0):
                self._notified[name] = incident.number
                LOG.warning("backend %s: %s", name, incident.words)
                self._notifier.send([_incident_notification(name, incident)])
        known, found = self._problems.get(name, frozenset()), frozenset(report.problems)
        self._problems[name] = found
        for problem in sorted(found - known):
            LOG.warning("backend %s has a problem: %s", name, problem)
        for problem in sorted(known - found):
            LOG.info("backend %s no longer has the problem: %s", name, problem)


def _incident_notification(name: str, incident: Incident) -> Notification:
    return Notification(
        event_type="backend.data_service_restarted",
        publisher_id=f"backend.{name}",
        payload={
            "host": name,
            "subject_id": incident.subject,
            "created_at": incident.at,
            "reason": incident.words,
        },
        priority=ERROR,
    )


def record_report(
    database: Database,
    settings: Settings,
    name: str,
    driver: StorageDriver,
    observer: ReportObserver | None = None,
) -> None:
    """Record the capabilities and capacity of a backend, or that it is down and why.

    Raises: SessionFenced, if this process was fenced off from the backend. That says nothing about
    the backend, which other processes use.
    """
    zone = settings.storage_availability_zone
    try:
        received = driver.report()
    except DriverError as error:
        LOG.warning("backend %s is down: %s", name, error)
        with database.write() as session:
            backends.mark_down(session, name, describe(error), clock.now(), availability_zone=zone)
    else:
        # Report incidents first, because the database write may fail.
        if observer is not None:
            observer.notify_changes(name, received)
        with database.write() as session:
            backends.record_report(session, name, zone, received, clock.now())


def refresh_stale_reports(
    database: Database,
    settings: Settings,
    drivers: Mapping[str, StorageDriver],
    placement: Placement,
    host: str | None = None,
) -> list[Backend]:
    """Refresh the stored reports that are too old, of all backends of this process or of the named one.

    Return every known backend, with its newest report.
    """
    with database.read() as session:
        stored = backends.all(session)
    now = clock.now()
    stale = [
        found.name
        for found in stored
        if host in (None, found.name) and found.name in drivers and placement.is_stale(found, now)
    ]
    if not stale:
        return stored
    for name in stale:
        record_report(database, settings, name, drivers[name])
    with database.read() as session:
        return backends.all(session)
