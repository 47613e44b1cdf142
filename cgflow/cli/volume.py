"""``cgflow volume``: volumes, inside and outside consistency groups."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.cli.resource_commands import (
    WaitOptions,
    add_reset_status_command,
    add_wait_options,
    connect_as_file_option,
    connect_resource,
    delete_resources,
    disconnect_file_option,
    disconnect_resource,
    report_accepted,
)

_COLUMNS = ("id", "name", "status", "size", "volume_type", "consistencygroup_id", "cgflow:reason")


@click.group()
def volume() -> None:
    """Volumes. Sizes are in GiB."""


@volume.command()
@with_context
@click.argument("name")
@click.option(
    "--size", type=click.IntRange(min=1), metavar="GIB", help="Required without --snapshot or --source."
)
@click.option("--snapshot", metavar="SNAPSHOT", help="The snapshot to create it from.")
@click.option("--source", metavar="VOLUME", help="The volume to clone.")
@click.option("--type", "type_", metavar="TYPE", help="The volume type.")
@click.option("--group", metavar="GROUP", help="The consistency group to create it in.")
@click.option("--description", help="A description.")
@click.option("--availability-zone", metavar="ZONE", help="The availability zone to create it in.")
@add_wait_options
def create(
    context: CliContext,
    /,
    name: str,
    size: int | None,
    snapshot: str | None,
    source: str | None,
    type_: str | None,
    group: str | None,
    waiting: WaitOptions,
    **options: Any,
) -> None:
    """Create a volume."""
    client = context.client
    group_id = None if group is None else client.consistencygroups.find(group)["id"]
    type_id = None if type_ is None else client.types.find(type_)["id"]
    made = client.volumes.create(
        name,
        size,
        volume_type=type_id,
        consistencygroup_id=group_id,
        snapshot_id=None if snapshot is None else client.snapshots.find(snapshot)["id"],
        source_volid=None if source is None else client.volumes.find(source)["id"],
        **options,
    )
    report_accepted(context, client.volumes, made, waiting)


@volume.command(name="list")
@with_context
@click.option("--all-projects", is_flag=True, help="List those of all projects. Administrators only.")
@click.option("--status", help="List only those with this status.")
@click.option("--group", metavar="GROUP", help="List only members of this consistency group.")
def list_(context: CliContext, all_projects: bool, status: str | None, group: str | None) -> None:
    """List the volumes, newest first."""
    volumes = context.client.volumes
    group_id = None if group is None else context.client.consistencygroups.find(group)["id"]
    records = volumes.select(
        all_tenants=1 if all_projects else None, status=status, consistencygroup_id=group_id
    )
    context.out.records(volumes.plural, records, _COLUMNS)


@volume.command()
@with_context
@click.argument("name", metavar="VOLUME")
def show(context: CliContext, name: str) -> None:
    """Show one volume."""
    volumes = context.client.volumes
    context.out.record(volumes.key, volumes.find(name))


@volume.command()
@with_context
@click.argument("names", metavar="VOLUME...", nargs=-1, required=True)
@click.option("--cascade", is_flag=True, help="Delete their snapshots, too.")
@add_wait_options
def delete(context: CliContext, names: tuple[str, ...], cascade: bool, waiting: WaitOptions) -> None:
    """Delete volumes that are in no group."""
    volumes = context.client.volumes
    delete_resources(context, volumes, names, partial(volumes.delete, cascade=cascade), waiting)


@volume.command()
@with_context
@click.argument("name", metavar="VOLUME")
@click.argument("new_size", type=click.IntRange(min=1), metavar="GIB")
@add_wait_options
def extend(context: CliContext, name: str, new_size: int, waiting: WaitOptions) -> None:
    """Extend a volume."""
    volumes = context.client.volumes
    report_accepted(context, volumes, volumes.extend(volumes.find(name)["id"], new_size), waiting)


@volume.command()
@with_context
@click.argument("name", metavar="VOLUME")
@click.argument("new_type", metavar="TYPE")
@add_wait_options
def retype(context: CliContext, name: str, new_type: str, waiting: WaitOptions) -> None:
    """Change the type of a volume, on its backend."""
    volumes = context.client.volumes
    report_accepted(context, volumes, volumes.retype(volumes.find(name)["id"], new_type), waiting)


@volume.command()
@with_context
@click.argument("name", metavar="VOLUME")
@click.argument("snapshot", metavar="SNAPSHOT")
@add_wait_options
def revert(context: CliContext, name: str, snapshot: str, waiting: WaitOptions) -> None:
    """Restore a volume to one of its snapshots. Data written since is lost."""
    client = context.client
    snapshot_id = client.snapshots.find(snapshot)["id"]
    reverted = client.volumes.revert(client.volumes.find(name)["id"], snapshot_id)
    report_accepted(context, client.volumes, reverted, waiting)


@volume.command()
@with_context
@click.argument("name", metavar="VOLUME")
@connect_as_file_option
def connect(context: CliContext, name: str, as_file: bool) -> None:
    """Export a volume and print its address.

    State the format raw to every tool, as in qemu-img info -f raw ADDRESS. Data written by a client may look
    like an image with a backing file on the host, and a tool that guesses the format would read that file.
    """
    connect_resource(context, context.client.volumes, name, as_file)


@volume.command()
@with_context
@click.argument("name", metavar="VOLUME")
@disconnect_file_option
def disconnect(context: CliContext, name: str, as_file: bool) -> None:
    """End the use of a volume, or remove its file. Connected clients stay connected."""
    done = "is no longer a file" if as_file else "is no longer reserved; connected clients stay connected"
    disconnect_resource(context, context.client.volumes, name, as_file, done=done)


add_reset_status_command(
    volume,
    lambda client: client.volumes,
    "any status of Cinder",
)
