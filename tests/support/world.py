"""A complete service on one backend, and checks of its rows, quota, claims and inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from cgflow import config, records
from cgflow.context import RequestContext
from cgflow.db.database import Database
from cgflow.db.models import QuotaUsage, VolumeType
from cgflow.db.repositories import flow as flows
from cgflow.db.repositories import volume_type
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.drivers.contract import StorageDriver, VolumeSpec
from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.quota import limits
from cgflow.status import FlowState
from flows.acceptance import Accepted, new_id
from flows.audit.run import audit
from flows.auto_compaction import accept_compaction
from flows.cgsnapshot import accept as cgsnapshots
from flows.consistencygroup import accept as groups
from flows.consistencygroup import accept_change as group_changes
from flows.service import Service
from flows.snapshot import accept as snapshots
from flows.volume import accept as volumes
from flows.volume import accept_change
from tests.support import volume_content
from tests.support.database_schema import migrate
from tests.support.flow_end import await_end

HOST = "here@memory"
CALLER = RequestContext(user_id="user", project_id="project", request_id="req-test", is_admin=True)


class World:
    """A started service. Its methods run the usual operations and wait for their flows."""

    patience_s = 60

    def __init__(self, service: Service, database: Database, driver: StorageDriver) -> None:
        self.service = service
        self.runtime = service.runtime
        self.database = database
        self.driver = driver

    def type(self, name: str = "fast", **extra_specs: str) -> str:
        with self.database.write() as session:
            return volume_type.create(
                session, id=new_id(), name=name, description=None, is_public=True, extra_specs=extra_specs
            ).id

    def types(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(VolumeType.name)))

    def quota(self, **numbers: int) -> None:
        with self.database.write() as session:
            limits.set_limits(session, CALLER.project_id, numbers)

    def accept_group(self, *types: str) -> Accepted:
        return groups.create(
            self.runtime,
            CALLER,
            name="group",
            description=None,
            volume_types=list(types or ["fast"]),
            availability_zone=None,
        )

    def accept_volume(
        self,
        group_id: str | None = None,
        *,
        size: int | None = 1,
        kind: str | None = "fast",
        snapshot_id: str | None = None,
        source_volid: str | None = None,
    ) -> Accepted:
        return volumes.create(
            self.runtime,
            CALLER,
            size=size,
            name="volume",
            description=None,
            volume_type=kind,
            consistencygroup_id=group_id,
            availability_zone=None,
            metadata={},
            snapshot_id=snapshot_id,
            source_volid=source_volid,
        )

    def accept_snapshot(self, volume_id: str, *, force: bool = False) -> Accepted:
        return snapshots.create(
            self.runtime, CALLER, volume_id=volume_id, name="snapshot", description=None, force=force
        )

    def delete_snapshot(self, snapshot_id: str) -> Accepted:
        return snapshots.delete(self.runtime, CALLER, snapshot_id)

    def accept_cgsnapshot(self, group_id: str, level: CutLevel | None = None) -> Accepted:
        return cgsnapshots.create(
            self.runtime,
            CALLER,
            consistencygroup_id=group_id,
            name="cgsnapshot",
            description=None,
            level=level,
        )

    def delete_cgsnapshot(self, cgsnapshot_id: str) -> Accepted:
        return cgsnapshots.delete(self.runtime, CALLER, cgsnapshot_id)

    def delete_group(self, group_id: str, *, force: bool = True) -> Accepted:
        return groups.delete(self.runtime, CALLER, group_id, force=force)

    def delete_volume(self, volume_id: str, *, cascade: bool = False) -> Accepted:
        return volumes.delete(self.runtime, CALLER, volume_id, cascade=cascade)

    def update_group(self, group_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Accepted:
        accepted = group_changes.update(
            self.runtime,
            CALLER,
            group_id,
            name=None,
            description=None,
            add_volumes=list(add),
            remove_volumes=list(remove),
        )
        assert accepted is not None
        return accepted

    def group_from(self, *, cgsnapshot: str | None = None, group: str | None = None) -> Accepted:
        return groups.create_from(
            self.runtime, CALLER, name="copy", description=None, cgsnapshot_id=cgsnapshot, source_cgid=group
        )

    def revert_group(self, cgsnapshot_id: str, *, safety: str | None = None) -> Accepted:
        group_id = self.get("cgsnapshot", cgsnapshot_id).consistencygroup_id
        return group_changes.revert(
            self.runtime,
            CALLER,
            group_id,
            cgsnapshot_id=cgsnapshot_id,
            safety=None if safety is None else {"name": safety},
        )

    def extend(self, volume_id: str, new_size: int) -> Accepted:
        return accept_change.extend(self.runtime, CALLER, volume_id, new_size=new_size)

    def retype(self, volume_id: str, new_type: str) -> Accepted:
        return accept_change.retype(self.runtime, CALLER, volume_id, new_type=new_type)

    def revert(self, volume_id: str, snapshot_id: str) -> Accepted:
        return accept_change.revert(self.runtime, CALLER, volume_id, snapshot_id=snapshot_id)

    def compact(self, volume_id: str) -> Accepted:
        found = self.get("volume", volume_id)
        accepted = accept_compaction(self.runtime, found.host, found.spec())
        assert accepted is not None
        return accepted

    def finish(self, accepted: Accepted) -> records.Flow:
        """Wait for the flow to end and return its record."""
        await_end(self.runtime, accepted.flow_id, self.patience_s)
        with self.database.read() as session:
            return flows.get(session, accepted.flow_id, None)

    def make(self, accepted: Accepted) -> str:
        """Wait for the flow to succeed and return the id of the created resource."""
        flow = self.finish(accepted)
        assert flow.state is FlowState.SUCCESS, flow.reason
        return accepted.resource_id

    def group_of(self, members: int) -> str:
        """Create a type, a group and its members; return the group's id."""
        self.type()
        group_id = self.make(self.accept_group())
        for accepted in [self.accept_volume(group_id) for _ in range(members)]:
            self.make(accepted)
        return group_id

    def old_group_of(self, members: int) -> str:
        """Create a group whose members are written directly, because operations would take too long."""
        group_id = self.make(self.accept_group())
        group = self.get("consistencygroup", group_id)
        common = {
            "user_id": CALLER.user_id,
            "project_id": CALLER.project_id,
            "status": "available",
            "consumes_quota": True,
            "size": 1,
            "availability_zone": group.availability_zone,
            "host": group.host,
            "consistencygroup_id": group_id,
            "volume_metadata": {},
        }
        rows = [{**common, "id": new_id(), "name": f"v{number}"} for number in range(members)]
        for row in rows:
            self.driver.create_volume(VolumeSpec(str(row["id"]), 1, group_id))
        with self.database.write() as session:
            REPOSITORIES["volume"].add(session, *rows)
        return group_id

    def get(self, noun: str, id: str) -> Any:
        with self.database.read() as session:
            return REPOSITORIES[noun].get(session, id, None)

    def all(self, noun: str) -> list[Any]:
        with self.database.read() as session:
            return REPOSITORIES[noun].list_where(session)

    # Checks

    def usage(self) -> dict[str, int]:
        """Return the quota usage of the project, without zeros."""
        with self.database.read() as session:
            rows = session.execute(select(QuotaUsage.resource, QuotaUsage.in_use)).all()
        return {resource: in_use for resource, in_use in rows if in_use}

    def state(self) -> dict[str, Any]:
        """Return everything that an operation may change, as comparable values, without error records."""
        things = {
            f"{noun} {thing.id}": tuple(
                getattr(thing, name, None)
                for name in ("status", "size", "host", "volume_type_id", "consistencygroup_id")
            )
            for noun in REPOSITORIES
            for thing in self.all(noun)
            if thing.status != "error"
        }
        return {
            "things": things,
            "usage": self.usage(),
            "inventory": self.driver.inventory(),
            "content": volume_content.read_all_volumes(self.driver),
        }

    def faults(self) -> list[str]:
        """Return every inconsistency that must not exist while no flow is running."""
        wrong = [str(finding) for finding in audit(self.runtime).findings]
        for noun in REPOSITORIES:
            wrong += [f"{noun} {t.id} is held by {t.claimed_by}" for t in self.all(noun) if t.claimed_by]
            wrong += [
                f"{noun} {t.id} rests in {t.status}"
                for t in self.all(noun)
                if t.status not in ("available", "error", "error_deleting")
            ]
            wrong += [
                f"{noun} {t.id} is in error and gives no reason"
                for t in self.all(noun)
                if t.status in ("error", "error_deleting") and not t.reason
            ]
        return wrong


def await_flow_reason(w: World, flow_id: str) -> str:
    """Wait until a flow has recorded why it does not progress, and return that reason."""
    for _ in range(600):
        with w.database.read() as session:
            reason = flows.get(session, flow_id, None).reason
        if reason:
            return reason
        w.runtime.event_signal.wait(flow_id, 9999, 0.05)
    raise AssertionError(f"flow {flow_id} says nothing")


@contextmanager
def world(
    path: Path,
    driver: StorageDriver,
    *,
    host: str = HOST,
    others: Mapping[str, StorageDriver] = MappingProxyType({}),
    url: str | None = None,
    scheduler: Mapping[str, object] = MappingProxyType({}),
    **options: object,
) -> Iterator[World]:
    """Run a service on this driver with the state in ``path``, or at ``url``; may continue an earlier one.

    ``others`` are further backends by name. ``options`` are those of the configuration, ``scheduler``
    those of that section.
    """
    url = url or f"sqlite:///{path / 'cgflow.db'}"
    migrate(url)
    conf = config.load_config([])
    for name, value in options.items():
        conf.set_override(name, value)
    for name, value in scheduler.items():
        conf.set_override(name, value, group="scheduler")
    database = Database(url)
    service = Service(conf, database, {host: driver, **others})
    service.start()
    try:
        yield World(service, database, driver)
    finally:
        service.stop()
