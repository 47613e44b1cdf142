"""Acceptance of the repairs that change a backend. Each is a flow that holds the records concerned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from cgflow.audit.findings import Finding
from cgflow.context import RequestContext
from cgflow.db.repositories import flow as flow_rows
from cgflow.db.repositories import snapshot
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.errors import InvalidState, NotFound
from cgflow.status import FlowState
from flows.acceptance import Accepted, accepting
from flows.audit import flows
from flows.runtime import Runtime

REMOVE, CONFORM = "audit.remove", "audit.conform"


@dataclass(frozen=True)
class Plan:
    """One repair as a flow: operation, shape and symbols of the flow, and the records that it holds."""

    operation: str
    shape: Mapping[str, object]
    symbols: Mapping[str, object] = field(default_factory=dict)
    group_id: str | None = None
    to_claim: Mapping[str, list[str | None]] = field(default_factory=dict)


def accept_repair(runtime: Runtime, context: RequestContext, finding: Finding) -> Accepted:
    """Accept the repair of one finding. Raises: Busy; InvalidState, if the repair cannot be determined."""
    with accepting(runtime, context) as acceptance:
        plan = _PLANS[finding.code](acceptance.session, finding)
        claims = _ids_with_records(acceptance.session, plan.to_claim)
        accepted = acceptance.record_flow(
            plan.operation,
            resource=(finding.noun, finding.subject),
            group_id=plan.group_id,
            shape=plan.shape,
            symbols={
                "host": finding.host,
                "finding_id": finding.id,
                "rested": _current_status(acceptance.session, finding),
                **plan.symbols,
            },
            claims=claims,
        )
        for noun in claims:
            acceptance.claim(noun)
    return accepted


def _current_status(session: Session, finding: Finding) -> str | None:
    rows = REPOSITORIES[finding.noun]
    return next((str(one.status) for one in rows.list_by_ids(session, [finding.subject])), None)


def _ids_with_records(session: Session, to_claim: Mapping[str, list[str | None]]) -> dict[str, list[str]]:
    """Return those of the resources to hold that have a record."""
    found = {}
    for noun, ids in to_claim.items():
        rows = REPOSITORIES[noun]
        existing = [one.id for one in rows.list_by_ids(session, [id_ for id_ in ids if id_ is not None])]
        if existing:
            found[noun] = existing
    return found


def _plan_volume_removal(_: Session, finding: Finding) -> Plan:
    facts = _require_facts(finding)
    return Plan(
        REMOVE,
        {"what": flows.VOLUME},
        {"size": facts["size"]},
        facts["group_id"],
        {"consistencygroup": [facts["group_id"]]},
    )


def _plan_snapshot_removal(_: Session, finding: Finding) -> Plan:
    facts = _require_facts(finding)
    member = {"volume_id": facts["volume_id"], "snapshot_id": finding.subject}
    to_claim = {"volume": [facts["volume_id"]]}
    return Plan(REMOVE, {"what": flows.SNAPSHOT, "copy": member}, {}, facts["group_id"], to_claim)


def _plan_group_removal(_: Session, finding: Finding) -> Plan:
    return Plan(REMOVE, {"what": flows.GROUP}, {}, finding.subject)


def _plan_unexport(_: Session, finding: Finding) -> Plan:
    row = finding.row
    assert row is not None  # noqa: S101 - it was found by its record
    symbols = {"volume_id": row.volume_id, "cut_id": row.cgsnapshot_id or row.id}
    return Plan(REMOVE, {"what": flows.EXPORT}, symbols, row.group_id, {"snapshot": [row.id]})


def _plan_end_of_restore(session: Session, finding: Finding) -> Plan:
    try:
        flow = flow_rows.get(session, finding.subject, None)
        sources: Any = flow.symbols["sources"]
    except (NotFound, KeyError):
        raise InvalidState(
            f"Flow {finding.subject}, which knows the volumes of the restore and their snapshots, has no "
            "record, so the data to keep cannot be determined. End the restore on the backend."
        ) from None
    symbols = {
        "restore_id": finding.subject,
        "sources": sources,
        "is_put_back": flow.state is not FlowState.SUCCESS,
    }
    to_claim: Mapping[str, list[str | None]] = {
        "consistencygroup": [flow.group_id],
        "volume": [source["volume_id"] for source in sources],
    }
    return Plan(REMOVE, {"what": flows.RESTORE}, symbols, flow.group_id, to_claim)


def _plan_group_creation(_: Session, finding: Finding) -> Plan:
    unchanged: dict[str, object] = {"columns": {}, "former": {}}
    to_claim: Mapping[str, list[str | None]] = {"consistencygroup": [finding.subject]}
    return Plan(CONFORM, {"what": flows.PLACE}, unchanged, finding.subject, to_claim)


def _plan_resize(_: Session, finding: Finding) -> Plan:
    facts, row = _require_facts(finding), finding.row
    assert row is not None  # noqa: S101 - it was found by its record
    symbols = {"size": facts["size"], "new_size": row.size, "columns": {}, "former": {}}
    return Plan(CONFORM, {"what": flows.SIZE}, symbols, facts["group_id"], {"volume": [row.id]})


def _plan_move(session: Session, finding: Finding) -> Plan:
    row, here = finding.row, _require_facts(finding)["group_id"]
    assert row is not None  # noqa: S101 - it was found by its record
    wanted = None if row.group_gone else row.group_id
    if not row.group_gone:
        _check_no_other_cgsnapshot(session, row.id, wanted)
    changes = {"consistencygroup_id": None} if row.group_gone else {}
    symbols = {
        "moves": {row.id: {"from": here, "to": wanted, "size": row.size}},
        "columns": changes,
        "former": dict.fromkeys(changes, row.group_id),
    }
    return Plan(
        CONFORM,
        {"what": flows.MEMBER, "member": {"volume_id": row.id}},
        symbols,
        wanted or here,
        {"consistencygroup": [wanted, here], "volume": [row.id]},
    )


def _check_no_other_cgsnapshot(session: Session, volume_id: str, group_id: str | None) -> None:
    """Raise InvalidState if a cgsnapshot of another group has a snapshot of the volume.

    Moving the volume would take that snapshot away from its cgsnapshot.
    """
    for one in snapshot.of_volumes(session, [volume_id]):
        if one.cgsnapshot_id is not None and one.consistencygroup_id != group_id:
            raise InvalidState(
                f"Cgsnapshot {one.cgsnapshot_id} of consistency group {one.consistencygroup_id} contains a "
                f"snapshot of volume {volume_id}, so the volume must stay in that group. Delete the "
                "cgsnapshot first."
            )


def _require_facts(finding: Finding) -> dict[str, Any]:
    """Return the facts of a finding. Raises: InvalidState, if its backend did not report them."""
    if not finding.facts:
        raise InvalidState(
            f"Backend {finding.host} does not report its group and size. Remove it on the backend."
        )
    return finding.facts


_PLANS: dict[str, Callable[[Session, Finding], Plan]] = {
    "volume.orphan": _plan_volume_removal,
    "snapshot.orphan": _plan_snapshot_removal,
    "group.orphan": _plan_group_removal,
    "snapshot.exported": _plan_unexport,
    "restore.kept": _plan_end_of_restore,
    "group.missing": _plan_group_creation,
    "volume.smaller": _plan_resize,
    "volume.elsewhere": _plan_move,
    "volume.group_gone": _plan_move,
}
