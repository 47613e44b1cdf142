"""``cgflow flow``: the operations of the service, step by step, and the flow actions of an operator."""

from __future__ import annotations

from typing import Any

import click

from cgflow.cli import exit_codes, flow_report
from cgflow.cli.context import CliContext, with_context
from cgflow.status import FlowState

_COLUMNS = ("id", "operation", "state", "resource_type", "resource_id", "created_at", "took", "reason")
_EVENTS = ("seq", "at", "task", "from", "to", "attempt", "took", "conductor", "detail")
_reason = click.option("--reason", required=True, metavar="TEXT", help="Why. Stored in the flow's history.")


@click.group()
def flow() -> None:
    """Flows: operations and their history, which is stored after their end."""


@flow.command(name="list")
@with_context
@click.option(
    "--state", type=click.Choice([str(state) for state in FlowState]), help="List only flows in this state."
)
@click.option(
    "--operation", metavar="RESOURCE.VERB", help="List only this operation, such as cgsnapshot.create."
)
@click.option(
    "--resource", metavar="NAME", help="List only operations on this resource or group. A name or an id."
)
@click.option("--all-projects", is_flag=True, help="List those of all projects. Administrators only.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="List at most this many."
)
@click.option("--marker", metavar="ID", help="List only flows after this one.")
def list_(context: CliContext, /, resource: str | None, all_projects: bool, **filters: Any) -> None:
    """List flows, newest first."""
    flows = context.client.flows
    resource_id = None if resource is None else context.client.find_resource_id(resource)
    records = flows.select(resource=resource_id, all_tenants=1 if all_projects else None, **filters)
    if not context.out.as_json:
        records = [{**each, "took": flow_report.format_duration(each.get("duration_ms"))} for each in records]
    context.out.records(flows.plural, records, _COLUMNS)


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@click.option("--all", "unfold", is_flag=True, help="Print one line for every member.")
def show(context: CliContext, flow_id: str, unfold: bool) -> None:
    """Show a flow with its steps, their undo and its leftovers."""
    flows = context.client.flows
    record = flows.find(flow_id)
    if context.out.as_json:
        context.out.record(flows.key, record)
        return
    context.out.lines(flow_report.report_lines(record, flows.all_events(flow_id), unfold=unfold))


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@click.option(
    "--after", type=click.IntRange(min=0), default=0, metavar="SEQ", help="List only events after this one."
)
def events(context: CliContext, flow_id: str, after: int) -> None:
    """List every transition of a flow and its steps."""
    records = context.client.flows.all_events(flow_id, after)
    if not context.out.as_json:
        records = [
            {
                **each,
                "took": flow_report.format_duration(each.get("duration_ms")),
                "detail": flow_report.format_event(each),
            }
            for each in records
        ]
    context.out.records("events", records, _EVENTS)


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
def graph(context: CliContext, flow_id: str) -> None:
    """Print a flow's graph as DOT text, for graphviz."""
    dot = context.client.flows.graph(flow_id)
    context.out.line(dot.rstrip("\n"))
    if context.out.as_json:
        context.out.json({"dot": dot})


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Follow it at most this long.",
)
def follow(context: CliContext, flow_id: str, timeout: float | None) -> None:
    """Print the events of a flow until it ends, and exit with the code for its end.

    With --json: one event per line, and the flow on the last line.
    """
    flows = context.client.flows
    flows.find(flow_id)
    print_until_end = (
        flow_report.print_events_as_json if context.out.as_json else flow_report.print_flow_until_end
    )
    exit_codes.raise_unless_succeeded(print_until_end(context.out, flows, flow_id, timeout))


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
def retry(context: CliContext, flow_id: str) -> None:
    """Retry a failed rollback now."""
    context.client.flows.request_action(flow_id, "retry")
    context.out.note(f"The undo of flow {flow_id} is being retried: see 'cgflow flow follow {flow_id}'.")


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@click.option(
    "--task",
    required=True,
    metavar="TASK",
    help="The step whose undo failed, as named by 'cgflow flow show'.",
)
@_reason
def skip(context: CliContext, flow_id: str, task: str, reason: str) -> None:
    """Declare one step of a failed rollback undone, because you have undone it, and undo the rest."""
    context.client.flows.request_action(flow_id, "skip", task=task, reason=reason)
    context.out.note(
        f"The undo of {task} is skipped, and the other steps are being undone: "
        f"see 'cgflow flow follow {flow_id}'."
    )


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@_reason
def abandon(context: CliContext, flow_id: str, reason: str) -> None:
    """Give up a failed rollback, or a flow that fails after its commit. Its leftovers are not removed."""
    context.client.flows.request_action(flow_id, "abandon", reason=reason)
    context.out.note(f"Flow {flow_id} is abandoned; 'cgflow flow show {flow_id}' lists its leftovers.")


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@_reason
def cancel(context: CliContext, flow_id: str, reason: str) -> None:
    """Stop a running flow before its next step and undo it. Refused once its change is committed."""
    context.client.flows.request_action(flow_id, "cancel", reason=reason)
    context.out.note(
        f"The cancel of flow {flow_id} is accepted: no further step begins, and completed steps are "
        f"undone: see 'cgflow flow follow {flow_id}'."
    )


@flow.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
def resume(context: CliContext, flow_id: str) -> None:
    """Resume a flow that has stopped before its end."""
    context.client.flows.request_action(flow_id, "resume")
    context.out.note(f"Flow {flow_id} is being resumed: see 'cgflow flow follow {flow_id}'.")
