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
@click.option(
    "--backend", metavar="NAME", help="Audit only this backend (host@backend) and the resources on it."
)
@click.option(
    "--repair",
    "selected",
    multiple=True,
    metavar="WHAT",
    help="What to repair: the code or the id of a finding, 'safe', or 'adopt' for objects on backends that "
    "have no record. Repeatable. Without --apply, only print what would be done.",
)
@click.option("--into-project", metavar="ID", help="Project of adopted resources. Default: your own.")
@click.option(
    "--type", "volume_type", metavar="TYPE", help="Volume type of adopted resources. Required for groups."
)
@click.option("--apply", "is_applied", is_flag=True, help="Repair what --repair names, and audit again.")
@click.pass_context
def audit(
    ctx: click.Context,
    context: CliContext,
    backend: str | None,
    selected: tuple[str, ...],
    into_project: str | None,
    volume_type: str | None,
    is_applied: bool,
) -> None:
    """Compare records, quota, claims, flows and backends, report the differences, and repair them.

    The changes of running flows are not reported. The exit code is 0 if all agree, 6 if something differs.
    """
    if is_applied and not selected:
        raise click.UsageError("--apply needs --repair, which names what to repair.")
    client = context.client.audit
    if selected:
        report = client.repair(
            list(selected),
            dry_run=not is_applied,
            backend=backend,
            project_id=into_project,
            volume_type=volume_type,
        )
    else:
        report = client.fetch_report(backend)
    output: dict[str, Any] = {"audit": report}
    remaining = report
    if is_applied:
        output["flows"], remaining = _follow_repairs(context, report, backend)
        output["left"] = remaining
    if context.out.as_json:
        context.out.json(output)
    else:
        for line in _report_lines(report, output):
            context.out.line(line)
    if remaining["findings"]:
        ctx.exit(ExitCode.DRIFT)


def _follow_repairs(
    context: CliContext, report: dict[str, Any], backend: str | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Follow all repairs to their ends, also those that wait for others; return the flows and the last audit.

    The results of the waiting repairs replace theirs in ``report``. Raises: ServiceUnreachable.
    """
    audit, flows = context.client.audit, []
    repairs = {one["finding_id"]: one for one in report["repairs"]}
    begun = report["repairs"]
    while True:
        flows += [_follow_flow(context, one["flow_id"]) for one in begun if one["flow_id"]]
        remaining = audit.fetch_report(backend)
        remaining_ids = {one["id"] for one in remaining["findings"]}
        waiting = [one["finding_id"] for one in begun if one["state"] == "later"]
        # In each round at least one repair does not wait, so the loop ends.
        waiting = [id_ for id_ in waiting if id_ in remaining_ids]
        if not waiting:
            break
        begun = audit.repair(waiting, dry_run=False, backend=backend)["repairs"]
        repairs |= {one["finding_id"]: one for one in begun}
    report["repairs"] = list(repairs.values())
    return flows, remaining


def _follow_flow(context: CliContext, flow_id: str) -> dict[str, Any]:
    """Follow a flow to its end and return it. Raises: ServiceUnreachable."""
    following = context.client.flows.follow(flow_id)
    while True:
        try:
            next(following)
        except StopIteration as end:
            flow: dict[str, Any] = end.value
            return flow


def _report_lines(report: dict[str, Any], output: dict[str, Any]) -> Iterator[str]:
    for backend in report["backends"]:
        how = "compared" if backend["compared"] else "not compared"
        yield f"Backend {backend['name']}: {how}.{_with_leading_space(backend['reason'])}"
    yield from _finding_lines(report)
    for one in report.get("repairs", ()):
        flow = f" by flow {one['flow_id']}" if one["flow_id"] else ""
        yield f"{one['finding_id']}: {one['state']}{flow}.{_with_leading_space(one['reason'])}"
    for flow in output.get("flows", ()):
        reason = _with_leading_space(flow.get("reason"))
        yield f"Flow {flow['id']} ({flow['operation']}): {flow['state']}.{reason}"
    if "left" in output:
        yield "After the repairs:"
        yield from _finding_lines(output["left"])


def _finding_lines(report: dict[str, Any]) -> Iterator[str]:
    findings = sorted(report["findings"], key=lambda one: one["id"])
    for code, of_kind in groupby(findings, key=lambda one: one["code"]):
        each = list(of_kind)
        yield f"{code} ({len(each)})"
        yield f"  {each[0]['meaning']}"
        yield f"  {_repair_line(each[0])}"
        for one in each:
            yield f"  - {one['message']}"
            yield f"    {one['id']}"
    if not findings:
        yield "Nothing differs."


def _repair_line(finding: dict[str, Any]) -> str:
    if not finding["repairable"]:
        return f"By hand: {finding['repair']}"
    how = "Repair" if finding["safe"] else "Repair (only if named)"
    return f"{how}: {finding['repair']}"


def _with_leading_space(reason: str | None) -> str:
    return f" {reason}" if reason else ""
