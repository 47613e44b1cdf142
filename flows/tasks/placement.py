"""Steps that choose a backend or verify the one that was chosen.

Backends whose reports are too old are queried again first (see ``flows.backend_reports``).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.config import Settings
from cgflow.db.database import Database
from cgflow.db.repositories import backend, consistencygroup, qos_spec, volume, volume_type
from cgflow.drivers.contract import StorageDriver
from cgflow.drivers.contract.cut_evidence import CutLevel, reported_level
from cgflow.engine.task import Task
from cgflow.errors import NoValidBackend
from cgflow.records import Backend
from cgflow.scheduler.cut_level import required_capabilities
from cgflow.scheduler.placement import Placement
from cgflow.scheduler.request import PlacementRequest
from flows.backend_reports import refresh_stale_reports

LOG = logging.getLogger(__name__)

Drivers = Mapping[str, StorageDriver]


class ScheduleGroup(Task):
    """Choose a backend that fits every volume type of a group, and record it.

    Revert: clear the backend of the record.
    """

    atom = "placement.schedule"
    is_database_only = True
    is_released_with_flow = True
    default_provides = "host"

    def execute(
        self,
        database: Database,
        drivers: Drivers,
        placement: Placement,
        settings: Settings,
        flow_id: str,
        resource_id: str,
        volume_type_ids: list[str],
        availability_zone: str,
    ) -> str:
        refresh_stale_reports(database, settings, drivers, placement)
        with database.write() as session:
            requests = _placement_requests(session, resource_id, volume_type_ids, 0, availability_zone)
            try:
                choice = placement.choose_for_group(backend.all(session), requests, availability_zone)
            except NoValidBackend as refusal:
                # Operators search the logs for this wording.
                LOG.warning("Could not find a host for consistency group %s. %s", resource_id, refusal)
                raise
            consistencygroup.REPOSITORY.update_claimed(session, [resource_id], flow_id, host=choice.host)
        return choice.host

    def revert(self, database: Database, flow_id: str, resource_id: str, **_: object) -> None:
        with database.write() as session:
            consistencygroup.REPOSITORY.update_claimed(session, [resource_id], flow_id, host=None)


class CheckGroupClone(Task):
    """Verify that the source's backend is up and has room for the new group, and record it.

    There is no choice, because data is not transferred between backends. ``promised`` is the level
    at which the backend reports that it cuts.

    Revert: clear the backend of the record.
    """

    atom = "placement.schedule"
    is_database_only = True
    is_released_with_flow = True
    default_provides = "promised"

    def execute(
        self,
        database: Database,
        placement: Placement,
        flow_id: str,
        resource_id: str,
        host: str,
        copied: dict[str, dict[str, Any]],
        level: str | None = None,
    ) -> str | None:
        size = sum(columns["size"] for columns in copied.values())
        with database.write() as session:
            (untyped,) = _placement_requests(session, resource_id, [], size, None)
            request = replace(
                untyped,
                kind="consistency group",
                extra_specs=required_capabilities(_parse_required_level(level), len(copied)),
            )
            found = [one for one in backend.all(session) if one.name == host]
            placement.choose_for_volume(found, request)
            consistencygroup.REPOSITORY.update_claimed(session, [resource_id], flow_id, host=host)
        return reported_level(found[0].report)

    def revert(self, database: Database, flow_id: str, resource_id: str, **_: object) -> None:
        with database.write() as session:
            consistencygroup.REPOSITORY.update_claimed(session, [resource_id], flow_id, host=None)


class ScheduleVolume(Task):
    """Choose a backend for a volume, for a member that of its group, and record it.

    Revert: clear the backend of the record.
    """

    atom = "placement.schedule"
    is_database_only = True
    is_released_with_flow = True
    default_provides = "host"

    def execute(
        self,
        database: Database,
        drivers: Drivers,
        placement: Placement,
        settings: Settings,
        flow_id: str,
        resource_id: str,
        size: int,
        volume_type_ids: list[str],
        availability_zone: str,
        group_host: str | None,
        allowed_hosts: list[str] | None = None,
    ) -> str:
        refresh_stale_reports(database, settings, drivers, placement, group_host)
        with database.write() as session:
            (request,) = _placement_requests(session, resource_id, volume_type_ids, size, availability_zone)
            candidates = [
                one
                for one in backend.all(session)
                if group_host in (None, one.name) and (allowed_hosts is None or one.name in allowed_hosts)
            ]
            choice = placement.choose_for_volume(candidates, request)
            volume.REPOSITORY.update_claimed(session, [resource_id], flow_id, host=choice.host)
        return choice.host

    def revert(self, database: Database, flow_id: str, resource_id: str, **_: object) -> None:
        with database.write() as session:
            volume.REPOSITORY.update_claimed(session, [resource_id], flow_id, host=None)


class CheckCgsnapshot(Task):
    """Verify that the group's backend is up, cuts at the level demanded, and has room for the snapshots.

    ``promised`` is the level at which the backend reports that it cuts.

    Revert: nothing to undo.
    """

    atom = "placement.schedule"
    is_database_only = True
    default_provides = "promised"

    def execute(
        self,
        database: Database,
        drivers: Drivers,
        placement: Placement,
        settings: Settings,
        host: str,
        resource_id: str,
        sizes: list[int],
        level: str | None = None,
    ) -> str | None:
        found = _refreshed_backend(database, settings, drivers, placement, host)
        placement.check_for_snapshots(
            found, "cgsnapshot", resource_id, sizes, clock.now(), _parse_required_level(level)
        )
        return None if found is None else reported_level(found.report)


class CheckSnapshot(Task):
    """Verify that the volume's backend is up and has room for the snapshot.

    Revert: nothing to undo.
    """

    atom = "placement.schedule"
    is_database_only = True

    def execute(
        self,
        database: Database,
        drivers: Drivers,
        placement: Placement,
        settings: Settings,
        host: str,
        resource_id: str,
        sizes: list[int],
    ) -> None:
        found = _refreshed_backend(database, settings, drivers, placement, host)
        placement.check_for_snapshots(found, "snapshot", resource_id, sizes, clock.now())


class CheckExtend(Task):
    """Verify that the volume's backend is up and has room for the additional size.

    Revert: nothing to undo.
    """

    atom = "placement.schedule"
    is_database_only = True

    def execute(
        self,
        database: Database,
        drivers: Drivers,
        placement: Placement,
        settings: Settings,
        host: str,
        resource_id: str,
        size: int,
        new_size: int,
        volume_type_ids: list[str],
    ) -> None:
        found = _refreshed_backend(database, settings, drivers, placement, host)
        with database.read() as session:
            (request,) = _placement_requests(session, resource_id, volume_type_ids, new_size - size, None)
        placement.choose_for_volume([found] if found else [], replace(request, is_new=False))


class CheckRetype(Task):
    """Verify that the volume's backend can serve the new type. No additional space is needed.

    Revert: nothing to undo.
    """

    atom = "placement.schedule"
    is_database_only = True

    def execute(
        self,
        database: Database,
        drivers: Drivers,
        placement: Placement,
        settings: Settings,
        host: str,
        resource_id: str,
        availability_zone: str,
        volume_type_ids: list[str],
    ) -> None:
        found = _refreshed_backend(database, settings, drivers, placement, host)
        with database.read() as session:
            (request,) = _placement_requests(session, resource_id, volume_type_ids, 0, availability_zone)
        placement.choose_for_volume([found] if found else [], request)


def _parse_required_level(level: str | None) -> CutLevel:
    """Return the level that a flow demands; ``crash`` for flows accepted before levels existed."""
    return CutLevel.CRASH if level is None else CutLevel(level)


def _refreshed_backend(
    database: Database, settings: Settings, drivers: Drivers, placement: Placement, host: str
) -> Backend | None:
    """Return a backend with a report that is not too old; None if the backend is unknown."""
    known = refresh_stale_reports(database, settings, drivers, placement, host)
    return next((one for one in known if one.name == host), None)


def _placement_requests(
    session: Session, resource_id: str, type_ids: list[str], size: int, zone: str | None
) -> list[PlacementRequest]:
    """Return one request for each volume type, or one without a type if there is none."""
    now = clock.now()
    counts = backend.volume_counts(session)
    untyped = PlacementRequest(
        id=resource_id, now=now, size_gib=size, availability_zone=zone, volume_counts=counts
    )
    types = [volume_type.get(session, type_id) for type_id in type_ids]
    typed = [
        replace(
            untyped,
            volume_type=found.name,
            extra_specs=found.extra_specs,
            qos_specs=qos_spec.find_for_type(session, found),
        )
        for found in types
    ]
    return typed or [untyped]
