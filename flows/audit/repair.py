"""Which findings of an audit are repaired, and what becomes of each.

Asked for are kinds (``volume.missing``), single findings (``volume.orphan:<id>``),
or ``safe``: every kind whose repair destroys nothing and takes nothing away.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from cgflow.audit.auditing import Report
from cgflow.audit.finding import Finding
from cgflow.audit.kinds import KINDS, Mending
from cgflow.context import RequestContext
from cgflow.errors import Busy, InvalidInput, InvalidState
from flows import operate
from flows.acceptance import Desk
from flows.audit import accept, records
from flows.audit.look import audit

SAFE = "safe"

PLANNED, DONE, ACCEPTED, REFUSED = "planned", "done", "accepted", "refused"


@dataclass(frozen=True)
class Repair:
    """What became of one finding: it would be repaired, was, is being repaired by a flow, or is left."""

    finding: Finding
    state: str
    flow_id: str | None = None
    reason: str | None = None


def repair(
    desk: Desk, context: RequestContext, wanted: Collection[str], *, dry_run: bool, host: str | None = None
) -> tuple[Report, list[Repair]]:
    """Audit, and repair what is wanted of what is found; with ``dry_run`` only tell what would be done.

    Raises: InvalidInput for a word that is no kind and no finding; NotFound for an unknown backend.
    """
    _check(wanted)
    report = audit(desk, host)
    chosen = [one for one in report.findings if _is_wanted(one, wanted)]
    if dry_run:
        return report, [_plan(one) for one in chosen]
    in_records = [one for one in chosen if one.kind.mending is Mending.RECORDS]
    mended = {one.id for one in records.mend(desk, context, in_records)}
    return report, [_carry_out(desk, context, one, mended) for one in chosen]


def _check(wanted: Collection[str]) -> None:
    if not wanted:
        raise InvalidInput(f"Name what is to be repaired: kinds, findings, or '{SAFE}'.", "repair")
    for word in wanted:
        code, colon, subject = word.partition(":")
        if word != SAFE and (code not in KINDS or (colon and not subject)):
            raise InvalidInput(
                f"Nothing to repair is called '{word[:255]}'. Name '{SAFE}', a kind such as "
                "volume.missing, or a finding by its id.",
                "repair",
            )


def _is_wanted(finding: Finding, wanted: Collection[str]) -> bool:
    return (
        finding.id in wanted
        or finding.code in wanted
        or (SAFE in wanted and finding.kind.is_safe and finding.kind.is_repairable)
    )


def _plan(finding: Finding) -> Repair:
    state = PLANNED if finding.kind.is_repairable else REFUSED
    return Repair(finding, state, reason=finding.kind.repair)


def _carry_out(desk: Desk, context: RequestContext, finding: Finding, mended: Collection[str]) -> Repair:
    try:
        match finding.kind.mending:
            case Mending.RECORDS if finding.id in mended:
                return Repair(finding, DONE)
            case Mending.RECORDS:
                return Repair(finding, REFUSED, reason="It is not so any more: audit again.")
            case Mending.RESUMING:
                operate.resume(desk, replace(context, all_projects=True), finding.subject)
                return Repair(finding, ACCEPTED, finding.subject)
            case Mending.BY_HAND:
                return Repair(finding, REFUSED, reason=finding.kind.repair)
            case _:
                return Repair(finding, ACCEPTED, accept.accept(desk, context, finding).flow_id)
    except (Busy, InvalidState) as refusal:
        return Repair(finding, REFUSED, reason=refusal.message)
