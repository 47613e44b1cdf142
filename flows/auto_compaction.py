"""Automatic compaction of volumes that have become slow because they have many snapshots.

A periodic task asks every backend of this process which compactions are due. Each one is accepted
as an ordinary flow with a history, in the name of the service. It claims nothing (see
``flows.volume.flows.compact``). At most one compaction runs per consistency group, and at most
``MAX_CONCURRENT`` run per process, so that other flows can run.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.repositories import backend as backends
from cgflow.db.repositories import flow as flows
from cgflow.db.repositories import volume
from cgflow.drivers.contract import SupportsCompaction, VolumeSpec
from cgflow.errors import DriverError, NotFound
from cgflow.status import FlowState
from flows.acceptance import Accepted, accepting, new_id
from flows.runtime import Runtime

LOG = logging.getLogger(__name__)

OPERATION = "volume.compact"
SERVICE_USER = "cgflow"
MAX_CONCURRENT = 2
"""Largest number of concurrent compactions in a process. Each lasts long and occupies an engine thread."""

PAUSE_AFTER_FAILURE = timedelta(minutes=10)


def accept_due_compactions(runtime: Runtime) -> list[Accepted]:
    """Accept the compactions that are due on this process's backends, up to ``MAX_CONCURRENT``."""
    accepted = []
    for host, driver in runtime.drivers.items():
        if isinstance(driver, SupportsCompaction):
            try:
                due = driver.compactions_due()
            except DriverError as error:
                LOG.warning("backend %s cannot report which compactions are due: %s", host, error)
                continue
            for spec in due:
                compaction = (
                    None
                    if _has_compaction_failed_recently(runtime, spec)
                    else accept_compaction(runtime, host, spec)
                )
                accepted += [] if compaction is None else [compaction]
    return accepted


def accept_compaction(runtime: Runtime, host: str, spec: VolumeSpec) -> Accepted | None:
    """Accept the compaction of a volume; return None if it has to wait or the volume has no record."""
    context = RequestContext(SERVICE_USER, "", f"req-{new_id()}", is_admin=True, all_projects=True)
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        found = _lock_volume(session, spec.id)
        if found is None or found.claimed_by is not None or found.consistencygroup_id != spec.group_id:
            return None
        if backends.is_frozen(session, host) or _is_compaction_limit_reached(
            session, set(runtime.drivers), found
        ):
            return None
        return acceptance.record_flow(
            OPERATION,
            resource=("volume", found.id),
            group_id=found.consistencygroup_id,
            shape={},
            symbols={"host": host, "size": found.size},
            claims={},
        )


def _lock_volume(session: Session, volume_id: str) -> records.Volume | None:
    try:
        return volume.lock(session, volume_id, None)
    except NotFound:
        return None


def _is_compaction_limit_reached(session: Session, hosts: set[str], found: records.Volume) -> bool:
    unfinished = [
        flow
        for flow in flows.list_unfinished(session)
        if flow.operation == OPERATION and flow.symbols.get("host") in hosts
    ]
    place = found.consistencygroup_id or found.id
    return len(unfinished) >= MAX_CONCURRENT or place in {
        flow.group_id or flow.resource_id for flow in unfinished
    }


def _has_compaction_failed_recently(runtime: Runtime, spec: VolumeSpec) -> bool:
    with runtime.database.read() as session:
        last = flows.find_newest(session, OPERATION, spec.id)
    return (
        last is not None
        and last.state is not FlowState.SUCCESS
        and last.ended_at is not None
        and clock.now() - last.ended_at < PAUSE_AFTER_FAILURE
    )
