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
from cgflow.drivers.contract import StorageDriver
from cgflow.errors import DriverError
from cgflow.scheduler.placement import Placement
from cgflow.settings import Settings

LOG = logging.getLogger(__name__)


def report(database: Database, settings: Settings, name: str, driver: StorageDriver) -> None:
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
            backends.down(session, name, error.message, clock.now(), availability_zone=zone)
    else:
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
