"""Selection of the audit findings to repair, and the result of each repair.

A request names kinds (``volume.missing``), single findings (``volume.orphan:<id>``), ``safe``, or
``adopt``. ``safe`` means every kind whose repair destroys and removes nothing. ``adopt`` creates
records for objects that only a backend has, instead of removing them; ``adopt:<kind>`` and
``adopt:<finding>`` restrict it.

Repairs by flows run concurrently. A repair that has to wait for another, such as that of a second
snapshot of the same volume, must be requested again when the other has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from cgflow.audit.auditor import Report
from cgflow.audit.findings import KINDS, Finding, RepairMethod
from cgflow.context import RequestContext
from cgflow.errors import Busy, InvalidInput, InvalidState, NotFound
from flows import flow_actions
from flows.audit import accept_repairs, repair_records
from flows.audit.adopt import ADOPT, ORDER, AdoptionTarget, adopt
from flows.audit.run import audit
from flows.runtime import Runtime

SAFE = "safe"

PLANNED, DONE, ACCEPTED, LATER, REFUSED = "planned", "done", "accepted", "later", "refused"

_REMOVAL_ORDER = {"volume.orphan": 1, "group.orphan": 2}
"""Containers are removed after their contents."""


@dataclass(frozen=True)
class Repair:
    """The result for one finding: repair planned, done, accepted as a flow, postponed or refused.

    A repair in the state ``later`` waits for a flow of this request. It must be requested again
    when that flow has ended.
    """

    finding: Finding
    state: str
    flow_id: str | None = None
    reason: str | None = None


def repair(
    runtime: Runtime,
    context: RequestContext,
    wanted: Collection[str],
    *,
    dry_run: bool,
    host: str | None = None,
    target: AdoptionTarget | None = None,
) -> tuple[Report, list[Repair]]:
    """Audit, and repair the requested findings; with ``dry_run``, only report what would be done.

    ``target`` applies to adopted resources; by default, the caller's project and no volume type.

    Raises: InvalidInput, if a word is neither a kind nor a finding; NotFound, if the backend is
    unknown or a named finding does not exist (any more). In these cases nothing is repaired.
    """
    _check_requested_names(wanted)
    report = audit(runtime, host)
    _check_findings_exist(wanted, report)
    adopted = [one for one in report.findings if _is_to_adopt(one, wanted)]
    chosen = [one for one in report.findings if _is_requested(one, wanted) and one not in adopted]
    if dry_run:
        planned = [Repair(one, PLANNED, reason="A record is created for it.") for one in adopted]
        return report, [*planned, *(_plan_repair(one) for one in chosen)]
    # Adopt first: other findings may concern resources that have a record afterwards.
    adoption_outcome = adopt(runtime, context, adopted, target or AdoptionTarget(context.project_id))
    done = [
        Repair(one, DONE if adoption_outcome[one.id] is None else REFUSED, reason=adoption_outcome[one.id])
        for one in adopted
    ]
    in_records = [one for one in chosen if one.kind.repair_method is RepairMethod.RECORDS]
    record_outcome = repair_records.repair(runtime, context, in_records)
    return report, [*done, *_carry_out_repairs(runtime, context, chosen, record_outcome)]


def _check_requested_names(wanted: Collection[str]) -> None:
    if not wanted:
        raise InvalidInput(f"Name what to repair: kinds, ids of findings, '{SAFE}' or '{ADOPT}'.", "repair")
    for word in wanted:
        code, colon, subject = word.removeprefix(f"{ADOPT}:").partition(":")
        if word.startswith(f"{ADOPT}:") and code not in ORDER:
            raise InvalidInput(
                f"'{word[:255]}' cannot be adopted. Valid values: {', '.join(ORDER)}.", "repair"
            )
        if word not in (SAFE, ADOPT) and (code not in KINDS or (colon and not subject)):
            raise InvalidInput(
                f"'{word[:255]}' cannot be repaired. Name '{SAFE}', '{ADOPT}', a kind such as "
                "volume.missing, or a finding by its id.",
                "repair",
            )


def _check_findings_exist(wanted: Collection[str], report: Report) -> None:
    found = {one.id for one in report.findings}
    for word in wanted:
        named = word.removeprefix(f"{ADOPT}:")
        if ":" in named and named not in found:
            raise NotFound(
                f"There is no finding '{word[:255]}', so nothing was repaired. Audit again, and name a "
                "finding that is listed."
            )


def _is_to_adopt(finding: Finding, wanted: Collection[str]) -> bool:
    names = {ADOPT, f"{ADOPT}:{finding.code}", f"{ADOPT}:{finding.id}"}
    return finding.code in ORDER and not names.isdisjoint(wanted)


def _is_requested(finding: Finding, wanted: Collection[str]) -> bool:
    return (
        finding.id in wanted
        or finding.code in wanted
        or (SAFE in wanted and finding.kind.is_safe and finding.kind.is_repairable)
    )


def _plan_repair(finding: Finding) -> Repair:
    state = PLANNED if finding.kind.is_repairable else REFUSED
    return Repair(finding, state, reason=finding.kind.repair)


def _carry_out_repairs(
    runtime: Runtime,
    context: RequestContext,
    chosen: Collection[Finding],
    record_outcome: repair_records.Outcome,
) -> Iterator[Repair]:
    """Carry out the repairs in order, and postpone those that must wait for a flow of this request."""
    flow_of: dict[str, str] = {}
    for finding in sorted(chosen, key=lambda one: _REMOVAL_ORDER.get(one.code, 0)):
        one = _postponed_repair(finding, flow_of) or _carry_out_repair(
            runtime, context, finding, record_outcome
        )
        if one.state == REFUSED:
            # The reason of a busy resource names the flow that holds it.
            holder = next((flow_id for flow_id in flow_of.values() if flow_id in str(one.reason)), None)
            one = one if holder is None else _postpone_repair(finding, holder)
        if one.flow_id is not None:
            touched = (finding.subject, finding.facts.get("volume_id"), finding.facts.get("group_id"))
            flow_of |= dict.fromkeys(filter(None, touched), one.flow_id)
        yield one


def _postponed_repair(finding: Finding, flow_of: Mapping[str, str]) -> Repair | None:
    """Return the postponed repair of a finding that must wait for a flow of this request, or None."""
    if finding.kind.repair_method is RepairMethod.RECORDS:
        return None
    needed = filter(None, (finding.subject, finding.facts.get("volume_id")))
    return next((_postpone_repair(finding, flow_of[id_]) for id_ in needed if id_ in flow_of), None)


def _postpone_repair(finding: Finding, flow_id: str) -> Repair:
    reason = f"The repair has to wait for flow {flow_id}. Repeat it when that flow has ended."
    return Repair(finding, LATER, reason=reason)


def _carry_out_repair(
    runtime: Runtime, context: RequestContext, finding: Finding, record_outcome: repair_records.Outcome
) -> Repair:
    try:
        match finding.kind.repair_method:
            case RepairMethod.RECORDS:
                reason = record_outcome[finding.id]
                return Repair(finding, DONE if reason is None else REFUSED, reason=reason)
            case RepairMethod.RESUMING:
                flow_actions.resume(runtime, replace(context, all_projects=True), finding.subject)
                return Repair(finding, ACCEPTED, finding.subject)
            case RepairMethod.BY_HAND:
                return Repair(finding, REFUSED, reason=finding.kind.repair)
            case _:
                return Repair(
                    finding, ACCEPTED, accept_repairs.accept_repair(runtime, context, finding).flow_id
                )
    except (Busy, InvalidState) as refusal:
        return Repair(finding, REFUSED, reason=refusal.message)
