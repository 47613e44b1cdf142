"""What backends say of themselves, written down: by the clock, and when a step finds a report too old.

A report that has gone stale while the database was away says nothing about
the backend: it may have been up all the time, only nobody could write it down.
So whoever is to judge a backend that this process serves asks it anew first.
One that really is down then refuses with its own reason. About backends that
other processes serve there is nobody here to ask; those report by the clock.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.repositories import backend as backends
from cgflow.drivers.contract import Incident, Report, StorageDriver
from cgflow.error_text import describe
from cgflow.errors import DriverError
from cgflow.notifications.notifier import ERROR, Notification, Notifier
from cgflow.scheduler.placement import Placement
from cgflow.settings import Settings

LOG = logging.getLogger(__name__)


class ReportObserver:
    """Tells of each incident once, and logs the problems of backends when they come and go."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._told: dict[str, int] = {}
        self._problems: dict[str, frozenset[str]] = {}

    def report(self, name: str, said: Report) -> None:
        """Tell of what is new in a report of a backend."""
        for incident in said.incidents:
            if incident.number > self._told.get(name, 0):
                self._told[name] = incident.number
                LOG.warning("backend %s: %s", name, incident.words)
                self._notifier.send([_notification(name, incident)])
        known, found = self._problems.get(name, frozenset()), frozenset(said.problems)
        self._problems[name] = found
        for problem in sorted(found - known):
            LOG.warning("backend %s has a problem: %s", name, problem)
        for problem in sorted(known - found):
            LOG.info("backend %s has this problem no more: %s", name, problem)


def _notification(name: str, incident: Incident) -> Notification:
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


def report(
    database: Database,
    settings: Settings,
    name: str,
    driver: StorageDriver,
    incidents: ReportObserver | None = None,
) -> None:
    """Write down what a backend can do and how full it is, or that it is down and why.

    Raises: SessionFenced in a process that was shut out of the backend, which
    says nothing about the backend: others are at work there.
    """
    zone = settings.storage_availability_zone
    try:
        said = driver.report()
    except DriverError as error:
        LOG.warning("backend %s is down: %s", name, error)
        with database.write() as session:
            backends.down(session, name, describe(error), clock.now(), availability_zone=zone)
    else:
        # Before it is written down, for that may fail.
        if incidents is not None:
            incidents.report(name, said)
        with database.write() as session:
            backends.report(session, name, zone, said, clock.now())


def refresh(
    database: Database,
    settings: Settings,
    drivers: Mapping[str, StorageDriver],
    placement: Placement,
    host: str | None = None,
) -> None:
    """Ask the backends of this process whose stored reports are too old: all of them, or the one named."""
    with database.read() as session:
        stored = backends.all(session)
    now = clock.now()
    for found in stored:
        if host in (None, found.name) and found.name in drivers and placement.is_stale(found, now):
            report(database, settings, found.name, drivers[found.name])
