"""Which findings of an audit are repaired, and what becomes of each.

Asked for are kinds (``volume.missing``), single findings (``volume.orphan:<id>``),
``safe``: every kind whose repair destroys nothing and takes nothing away; or
``adopt``: what a backend has and no record knows gets a record, in place of
being removed. ``adopt:<kind>`` and ``adopt:<finding>`` narrow that.

Repairs by flows go on side by side. Where one has to wait for another, as two
copies of one volume do, the second is to be asked for when the first has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from cgflow.audit.auditor import Report
from cgflow.audit.finding import Finding
from cgflow.audit.finding_kinds import KINDS, RepairMethod
from cgflow.context import RequestContext
from cgflow.errors import Busy, InvalidInput, InvalidState, NotFound
from flows import flow_actions
from flows.audit import accept_repairs, repair_records
from flows.audit.adopt import ADOPT, ORDER, Target, adopt
from flows.audit.run import audit
from flows.runtime import Runtime

SAFE = "safe"

PLANNED, DONE, ACCEPTED, LATER, REFUSED = "planned", "done", "accepted", "later", "refused"

_DEPTH = {"volume.orphan": 1, "group.orphan": 2}
"""What is removed after what is in it."""


@dataclass(frozen=True)
class Repair:
    """What became of one finding: it would be repaired, was, is being repaired by a flow, or is left.

    One that is left for ``later`` waits for another that is being repaired: ask for it again then.
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
    target: Target | None = None,
) -> tuple[Report, list[Repair]]:
    """Audit, and repair what is wanted of what is found; with ``dry_run`` only tell what would be done.

    ``target`` is for what is adopted, by default the caller's project and no volume type.

    Raises: InvalidInput for a word that is no kind and no finding; NotFound for an unknown backend, and
    for a finding that there is not (any more): then nothing is repaired.
    """
    _check(wanted)
    report = audit(runtime, host)
    _check_found(wanted, report)
    adopted = [one for one in report.findings if _is_to_adopt(one, wanted)]
    chosen = [one for one in report.findings if _is_wanted(one, wanted) and one not in adopted]
    if dry_run:
        planned = [Repair(one, PLANNED, reason="It becomes a record again.") for one in adopted]
        return report, [*planned, *(_plan(one) for one in chosen)]
    # First of all: what else is found may be of what has a record then.
    became = adopt(runtime, context, adopted, target or Target(context.project_id))
    done = [
        Repair(one, DONE if became[one.id] is None else REFUSED, reason=became[one.id]) for one in adopted
    ]
    in_records = [one for one in chosen if one.kind.mending is RepairMethod.RECORDS]
    mended = repair_records.repair(runtime, context, in_records)
    return report, [*done, *_carry_out_all(runtime, context, chosen, mended)]


def _check(wanted: Collection[str]) -> None:
    if not wanted:
        raise InvalidInput(f"Name what is to be repaired: kinds, findings, '{SAFE}' or '{ADOPT}'.", "repair")
    for word in wanted:
        code, colon, subject = word.removeprefix(f"{ADOPT}:").partition(":")
        if word.startswith(f"{ADOPT}:") and code not in ORDER:
            raise InvalidInput(f"'{word[:255]}' cannot be adopted: {', '.join(ORDER)} can.", "repair")
        if word not in (SAFE, ADOPT) and (code not in KINDS or (colon and not subject)):
            raise InvalidInput(
                f"Nothing to repair is called '{word[:255]}'. Name '{SAFE}', '{ADOPT}', a kind such as "
                "volume.missing, or a finding by its id.",
                "repair",
            )


def _check_found(wanted: Collection[str], report: Report) -> None:
    there = {one.id for one in report.findings}
    for word in wanted:
        named = word.removeprefix(f"{ADOPT}:")
        if ":" in named and named not in there:
            raise NotFound(
                f"There is no finding '{word[:255]}', so nothing was repaired: it is mended, or was never "
                "so. Audit again, and name what is listed."
            )


def _is_to_adopt(finding: Finding, wanted: Collection[str]) -> bool:
    names = {ADOPT, f"{ADOPT}:{finding.code}", f"{ADOPT}:{finding.id}"}
    return finding.code in ORDER and not names.isdisjoint(wanted)


def _is_wanted(finding: Finding, wanted: Collection[str]) -> bool:
    return (
        finding.id in wanted
        or finding.code in wanted
        or (SAFE in wanted and finding.kind.is_safe and finding.kind.is_repairable)
    )


def _plan(finding: Finding) -> Repair:
    state = PLANNED if finding.kind.is_repairable else REFUSED
    return Repair(finding, state, reason=finding.kind.repair)


def _carry_out_all(
    runtime: Runtime, context: RequestContext, chosen: Collection[Finding], mended: repair_records.Outcome
) -> Iterator[Repair]:
    """Carry the repairs out in their order, and leave for later what has to wait for a flow of these."""
    at_work: dict[str, str] = {}
    for finding in sorted(chosen, key=lambda one: _DEPTH.get(one.code, 0)):
        one = _waiting(finding, at_work) or _carry_out(runtime, context, finding, mended)
        if one.state == REFUSED:
            # What is busy names the flow that holds it.
            holder = next((flow_id for flow_id in at_work.values() if flow_id in str(one.reason)), None)
            one = one if holder is None else _later(finding, holder)
        if one.flow_id is not None:
            touched = (finding.subject, finding.facts.get("volume_id"), finding.facts.get("group_id"))
            at_work |= dict.fromkeys(filter(None, touched), one.flow_id)
        yield one


def _waiting(finding: Finding, at_work: Mapping[str, str]) -> Repair | None:
    """Return what becomes of a finding that flows are in the way of; None, if none is."""
    if finding.kind.mending is RepairMethod.RECORDS:
        return None
    needed = filter(None, (finding.subject, finding.facts.get("volume_id")))
    return next((_later(finding, at_work[id_]) for id_ in needed if id_ in at_work), None)


def _later(finding: Finding, flow_id: str) -> Repair:
    why = f"Flow {flow_id} repairs what it has to wait for. Ask for it again when that has ended."
    return Repair(finding, LATER, reason=why)


def _carry_out(
    runtime: Runtime, context: RequestContext, finding: Finding, mended: repair_records.Outcome
) -> Repair:
    try:
        match finding.kind.mending:
            case RepairMethod.RECORDS:
                why = mended[finding.id]
                return Repair(finding, DONE if why is None else REFUSED, reason=why)
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
