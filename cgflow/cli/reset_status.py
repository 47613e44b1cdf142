"""``reset-status``, which every resource with a status has."""

from __future__ import annotations

from collections.abc import Callable

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.client.client import Client
from cgflow.client.resources import Resettable


def add_to(
    commands: click.Group,
    nouns: Callable[[Client], Resettable],
    statuses: str = "available, error or error_deleting",
) -> None:
    """Add this command to those of one resource type; ``statuses`` lists the permitted ones in words."""

    @commands.command(
        name="reset-status",
        help=f"Set a status by hand: {statuses}.\n\n"
        "Only the record changes. 'cgflow audit' finds and repairs statuses that are wrong; this is for what "
        "it cannot know, such as data that has come back. For administrators, and never while a flow is at "
        "work.",
    )
    @with_context
    @click.argument("name", metavar=str(commands.name).upper())
    @click.argument("status", metavar="STATUS")
    def reset_status(context: CliContext, name: str, status: str) -> None:
        things = nouns(context.client)
        id_ = things.find(name)["id"]
        things.reset_status(id_, status)
        context.out.record(things.key, things.get(id_))
