"""``cgflow audit``: report and repair the differences between records and backends."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.cli.exit_codes import ExitCode


@click.command()
@with_context
@click.option("--backend", metavar="NAME", help="Only this one (host@backend) and what is on it.")
@click.option(
    "--repair",
    "wanted",
    multiple=True,
    metavar="WHAT",
    help="A kind, a finding by its id, 'safe', or 'adopt' to make records of what backends have and no "
    "record knows; may be repeated. Without --apply it is only told what would be done.",
)
@click.option("--into-project", metavar="ID", help="Project of what is adopted; yours by default.")
@click.option(
    "--type", "volume_type", metavar="TYPE", help="Volume type of what is adopted; groups need one."
)
@click.option("--apply", "is_applied", is_flag=True, help="Have done what --repair names, and audit again.")
@click.pass_context
def audit(
    ctx: click.Context,
    context: CliContext,
    backend: str | None,
    wanted: tuple[str, ...],
    into_project: str | None,
    volume_type: str | None,
    is_applied: bool,
) -> None:
    """Compare records, quota, claims, flows and backends, report the differences, and repair them.

    The changes of running flows are not reported. The exit code is 0 if all agree, 6 if something differs.
    """
    if is_applied and not wanted:
        raise click.UsageError("--apply does what --repair names: give --repair as well.")
    client = context.client.audit
    if wanted:
        found = client.repair(
            list(wanted),
            dry_run=not is_applied,
            backend=backend,
            project_id=into_project,
            volume_type=volume_type,
        )
    else:
        found = client.fetch_report(backend)
    told: dict[str, Any] = {"audit": found}
    left = found
    if is_applied:
        told["flows"], left = _follow_repairs(context, found, backend)
        told["left"] = left
    if context.out.as_json:
        context.out.json(told)
    else:
        for line in _lines(found, told):
            context.out.line(line)
    if left["findings"]:
        ctx.exit(ExitCode.DRIFT)


def _follow_repairs(
    context: CliContext, found: dict[str, Any], backend: str | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Follow all repairs to their ends, also those that wait for others; return the flows and the last audit.

    The results of the waiting repairs replace theirs in ``found``. Raises: ServiceUnreachable.
    """
    audit, flows = context.client.audit, []
    repairs = {one["finding_id"]: one for one in found["repairs"]}
    begun = found["repairs"]
    while True:
        flows += [_follow_flow(context, one["flow_id"]) for one in begun if one["flow_id"]]
        left = audit.fetch_report(backend)
        there = {one["id"] for one in left["findings"]}
        waiting = [one["finding_id"] for one in begun if one["state"] == "later"]
        # In each round at least one repair does not wait, so the loop ends.
        waiting = [id_ for id_ in waiting if id_ in there]
        if not waiting:
            break
        begun = audit.repair(waiting, dry_run=False, backend=backend)["repairs"]
        repairs |= {one["finding_id"]: one for one in begun}
    found["repairs"] = list(repairs.values())
    return flows, left


def _follow_flow(context: CliContext, flow_id: str) -> dict[str, Any]:
    """Follow a flow to its end and return it. Raises: ServiceUnreachable."""
    following = context.client.flows.follow(flow_id)
    while True:
        try:
            next(following)
        except StopIteration as end:
            flow: dict[str, Any] = end.value
            return flow


def _lines(found: dict[str, Any], told: dict[str, Any]) -> Iterator[str]:
    for backend in found["backends"]:
        how = "compared" if backend["compared"] else "not compared"
        yield f"Backend {backend['name']}: {how}.{_behind(backend['reason'])}"
    yield from _findings(found)
    for one in found.get("repairs", ()):
        flow = f" by flow {one['flow_id']}" if one["flow_id"] else ""
        yield f"{one['finding_id']}: {one['state']}{flow}.{_behind(one['reason'])}"
    for flow in told.get("flows", ()):
        yield f"Flow {flow['id']} ({flow['operation']}): {flow['state']}.{_behind(flow.get('reason'))}"
    if "left" in told:
        yield "After the repairs:"
        yield from _findings(told["left"])


def _findings(found: dict[str, Any]) -> Iterator[str]:
    findings = sorted(found["findings"], key=lambda one: one["id"])
    for code, of_kind in groupby(findings, key=lambda one: one["code"]):
        each = list(of_kind)
        yield f"{code} ({len(each)})"
        yield f"  {each[0]['meaning']}"
        yield f"  {_offer(each[0])}"
        for one in each:
            yield f"  - {one['message']}"
            yield f"    {one['id']}"
    if not findings:
        yield "Nothing differs."


def _offer(finding: dict[str, Any]) -> str:
    if not finding["repairable"]:
        return f"By hand: {finding['repair']}"
    how = "Repair" if finding["safe"] else "Repair, only if it is named"
    return f"{how}: {finding['repair']}"


def _behind(reason: str | None) -> str:
    return f" {reason}" if reason else ""
