"""Findings of an audit: all kinds, with their meaning and their repair, and single findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cgflow.audit.database_snapshot import Row


class RepairMethod(StrEnum):
    """How a kind is repaired: in the records, by a flow on the backend, by resuming a flow, or by hand."""

    RECORDS = "records"
    REMOVAL = "removal"
    CONFORMING = "conforming"
    RESUMING = "resuming"
    BY_HAND = "by hand"


@dataclass(frozen=True)
class FindingKind:
    """One kind of finding. ``code`` is stable; ``means`` and ``repair`` are sentences for people."""

    code: str
    noun: str
    means: str
    repair: str
    repair_method: RepairMethod
    is_safe: bool = True

    @property
    def is_repairable(self) -> bool:
        """Whether the audit can repair it."""
        return self.repair_method is not RepairMethod.BY_HAND


def _index_by_code(*kinds: FindingKind) -> dict[str, FindingKind]:
    return {kind.code: kind for kind in kinds}


_RECORDS, _REMOVAL, _CONFORMING = RepairMethod.RECORDS, RepairMethod.REMOVAL, RepairMethod.CONFORMING
_BY_HAND = RepairMethod.BY_HAND

KINDS = _index_by_code(
    FindingKind(
        "volume.missing",
        "volume",
        "The record says that the volume is on the backend, but the backend does not have it. Its data is "
        "missing.",
        "The record is set to error, with the reason. Then delete the volume. If the data returns, reset "
        "the status with cgflow volume reset-status. Until then the volume counts against the quota.",
        _RECORDS,
    ),
    FindingKind(
        "volume.orphan",
        "volume",
        "The backend has a volume that no record knows. It takes space and cannot be used.",
        "The volume is removed from the backend, and its data is lost. Or the volume is adopted, which "
        "creates its record again.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "volume.smaller",
        "volume",
        "The volume on the backend is smaller than its record and its quota.",
        "The volume on the backend is extended to the size of the record.",
        _CONFORMING,
    ),
    FindingKind(
        "volume.larger",
        "volume",
        "The volume on the backend is larger than its record and its quota.",
        "The record gets the size on the backend. The quota counts it, even above the limit. No volume is "
        "ever made smaller.",
        _RECORDS,
    ),
    FindingKind(
        "volume.elsewhere",
        "volume",
        "The volume is in another consistency group on the backend than by its record, so it is not cut "
        "together with the members of its group.",
        "The backend moves the volume to the group of the record. The repair is refused while a "
        "cgsnapshot of another group has a snapshot of the volume, because that group would lose it.",
        _CONFORMING,
    ),
    FindingKind(
        "volume.group_gone",
        "volume",
        "The record names a consistency group that is deleted, so the volume can neither be cut nor deleted.",
        "The backend moves the volume out of the group if it is still there. The record names no group "
        "any more.",
        _CONFORMING,
    ),
    FindingKind(
        "volume.unoffered",
        "volume",
        "The volume awaits a transfer that does not exist any more, so no project can accept it.",
        "The record is set to available.",
        _RECORDS,
    ),
    FindingKind(
        "volume.given_up",
        "volume",
        "The record is in error and consumes no quota, because the creation was undone or abandoned, but "
        "the backend has the volume.",
        "Delete the volume (cgflow volume delete). This also removes it from the backend.",
        _BY_HAND,
    ),
    FindingKind(
        "group.missing",
        "consistencygroup",
        "The record says that the consistency group is on the backend, but the backend does not have it. "
        "No member can be created in it.",
        "The backend creates the group again, empty.",
        _CONFORMING,
    ),
    FindingKind(
        "group.orphan",
        "consistencygroup",
        "The backend has a consistency group that no record knows.",
        "The group is removed from the backend. The repair is refused while the group has volumes; remove "
        "those first. Or the group is adopted, which creates its record again.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "group.given_up",
        "consistencygroup",
        "The record is in error and consumes no quota, because the creation was undone or abandoned, but "
        "the backend has the consistency group.",
        "Delete the group (cgflow group delete --force). This also removes it from the backend.",
        _BY_HAND,
    ),
    FindingKind(
        "snapshot.missing",
        "snapshot",
        "The record says that the snapshot is on the backend, but the backend does not have it. Its data "
        "is missing.",
        "The record is set to error, with the reason, and so is its cgsnapshot, which is incomplete. Then "
        "delete the cgsnapshot. If the data returns, reset the status of both with reset-status.",
        _RECORDS,
    ),
    FindingKind(
        "snapshot.orphan",
        "snapshot",
        "The backend has a snapshot that no record knows. It takes space, and its volume cannot be deleted.",
        "The snapshot is removed from the backend, and its data is lost. Or the snapshot is adopted, "
        "which creates its record again, and that of its cgsnapshot.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "snapshot.given_up",
        "snapshot",
        "The record is in error and consumes no quota, because the creation was undone or abandoned, but "
        "the backend has the snapshot.",
        "Delete the snapshot (cgflow snapshot delete) or its cgsnapshot. This also removes it from the "
        "backend.",
        _BY_HAND,
    ),
    FindingKind(
        "snapshot.exported",
        "snapshot",
        "The backend exports a snapshot that may not be read by its record.",
        "The export is removed, and its clients are disconnected. The snapshot is kept.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "snapshot.cgsnapshot_gone",
        "snapshot",
        "The record names a cgsnapshot that is deleted. The snapshot consumes quota, and its volume "
        "cannot be deleted.",
        "The record of the cgsnapshot is restored, in error with the reason. Then delete the cgsnapshot "
        "with its snapshots. If all snapshots exist, reset its status with cgflow cgsnapshot reset-status "
        "instead. If its consistency group is deleted too, delete the snapshot alone.",
        _RECORDS,
    ),
    FindingKind(
        "cgsnapshot.incomplete",
        "cgsnapshot",
        "The cgsnapshot is available, but has fewer snapshots than members were cut: it is not all or "
        "nothing.",
        "The record is set to error, with the reason. The snapshots that exist are kept until the "
        "cgsnapshot is deleted.",
        _RECORDS,
    ),
    FindingKind(
        "restore.kept",
        "volume",
        "The backend keeps the content that a volume had before a restore, for a flow that has ended. "
        "Until this is resolved, the volume cannot be extended, cut or moved.",
        "If the flow succeeded, the earlier content is deleted. Otherwise it is put back into the volume, "
        "and later writes are lost.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "status.passing",
        "",
        "The resource has a transitional status, which only a flow leaves, but no flow is changing it.",
        "The status at rest is set: error if the resource was being created, error_deleting if it was "
        "being deleted, otherwise available.",
        _RECORDS,
    ),
    FindingKind(
        "claim.left",
        "",
        "A flow that has ended still holds a claim on the resource, so every operation on it is refused "
        "as busy.",
        "The claim is released. If the status is transitional, the status at rest is set.",
        _RECORDS,
    ),
    FindingKind(
        "quota.usage",
        "quota",
        "The usage differs from the total of the records.",
        "The usage is set to the total of the records.",
        _RECORDS,
    ),
    FindingKind(
        "quota.reserved",
        "quota",
        "The reserved quota differs from the total of the reservations.",
        "The reserved quota is set to the total of the reservations.",
        _RECORDS,
    ),
    FindingKind(
        "reservation.left",
        "reservation",
        "Quota is reserved for a flow that has ended.",
        "The reservation is cancelled.",
        _RECORDS,
    ),
    FindingKind(
        "attachment.volume_gone",
        "attachment",
        "The attachment is of a volume that is deleted.",
        "The attachment is ended.",
        _RECORDS,
    ),
    FindingKind(
        "transfer.not_waiting",
        "transfer",
        "The transfer offers a volume that is deleted or does not await a transfer.",
        "The transfer is ended.",
        _RECORDS,
    ),
    FindingKind(
        "flow.standing",
        "flow",
        "The flow has not ended, and no conductor is running it.",
        "The flow is resumed, as by cgflow flow resume.",
        RepairMethod.RESUMING,
    ),
    FindingKind(
        "flow.unknown",
        "flow",
        "The flow has not ended, and this build does not have its operation, or has another version of it.",
        "Start the release that began the flow once more, so that the flow can end.",
        _BY_HAND,
    ),
    FindingKind(
        "flow.undo_failed",
        "flow",
        "The undo of the flow failed. Its claims are kept until it is undone.",
        "Remove the cause. The undo is retried automatically for half an hour. After that retry it, skip "
        "a step, or abandon the flow. cgflow flow show lists what is left.",
        _BY_HAND,
    ),
    FindingKind(
        "flow.failing",
        "flow",
        "The flow has committed its change, so it is not undone. A later step fails and is retried.",
        "Remove the cause, which the reason of the flow names. The step is retried automatically. Or "
        "abandon the flow; its remaining work is then not done.",
        _BY_HAND,
    ),
    FindingKind(
        "backend.problem",
        "backend",
        "The backend has something that it cannot read or serve. Meanwhile, nothing on it is reported as "
        "missing.",
        "Repair what the problem names. If that is not possible, delete the volume with its snapshots; if "
        "no volume is named, restart the service. Volumes that are served are not affected.",
        _BY_HAND,
    ),
    FindingKind(
        "backend.unreachable",
        "backend",
        "The backend did not report its inventory, so nothing on it was compared.",
        "Repair the backend, then audit again.",
        _BY_HAND,
    ),
    FindingKind(
        "backend.unknown",
        "backend",
        "Records are on a backend that no service has ever reported.",
        "Configure the backend under this name again, or restore the database that belongs to this service.",
        _BY_HAND,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference. ``code`` and ``subject`` together identify it, the same in every audit.

    ``message`` is a sentence with the values that differ; ``host`` is the backend, None for
    differences within the database. ``row`` is the record as it was read, and ``facts`` has further
    values for the repair.
    """

    code: str
    subject: str
    message: str
    noun: str
    name: str | None = None
    host: str | None = None
    row: Row | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of the finding, such as ``volume.orphan:<id>``."""
        return f"{self.code}:{self.subject}"

    @property
    def kind(self) -> FindingKind:
        """The kind of the finding."""
        return KINDS[self.code]

    def __str__(self) -> str:
        return f"{self.id}: {self.message}"


def finding_about_row(code: str, row: Row, message: str, *, noun: str | None = None, **facts: Any) -> Finding:
    """Return a finding about a record."""
    return Finding(
        code=code,
        subject=row.id,
        message=message,
        noun=noun or row.noun,
        name=row.name,
        host=row.host,
        row=row,
        facts=facts,
    )
