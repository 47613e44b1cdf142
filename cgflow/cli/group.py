"""``cgflow group``: consistency groups."""

from __future__ import annotations

import sys
from functools import partial

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.cli.resource_commands import (
    WaitOptions,
    add_reset_status_command,
    add_wait_options,
    delete_resources,
    report_accepted,
)

_COLUMNS = ("id", "name", "status", "availability_zone", "created_at", "cgflow:reason")
_yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@click.group()
def group() -> None:
    """Consistency groups: volumes whose snapshots are taken at one instant."""


@group.command()
@with_context
@click.argument("name")
@click.option(
    "--type", "types", metavar="TYPE", multiple=True, help="A volume type that members may have. Repeatable."
)
@click.option("--description", help="A description.")
@click.option("--availability-zone", metavar="ZONE", help="The availability zone to create it in.")
@add_wait_options
def create(
    context: CliContext,
    name: str,
    types: tuple[str, ...],
    description: str | None,
    availability_zone: str | None,
    waiting: WaitOptions,
) -> None:
    """Create an empty group on a backend that supports all its types."""
    groups = context.client.consistencygroups
    ids = [context.client.types.find(each)["id"] for each in types]
    report_accepted(context, groups, groups.create(name, ids, description, availability_zone), waiting)


@group.command(name="create-from")
@with_context
@click.argument("name")
@click.option("--cgsnapshot", metavar="CGSNAPSHOT", help="The cgsnapshot to create the volumes from.")
@click.option("--group", "source", metavar="GROUP", help="The group to clone, at one instant.")
@click.option("--description", help="A description.")
@add_wait_options
def create_from(
    context: CliContext,
    name: str,
    cgsnapshot: str | None,
    source: str | None,
    description: str | None,
    waiting: WaitOptions,
) -> None:
    """Create a group whose volumes have the data of a cgsnapshot or of another group."""
    if (cgsnapshot is None) == (source is None):
        raise click.UsageError("Give exactly one of --cgsnapshot and --group.")
    client = context.client
    groups = client.consistencygroups
    accepted = groups.create_from(
        name,
        description,
        cgsnapshot_id=cgsnapshot and client.cgsnapshots.find(cgsnapshot)["id"],
        source_cgid=source and groups.find(source)["id"],
    )
    report_accepted(context, groups, accepted, waiting)


@group.command()
@with_context
@click.argument("group_name", metavar="GROUP")
@click.option("--name", help="The new name.")
@click.option("--description", help="A description.")
@click.option("--add", metavar="VOLUME", multiple=True, help="A volume to add. Repeatable.")
@click.option("--remove", metavar="VOLUME", multiple=True, help="A member to remove. Repeatable.")
@add_wait_options
def update(
    context: CliContext,
    group_name: str,
    name: str | None,
    description: str | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    waiting: WaitOptions,
) -> None:
    """Change the name, description or members of a group. All changes are made, or none."""
    client = context.client
    groups = client.consistencygroups
    accepted = groups.update(
        groups.find(group_name)["id"],
        name=name,
        description=description,
        add_volumes=[client.volumes.find(one)["id"] for one in add],
        remove_volumes=[client.volumes.find(one)["id"] for one in remove],
    )
    report_accepted(context, groups, accepted, waiting)


@group.command()
@with_context
@click.argument("name", metavar="GROUP")
@click.option("--to", "cgsnapshot", metavar="CGSNAPSHOT", required=True, help="The cgsnapshot to restore.")
@click.option("--safety", metavar="NAME", help="Take a cgsnapshot with this name first, and keep it.")
@_yes_option
@add_wait_options
def revert(
    context: CliContext, name: str, cgsnapshot: str, safety: str | None, yes: bool, waiting: WaitOptions
) -> None:
    """Restore every member of a group to a cgsnapshot, or none of them.

    Data written since is lost, unless --safety keeps it in another cgsnapshot.
    """
    client = context.client
    groups = client.consistencygroups
    cgsnapshot_id = client.cgsnapshots.find(cgsnapshot)["id"]
    group_id = groups.find(name)["id"]
    if safety is None:
        question = (
            f"The current data of all members of group {name} will be lost. Restore them to {cgsnapshot}?"
        )
        _ask_for_confirmation(context, question, is_given=yes)
    accepted = groups.revert(group_id, cgsnapshot_id, safety=safety)
    report_accepted(context, groups, accepted, waiting)


@group.command(name="list")
@with_context
@click.option("--all-projects", is_flag=True, help="List those of all projects. Administrators only.")
@click.option("--status", help="List only those with this status.")
def list_(context: CliContext, all_projects: bool, status: str | None) -> None:
    """List the groups, newest first."""
    groups = context.client.consistencygroups
    records = groups.select(all_tenants=1 if all_projects else None, status=status)
    context.out.records(groups.plural, records, _COLUMNS)


@group.command()
@with_context
@click.argument("name", metavar="GROUP")
def show(context: CliContext, name: str) -> None:
    """Show one group."""
    groups = context.client.consistencygroups
    context.out.record(groups.key, groups.find(name))


@group.command()
@with_context
@click.argument("names", metavar="GROUP...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Delete the volumes in it, too.")
@_yes_option
@add_wait_options
def delete(context: CliContext, names: tuple[str, ...], force: bool, yes: bool, waiting: WaitOptions) -> None:
    """Delete groups. A group with volumes needs --force; a group with cgsnapshots is refused."""
    groups = context.client.consistencygroups
    if force:
        question = f"All volumes in {', '.join(names)} will be deleted with their data. Delete them?"
        _ask_for_confirmation(context, question, is_given=yes)
    delete_resources(context, groups, names, partial(groups.delete, force=force), waiting)


def _ask_for_confirmation(context: CliContext, question: str, *, is_given: bool) -> None:
    """Ask a person at a terminal, but never a script. Raises: click.Abort, unless the answer is yes."""
    if not is_given and not context.out.as_json and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)


add_reset_status_command(group, lambda client: client.consistencygroups)
