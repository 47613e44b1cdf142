"""Notifications of an operation: when it starts, ends or fails.

A notification about the resource is followed by the same one for each member: the volumes of a
consistency group, or the snapshots of a cgsnapshot. The members are known since acceptance, so
members that are deleted by the end are included. Delivery is at least once: after a crash between
sending and the next save, the notification is sent again.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.db.database import Database
from cgflow.db.repositories import volume
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.notifications.notifier import ERROR, INFO, Notification, Notifier
from cgflow.status import Status

START, END, FAILED = "start", "end", "error"
MEMBERS = {"consistencygroup": "volume", "cgsnapshot": "snapshot"}
NOUNS = ("consistencygroup", "cgsnapshot", "volume", "snapshot")
# Names that Cinder uses.
VERBS = {"extend": "resize"}


class NotificationBuilder:
    """Builds the notifications of flows and sends them through a notifier."""

    def __init__(self, database: Database, notifier: Notifier) -> None:
        self._database = database
        self._notifier = notifier

    def notify(self, flow: records.Flow, phase: str, reason: str | None = None) -> None:
        """Notify that a flow starts, has ended, or has failed and why."""
        noun = flow.operation.partition(".")[0]
        if noun not in NOUNS or self._notifier.is_silent:
            return
        with self._database.read() as session:
            notifications = list(_build_notifications(session, flow, noun, phase, reason))
        self._notifier.send(notifications)


def _build_notifications(
    session: Session, flow: records.Flow, noun: str, phase: str, reason: str | None
) -> Iterator[Notification]:
    verb = flow.operation.partition(".")[2].partition("_from_")[0]
    event = f"{VERBS.get(verb, verb)}.{phase}"
    (subject,) = REPOSITORIES[noun].get_with_deleted(session, [flow.resource_id])
    yield _build_notification(noun, event, vars(subject), reason)
    of_member = MEMBERS.get(noun)
    if of_member is not None:
        for columns in _read_member_columns(session, flow, subject, of_member):
            yield _build_member_notification(of_member, event, columns, reason)
    if "safety" in flow.symbols:
        yield from _build_safety_notifications(session, flow, phase, reason)


def _build_member_notification(
    noun: str, event: str, columns: Mapping[str, Any], reason: str | None
) -> Notification:
    """Return the notification of a member, with the member's own outcome if the operation failed."""
    if event == f"delete.{FAILED}" and columns["status"] == Status.DELETED:
        return _build_notification(noun, f"delete.{END}", columns, None)
    if event.endswith(FAILED) and columns["status"] in (Status.DELETED, Status.CREATING):
        # A resource whose creation was undone is not deleted or being created, but failed.
        columns = {**columns, "status": Status.ERROR}
    return _build_notification(noun, event, columns, reason)


def _build_safety_notifications(
    session: Session, flow: records.Flow, phase: str, reason: str | None
) -> Iterator[Notification]:
    """Yield the notifications of a revert's safety cgsnapshot, which may be kept if the revert fails."""
    symbols: Mapping[str, Any] = flow.symbols
    new = {**symbols["safety"], "status": Status.CREATING, "created_at": flow.created_at}
    cgsnapshot = _read_columns_or_planned(session, "cgsnapshot", symbols["cut_id"], new)
    if phase == FAILED and cgsnapshot["status"] == Status.AVAILABLE:
        phase, reason = END, None
    yield _build_member_notification("cgsnapshot", f"create.{phase}", cgsnapshot, reason)
    for id_, planned in _planned_snapshot_columns(symbols, new | {"cgsnapshot_id": cgsnapshot["id"]}).items():
        yield _build_member_notification(
            "snapshot", f"create.{phase}", _read_columns_or_planned(session, "snapshot", id_, planned), reason
        )


def _read_columns_or_planned(
    session: Session, noun: str, id_: str, planned: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the columns of a resource; its planned columns if it has no record yet."""
    existing = [dict(vars(one)) for one in REPOSITORIES[noun].get_with_deleted(session, [id_])]
    return existing[0] if existing else {**planned, "id": id_}


def _read_member_columns(
    session: Session, flow: records.Flow, subject: Any, noun: str
) -> Iterator[Mapping[str, Any]]:
    """Yield the columns of each member; the planned columns if it has no record yet."""
    planned = _planned_member_columns(flow, subject)
    ids = list(planned)
    if flow.operation == "consistencygroup.update":
        ids += [one.id for one in volume.members_of(session, subject.id) if one.id not in planned]
    found = {one.id: one for one in REPOSITORIES[noun].get_with_deleted(session, ids)}
    for id_ in ids:
        yield vars(found[id_]) if id_ in found else vars(subject) | planned[id_] | {"id": id_}


def _planned_member_columns(flow: records.Flow, subject: Any) -> dict[str, dict[str, Any]]:
    """Return the columns of each member that acceptance knows, by the member's id."""
    new = {"status": Status.CREATING, "created_at": flow.created_at}
    symbols: Mapping[str, Any] = flow.symbols
    if flow.operation == "cgsnapshot.create":
        return _planned_snapshot_columns(symbols, new)
    ids: list[str] = symbols["claims"].get(MEMBERS[flow.resource_type], [])
    copied: Mapping[str, dict[str, Any]] = symbols.get("copied", {})
    return {id_: {**new, "consistencygroup_id": subject.id, **copied.get(id_, {})} for id_ in ids}


def _planned_snapshot_columns(
    symbols: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the known columns of each member's snapshot before it exists, by the snapshot's id."""
    return {
        member["snapshot_id"]: {**new, "volume_id": member["volume_id"], "size": size}
        for member, size in zip(symbols["members"], symbols["sizes"], strict=True)
    }


def _build_notification(
    noun: str, event: str, columns: Mapping[str, Any], reason: str | None
) -> Notification:
    host = columns.get("host") or socket.gethostname()
    payload = _PAYLOADS[noun](columns) | ({} if reason is None else {"reason": reason})
    return Notification(
        event_type=f"{noun}.{event}",
        publisher_id=f"{noun}.{host}",
        payload=payload,
        priority=ERROR if event.endswith(FAILED) else INFO,
    )


def _common_payload(columns: Mapping[str, Any]) -> dict[str, object]:
    return {
        "tenant_id": columns["project_id"],
        "user_id": columns["user_id"],
        "created_at": clock.iso(columns["created_at"]),
        "status": str(columns["status"]),
    }


def _group_payload(columns: Mapping[str, Any]) -> dict[str, object]:
    return {
        **_common_payload(columns),
        "availability_zone": columns["availability_zone"],
        "consistencygroup_id": columns["id"],
        "name": columns["name"],
    }


def _cgsnapshot_payload(columns: Mapping[str, Any]) -> dict[str, object]:
    return {
        **_common_payload(columns),
        "cgsnapshot_id": columns["id"],
        "name": columns["name"],
        "consistencygroup_id": columns["consistencygroup_id"],
    }


def _volume_payload(columns: Mapping[str, Any]) -> dict[str, object]:
    return {
        **_common_payload(columns),
        "volume_id": columns["id"],
        "display_name": columns["name"],
        "size": columns.get("size"),
        "volume_type": columns.get("volume_type_id"),
        "availability_zone": columns["availability_zone"],
        "host": columns.get("host"),
        "snapshot_id": columns.get("snapshot_id"),
        "consistencygroup_id": columns.get("consistencygroup_id"),
    }


def _snapshot_payload(columns: Mapping[str, Any]) -> dict[str, object]:
    return {
        **_common_payload(columns),
        "snapshot_id": columns["id"],
        "volume_id": columns["volume_id"],
        "display_name": columns["name"],
        "volume_size": columns.get("size"),
        "cgsnapshot_id": columns.get("cgsnapshot_id"),
    }


_PAYLOADS = {
    "consistencygroup": _group_payload,
    "cgsnapshot": _cgsnapshot_payload,
    "volume": _volume_payload,
    "snapshot": _snapshot_payload,
}
