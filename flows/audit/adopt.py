"""Adoption: create records for objects that only a backend has, for example after a database restore.

A backend reports ids, sizes, groups and cuts. Names and owners are taken from the deleted record of
an object if it has one. Otherwise the operator specifies the project and the volume type. Adoption
is one transaction, in which it is verified that no record or flow knows the object by now.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.audit import database_snapshot
from cgflow.audit.database_snapshot import DatabaseSnapshot
from cgflow.audit.findings import Finding
from cgflow.context import RequestContext
from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume, volume_type
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.drivers.contract import GroupSnapshots, SnapshotSpec
from cgflow.errors import DriverError, InvalidInput, InvalidState, NotFound
from cgflow.quota import usage
from cgflow.quota.deltas import charge_of
from cgflow.records import VolumeType
from cgflow.status import Status
from flows.runtime import Runtime

LOG = logging.getLogger(__name__)

ADOPT = "adopt"
GIB = 1024**3

ORDER = ("group.orphan", "volume.orphan", "snapshot.orphan")
"""The kinds of findings that can be adopted, in the order in which their records refer to each other."""

Outcome = dict[str, str | None]
"""Maps the id of a finding to None if it is adopted, or to the reason why it is not."""


@dataclass(frozen=True)
class AdoptionTarget:
    """The project and the volume type of adopted resources. The type is a name or an id."""

    project_id: str
    volume_type: str | None = None


def adopt(
    runtime: Runtime, context: RequestContext, findings: Collection[Finding], target: AdoptionTarget
) -> Outcome:
    """Create records for these findings, and return the outcome of each.

    Raises: InvalidInput, if the volume type does not exist; then nothing is adopted.
    """
    sizes, refused = _read_snapshot_sizes(runtime, findings)
    ordered = sorted(
        (one for one in findings if one.id not in refused), key=lambda one: ORDER.index(one.code)
    )
    if not ordered:
        return dict(refused)
    with runtime.database.write() as session:
        kind = _find_volume_type(session, target.volume_type)
        usage.lock_all_projects(session)
        adoption = _Adoption(
            runtime, context, session, target, kind, sizes, database_snapshot.read_database(session)
        )
        outcome = {**refused, **dict(adoption.adopt(ordered))}
    for one in ordered:
        if outcome[one.id] is None:
            LOG.warning("adopted by %s: %s", context.user_id, one)
    return outcome


def _find_volume_type(session: Session, named: str | None) -> VolumeType | None:
    if named is None:
        return None
    try:
        return volume_type.find(session, named)
    except NotFound as error:
        raise InvalidInput(error.message, "volume_type") from None


def _read_snapshot_sizes(runtime: Runtime, findings: Collection[Finding]) -> tuple[dict[str, int], Outcome]:
    """Return the sizes of snapshots in GiB as the backends report them, and why some cannot be adopted.

    The size of the volume does not suffice: the volume may have grown since the cut.
    """
    sizes: dict[str, int] = {}
    refused: Outcome = {}
    for one in findings:
        if one.code != "snapshot.orphan":
            continue
        facts, driver = one.facts, runtime.drivers[str(one.host)]
        if facts.get("cgsnapshot_id") is None or not isinstance(driver, GroupSnapshots):
            refused[one.id] = "The backend does not report which cut made the snapshot, or it was never cut."
            continue
        spec = SnapshotSpec(one.subject, facts["volume_id"], facts["cgsnapshot_id"], facts["group_id"])
        try:
            sizes[one.subject] = -(-int(str(driver.snapshot(spec)["size_bytes"])) // GIB)
        except (DriverError, KeyError) as error:
            refused[one.id] = f"The backend does not confirm the snapshot: {error}"
    return sizes, refused


class _Adoption:
    """One transaction that adopts findings."""

    def __init__(
        self,
        runtime: Runtime,
        context: RequestContext,
        session: Session,
        target: AdoptionTarget,
        kind: VolumeType | None,
        sizes: Mapping[str, int],
        rows: DatabaseSnapshot,
    ) -> None:
        self._settings = runtime.settings
        self._context = context
        self._session = session
        self._target = target
        self._kind = kind
        self._sizes = sizes
        self._known = rows.resources.keys() | frozenset().union(
            *(flow.names for flow in rows.open_flows.values())
        )
        self._cuts: dict[str, int | None] = {}

    def adopt(self, ordered: Collection[Finding]) -> Iterator[tuple[str, str | None]]:
        """Adopt the findings in this order; yield the outcome of each."""
        for one in ordered:
            if one.subject in self._known:
                yield one.id, "The finding no longer holds. Audit again."
                continue
            try:
                match one.code:
                    case "group.orphan":
                        self._adopt_group(one)
                    case "volume.orphan":
                        self._adopt_volume(one)
                    case _:
                        self._adopt_snapshot(one)
            except InvalidState as refusal:
                yield one.id, refusal.message
            else:
                yield one.id, None
        for cut_id, members in self._cuts.items():
            self._mark_if_incomplete(cut_id, members)

    def _adopt_group(self, finding: Finding) -> None:
        if self._undelete("consistencygroup", finding.subject):
            return
        if self._kind is None:
            raise InvalidState("A consistency group needs a volume type. Name one, then repeat the repair.")
        consistencygroup.add(
            self._session,
            [self._kind.id],
            **self._common_columns(finding),
            **self._placement_columns(finding),
        )
        self._charge_quota("consistencygroup", self._target.project_id, 0, None)

    def _adopt_volume(self, finding: Finding) -> None:
        size, group_id = finding.facts.get("size"), finding.facts.get("group_id")
        if size is None:
            raise InvalidState("The backend does not report its size.")
        group = self._get_living_group(group_id)
        if self._undelete("volume", finding.subject, consistencygroup_id=group_id, size=size):
            return
        kind_id = self._kind.id if self._kind is not None else None
        project_id = self._target.project_id
        if group is not None:
            project_id = group.project_id
            if kind_id not in group.volume_type_ids:
                # A member has a type of its group. The requested type is for volumes without a group.
                kind_id = group.volume_type_ids[0]
        columns = {
            **self._common_columns(finding),
            **self._placement_columns(finding),
            "project_id": project_id,
        }
        volume.REPOSITORY.add(
            self._session,
            {**columns, "size": size, "volume_type_id": kind_id, "consistencygroup_id": group_id},
        )
        created = volume.get(self._session, finding.subject, None)
        self._charge_quota("volume", project_id, size, created.volume_type_name)

    def _adopt_snapshot(self, finding: Finding) -> None:
        facts, size = finding.facts, self._sizes[finding.subject]
        parent = volume.lock_if_living(self._session, facts["volume_id"])
        if parent is None:
            raise InvalidState(f"Its volume {facts['volume_id']} has no record. Adopt the volume as well.")
        cut_id = facts["cgsnapshot_id"] if facts["cgsnapshot_id"] != finding.subject else None
        if cut_id is not None:
            self._ensure_cgsnapshot(finding, cut_id, parent.project_id)
        if self._undelete("snapshot", finding.subject, size=size, cgsnapshot_id=cut_id):
            return
        columns = {
            **self._common_columns(finding),
            "project_id": parent.project_id,
            "volume_id": parent.id,
            "size": size,
        }
        columns |= {"cgsnapshot_id": cut_id, "volume_type_id": parent.volume_type_id, "progress": "100%"}
        columns["consistencygroup_id"] = facts["group_id"] if cut_id is not None else None
        snapshot.REPOSITORY.add(self._session, columns)
        self._charge_quota("snapshot", parent.project_id, size, parent.volume_type_name)

    def _ensure_cgsnapshot(self, finding: Finding, cut_id: str, project_id: str) -> None:
        """Ensure that the cut of a snapshot has a record."""
        group_id, members = finding.facts["group_id"], finding.facts["cut_members"]
        if self._get_living_group(group_id) is None:
            raise InvalidState(
                f"It belongs to cgsnapshot {cut_id}, but its volume is in no consistency group."
            )
        self._cuts[cut_id] = members
        if cgsnapshot.find(self._session, cut_id) is not None or self._undelete("cgsnapshot", cut_id):
            return
        evidence = {"members": members} if members is not None else None
        columns = {**self._common_columns(finding), "id": cut_id, "project_id": project_id}
        cgsnapshot.REPOSITORY.add(
            self._session, {**columns, "consistencygroup_id": group_id, "evidence": evidence}
        )

    def _mark_if_incomplete(self, cut_id: str, members: int | None) -> None:
        """Set a cgsnapshot to ``error`` if it has fewer snapshots now than were cut."""
        existing = len(snapshot.of_cgsnapshot(self._session, cut_id))
        known = cgsnapshot.find(self._session, cut_id)
        if known is None or known.claimed_by is not None or members is None or existing >= members:
            return
        reason = f"It was adopted with {existing} of the {members} snapshots that were cut."
        cgsnapshot.REPOSITORY.update_unclaimed(
            self._session, cut_id, status=Status.ERROR.value, reason=reason
        )

    def _get_living_group(self, group_id: str | None) -> Any:
        if group_id is None:
            return None
        try:
            return consistencygroup.get(self._session, group_id, None)
        except NotFound:
            raise InvalidState(
                f"It is in consistency group {group_id}, which has no record. Adopt the group as well."
            ) from None

    def _undelete(self, noun: str, id_: str, **columns: object) -> bool:
        """Restore a deleted record with its columns, if there is one; return whether there was."""
        rest = {"status": Status.AVAILABLE.value, "reason": None, "claimed_by": None}
        if not REPOSITORIES[noun].undelete(self._session, id_, **rest, **columns):
            return False
        restored = REPOSITORIES[noun].get(self._session, id_, None)
        kind = getattr(restored, "volume_type_name", None)
        self._charge_quota(noun, restored.project_id, getattr(restored, "size", 0), kind)
        return True

    def _common_columns(self, finding: Finding) -> dict[str, Any]:
        return {
            "id": finding.subject,
            "project_id": self._target.project_id,
            "user_id": self._context.user_id,
            "name": None,
            "description": f"Adopted from backend {finding.host}.",
            "status": Status.AVAILABLE.value,
            "consumes_quota": True,
            "created_at": clock.now(),
        }

    def _placement_columns(self, finding: Finding) -> dict[str, Any]:
        return {"host": finding.host, "availability_zone": self._settings.storage_availability_zone}

    def _charge_quota(self, noun: str, project_id: str, size: int, type_name: str | None) -> None:
        """Charge a resource to the quota, even above the limit, because it exists."""
        deltas = charge_of(noun, size, type_name, no_snapshot_gb_quota=self._settings.no_snapshot_gb_quota)
        usages = usage.read(self._session, project_id, list(deltas))
        for resource, delta in deltas.items():
            usage.add_in_use(usages, project_id, resource, delta)
        usage.write(self._session, project_id, usages)
