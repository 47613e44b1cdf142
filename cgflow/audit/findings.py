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


def _kinds(*kinds: FindingKind) -> dict[str, FindingKind]:
    return {kind.code: kind for kind in kinds}


_RECORDS, _REMOVAL, _CONFORMING = RepairMethod.RECORDS, RepairMethod.REMOVAL, RepairMethod.CONFORMING
_BY_HAND = RepairMethod.BY_HAND

KINDS = _kinds(
    FindingKind(
        "volume.missing",
        "volume",
        "Its record says that it is on the backend, which does not have it: its data is not there.",
        "The record goes to error with the reason. Then delete it, or should the data come back say so with "
        "cgflow volume reset-status; until then it counts.",
        _RECORDS,
    ),
    FindingKind(
        "volume.orphan",
        "volume",
        "The backend has a volume that no record knows. It takes room, and nobody can name it.",
        "The volume is removed from the backend, and its data is gone. Or it is adopted: it becomes a record "
        "again.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "volume.smaller",
        "volume",
        "The backend's volume is smaller than its record and the quota say.",
        "The backend's volume is extended to the size of the record.",
        _CONFORMING,
    ),
    FindingKind(
        "volume.larger",
        "volume",
        "The backend's volume is larger than its record and the quota say.",
        "The record takes the backend's size over, and the quota counts it, past the limit if need be. "
        "Nothing is ever made smaller.",
        _RECORDS,
    ),
    FindingKind(
        "volume.elsewhere",
        "volume",
        "The backend has the volume in another consistency group than its record says, so that it is not cut "
        "with the members it belongs to.",
        "The backend moves it to the group of the record. Refused while a cgsnapshot of another group has a "
        "copy of it, which would be lost to that.",
        _CONFORMING,
    ),
    FindingKind(
        "volume.group_gone",
        "volume",
        "Its record names a consistency group that is deleted, so that it can neither be cut nor deleted.",
        "The backend moves it out of the group's place if it is still there, and the record names no group.",
        _CONFORMING,
    ),
    FindingKind(
        "volume.unoffered",
        "volume",
        "It waits for a transfer that does not stand any more, so that nobody can take it.",
        "The record goes back to available.",
        _RECORDS,
    ),
    FindingKind(
        "volume.given_up",
        "volume",
        "Its record is in error and counts nothing, for it was undone or given up, and the backend has "
        "the volume all the same.",
        "Delete it (cgflow volume delete): that removes what the backend has.",
        _BY_HAND,
    ),
    FindingKind(
        "group.missing",
        "consistencygroup",
        "Its record says that it is on the backend, where there is no place for its members: no member can "
        "be made in it.",
        "The backend makes the place again, empty.",
        _CONFORMING,
    ),
    FindingKind(
        "group.orphan",
        "consistencygroup",
        "The backend has the place of a consistency group that no record knows.",
        "The place is removed from the backend. One that holds volumes is refused: remove those first. Or it "
        "is adopted: it becomes a record again.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "group.given_up",
        "consistencygroup",
        "Its record is in error and counts nothing, for it was undone or given up, and the backend has "
        "the place of the consistency group all the same.",
        "Delete it (cgflow group delete --force): that removes what the backend has.",
        _BY_HAND,
    ),
    FindingKind(
        "snapshot.missing",
        "snapshot",
        "Its record says that there is a copy, which the backend does not have: its data is not there.",
        "The record goes to error with the reason, and with it the cgsnapshot that it is of, which is not "
        "whole. Then delete that, or should the data come back say so of both with reset-status.",
        _RECORDS,
    ),
    FindingKind(
        "snapshot.orphan",
        "snapshot",
        "The backend has a copy that no record knows. It takes room, and its volume cannot be deleted.",
        "The copy is removed from the backend, and its data is gone. Or it is adopted: it becomes a record "
        "again, and with it the cgsnapshot that it is of.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "snapshot.given_up",
        "snapshot",
        "Its record is in error and counts nothing, for it was undone or given up, and the backend has "
        "the snapshot all the same.",
        "Delete it (cgflow snapshot delete, or that of its cgsnapshot): that removes what the backend has.",
        _BY_HAND,
    ),
    FindingKind(
        "snapshot.exported",
        "snapshot",
        "The backend lets a copy be read whose record says that it may not be.",
        "The address is withdrawn, and who reads it is disconnected. The copy stays.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "snapshot.cgsnapshot_gone",
        "snapshot",
        "Its record names a cgsnapshot that is deleted: it counts, and its volume cannot be deleted, for a "
        "point in time that nobody sees any more.",
        "The record of the cgsnapshot comes back, in error with the reason. Then delete it with its copies, "
        "or if all are there say so with cgflow cgsnapshot reset-status. Where its consistency group is gone "
        "too, delete the copy alone.",
        _RECORDS,
    ),
    FindingKind(
        "cgsnapshot.incomplete",
        "cgsnapshot",
        "It is available, and has fewer copies of members than were cut: it is not all or nothing.",
        "The record goes to error with the reason. The copies that are left stay, and go with it.",
        _RECORDS,
    ),
    FindingKind(
        "restore.kept",
        "volume",
        "The backend keeps aside what a volume held before it was put back to a snapshot, for a flow that "
        "has ended. Until that is settled it can not be resized, cut or moved.",
        "If the flow had succeeded, what was kept is forgotten; otherwise it is put back, and what was "
        "written since is lost.",
        _REMOVAL,
        is_safe=False,
    ),
    FindingKind(
        "status.passing",
        "",
        "It passes through a status that only a flow leaves, and no flow is at work on it.",
        "The record comes to rest: what was being made is in error, what was being deleted in "
        "error_deleting, what was being changed is available as it was.",
        _RECORDS,
    ),
    FindingKind(
        "claim.left",
        "",
        "It is held by a flow that has ended, so that every operation on it is refused as busy.",
        "It is let go, and comes to rest if it was passing through something.",
        _RECORDS,
    ),
    FindingKind(
        "quota.usage",
        "quota",
        "What is counted as in use is not what the records count together.",
        "What the records count is written down.",
        _RECORDS,
    ),
    FindingKind(
        "quota.reserved",
        "quota",
        "What is counted as reserved is not what the reservations hold together.",
        "What the reservations hold is written down.",
        _RECORDS,
    ),
    FindingKind(
        "reservation.left",
        "reservation",
        "Quota is reserved for a flow that has ended.",
        "The reservation is given back.",
        _RECORDS,
    ),
    FindingKind(
        "attachment.volume_gone",
        "attachment",
        "A volume that is deleted counts as attached.",
        "The attachment ends.",
        _RECORDS,
    ),
    FindingKind(
        "transfer.not_waiting",
        "transfer",
        "A volume is on offer that is deleted, or that does not wait for a transfer.",
        "The offer ends.",
        _RECORDS,
    ),
    FindingKind(
        "flow.standing",
        "flow",
        "The flow has not ended, and no conductor is at work on it.",
        "It is taken up again, as by cgflow flow resume.",
        RepairMethod.RESUMING,
    ),
    FindingKind(
        "flow.unknown",
        "flow",
        "The flow has not ended, and this build has no such operation, or has it in another version.",
        "Start the release that began it once more, so that the flow can end.",
        _BY_HAND,
    ),
    FindingKind(
        "flow.undo_failed",
        "flow",
        "Undoing the flow has failed; what it holds stays held until it is undone.",
        "Mend the cause. It is tried again by itself for half an hour; after that retry it, skip a step, or "
        "abandon it. See what is left with cgflow flow show.",
        _BY_HAND,
    ),
    FindingKind(
        "flow.failing",
        "flow",
        "The flow has committed its change, so it is not undone; what follows fails and is tried again.",
        "Mend the cause, which its reason names; it is tried again by itself. Or abandon the flow: what is "
        "left then stays.",
        _BY_HAND,
    ),
    FindingKind(
        "backend.problem",
        "backend",
        "The backend has something that it cannot read or serve. While it does, nothing is called missing.",
        "Mend what it names, or delete the volume with its copies if that is past mending; where it is no "
        "volume's, restart the service then. Volumes that are served go on meanwhile.",
        _BY_HAND,
    ),
    FindingKind(
        "backend.unreachable",
        "backend",
        "The backend could not say what it has, so nothing of it was compared.",
        "Mend the backend, then audit again.",
        _BY_HAND,
    ),
    FindingKind(
        "backend.unknown",
        "backend",
        "Records are on a backend that no service has ever reported.",
        "Configure the backend under this name again, or restore the database that belongs here.",
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


def of_row(code: str, row: Row, message: str, *, noun: str | None = None, **facts: Any) -> Finding:
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
