"""``cgflow cgsnapshot``: snapshots of all members of a group at one instant."""

from __future__ import annotations

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.cli.resource_commands import (
    WaitOptions,
    add_reset_status_command,
    add_wait_options,
    delete_resources,
    report_accepted,
)

_COLUMNS = (
    "id",
    "name",
    "status",
    "consistencygroup_id",
    "created_at",
    "cgflow:evidence.level",
    "cgflow:reason",
)


@click.group()
def cgsnapshot() -> None:
    """Cgsnapshots: snapshots of all members of a group, taken together."""


@cgsnapshot.command()
@with_context
@click.argument("name")
@click.option("--group", metavar="GROUP", required=True, help="The consistency group to snapshot.")
@click.option("--description", help="A description.")
@click.option(
    "--level",
    type=click.Choice(["crash", "per-volume"]),
    help="The cut level that the backend must reach. crash: one instant for all members.",
)
@add_wait_options
def create(
    context: CliContext,
    name: str,
    group: str,
    description: str | None,
    level: str | None,
    waiting: WaitOptions,
) -> None:
    """Take a cgsnapshot of a group."""
    cgsnapshots = context.client.cgsnapshots
    group_id = context.client.consistencygroups.find(group)["id"]
    report_accepted(context, cgsnapshots, cgsnapshots.create(name, group_id, description, level), waiting)


@cgsnapshot.command(name="list")
@with_context
@click.option("--all-projects", is_flag=True, help="List those of all projects. Administrators only.")
@click.option("--status", help="List only those with this status.")
@click.option("--group", metavar="GROUP", help="List only those of this consistency group.")
def list_(context: CliContext, all_projects: bool, status: str | None, group: str | None) -> None:
    """List the cgsnapshots, newest first."""
    cgsnapshots = context.client.cgsnapshots
    group_id = None if group is None else context.client.consistencygroups.find(group)["id"]
    records = cgsnapshots.select(
        all_tenants=1 if all_projects else None, status=status, consistencygroup_id=group_id
    )
    context.out.records(cgsnapshots.plural, records, _COLUMNS)


@cgsnapshot.command()
@with_context
@click.argument("name", metavar="CGSNAPSHOT")
def show(context: CliContext, name: str) -> None:
    """Show one cgsnapshot."""
    cgsnapshots = context.client.cgsnapshots
    context.out.record(cgsnapshots.key, cgsnapshots.find(name))


@cgsnapshot.command()
@with_context
@click.argument("names", metavar="CGSNAPSHOT...", nargs=-1, required=True)
@add_wait_options
def delete(context: CliContext, names: tuple[str, ...], waiting: WaitOptions) -> None:
    """Delete cgsnapshots with the snapshots in them."""
    cgsnapshots = context.client.cgsnapshots
    delete_resources(context, cgsnapshots, names, cgsnapshots.delete, waiting)


add_reset_status_command(cgsnapshot, lambda client: client.cgsnapshots)
