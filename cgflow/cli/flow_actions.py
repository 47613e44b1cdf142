"""The flow actions of an operator in ``cgflow flow``. Each is recorded in the flow's history."""

from __future__ import annotations

import click

from cgflow.cli.context import CliContext, with_context

_reason = click.option("--reason", required=True, metavar="WORDS", help="Why; kept in the flow's history.")


@click.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
def retry(context: CliContext, flow_id: str) -> None:
    """Retry a failed rollback now."""
    context.client.flows.act(flow_id, "retry")
    context.out.note(f"The undo of flow {flow_id} is tried again: see 'cgflow flow follow {flow_id}'.")


@click.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@click.option(
    "--task", required=True, metavar="TASK", help="The step whose undo failed, as flow show names it."
)
@_reason
def skip(context: CliContext, flow_id: str, task: str, reason: str) -> None:
    """Declare one step of a failed rollback undone, because you have taken care of it, and undo the rest."""
    context.client.flows.act(flow_id, "skip", task=task, reason=reason)
    context.out.note(
        f"The undo of {task} is skipped; the rest is going to be undone: see 'cgflow flow follow {flow_id}'."
    )


@click.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@_reason
def abandon(context: CliContext, flow_id: str, reason: str) -> None:
    """Give up a failed rollback, or a flow failing after its commit; its leftovers are yours to remove."""
    context.client.flows.act(flow_id, "abandon", reason=reason)
    context.out.note(f"Flow {flow_id} is abandoned; 'cgflow flow show {flow_id}' lists what it left.")


@click.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
@_reason
def cancel(context: CliContext, flow_id: str, reason: str) -> None:
    """Undo a running flow at its next step. It is refused once its change is committed."""
    context.client.flows.act(flow_id, "cancel", reason=reason)
    context.out.note(
        f"The cancel of flow {flow_id} is accepted: no further step begins, and what was done is going to be "
        f"undone: see 'cgflow flow follow {flow_id}'."
    )


@click.command()
@with_context
@click.argument("flow_id", metavar="FLOW")
def resume(context: CliContext, flow_id: str) -> None:
    """Resume a flow that has stopped without having ended."""
    context.client.flows.act(flow_id, "resume")
    context.out.note(f"Flow {flow_id} is going to be taken up again: see 'cgflow flow follow {flow_id}'.")
