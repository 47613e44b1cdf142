"""``cgflow snapshot``: snapshots of single volumes, and those in cgsnapshots."""

from __future__ import annotations

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.cli.resource_commands import (
    WaitOptions,
    add_reset_status_command,
    add_wait_options,
    connect_as_file_option,
    connect_resource,
    delete_resources,
    disconnect_resource,
    report_accepted,
)

_COLUMNS = ("id", "name", "status", "size", "volume_id", "created_at", "cgflow:reason")


@click.group()
def snapshot() -> None:
    """Snapshots of single volumes, and those in cgsnapshots."""


@snapshot.command()
@with_context
@click.argument("name")
@click.option("--volume", metavar="VOLUME", required=True, help="The volume to snapshot.")
@click.option("--description", help="A description.")
@click.option("--force", is_flag=True, help="Allow it while the volume is in use.")
@add_wait_options
def create(
    context: CliContext, /, name: str, volume: str, description: str | None, force: bool, waiting: WaitOptions
) -> None:
    """Take a snapshot of one volume. For several at one instant, take a cgsnapshot of their group."""
    client = context.client
    volume_id = client.volumes.find(volume)["id"]
    made = client.snapshots.create(name, volume_id, description=description, force=force)
    report_accepted(context, client.snapshots, made, waiting)


@snapshot.command()
@with_context
@click.argument("names", metavar="SNAPSHOT...", nargs=-1, required=True)
@add_wait_options
def delete(context: CliContext, names: tuple[str, ...], waiting: WaitOptions) -> None:
    """Delete snapshots that are in no cgsnapshot."""
    snapshots = context.client.snapshots
    delete_resources(context, snapshots, names, snapshots.delete, waiting)


@snapshot.command(name="list")
@with_context
@click.option("--all-projects", is_flag=True, help="List those of all projects. Administrators only.")
@click.option("--status", help="List only those with this status.")
@click.option("--volume", metavar="VOLUME", help="List only those of this volume.")
@click.option("--cgsnapshot", metavar="CGSNAPSHOT", help="List only those in this cgsnapshot.")
def list_(
    context: CliContext, all_projects: bool, status: str | None, volume: str | None, cgsnapshot: str | None
) -> None:
    """List the snapshots, newest first."""
    client = context.client
    records = client.snapshots.select(
        all_tenants=1 if all_projects else None,
        status=status,
        volume_id=None if volume is None else client.volumes.find(volume)["id"],
        cgsnapshot_id=None if cgsnapshot is None else client.cgsnapshots.find(cgsnapshot)["id"],
    )
    context.out.records(client.snapshots.plural, records, _COLUMNS)


@snapshot.command()
@with_context
@click.argument("name", metavar="SNAPSHOT")
def show(context: CliContext, name: str) -> None:
    """Show one snapshot."""
    snapshots = context.client.snapshots
    context.out.record(snapshots.key, snapshots.find(name))


@snapshot.command()
@with_context
@click.argument("name", metavar="SNAPSHOT")
@connect_as_file_option
def connect(context: CliContext, name: str, as_file: bool) -> None:
    """Export a snapshot read-only, and print its address.

    State the format raw to every tool, as in qemu-img convert -f raw ADDRESS FILE. Data written by a client
    may look like an image with a backing file on the host, and a tool that guesses the format would read that
    file.
    """
    connect_resource(context, context.client.snapshots, name, as_file)


@snapshot.command()
@with_context
@click.argument("name", metavar="SNAPSHOT")
def disconnect(context: CliContext, name: str) -> None:
    """Remove the export of a snapshot."""
    disconnect_resource(context, context.client.snapshots, name)


add_reset_status_command(snapshot, lambda client: client.snapshots)
