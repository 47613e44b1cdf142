"""``cgflow quota``: limits and usage of a project."""

from __future__ import annotations

from typing import Any

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.cli.resource_commands import ResourceLimit

_COLUMNS = ("resource", "limit", "in_use", "reserved")
_of = click.option("--of", "project", metavar="PROJECT", help="The project. Default: your own.")


@click.group()
def quota() -> None:
    """Quota: limits, usage, and the reservations of running operations."""


@quota.command()
@with_context
@_of
def show(context: CliContext, project: str | None) -> None:
    """Show limits and usage. A limit of -1 means unlimited."""
    _print_quota(context, context.client.quotas.show(project or context.client.project))


@quota.command(name="set")
@with_context
@click.argument("limits", type=ResourceLimit(), nargs=-1, required=True)
@_of
def set_(context: CliContext, limits: tuple[tuple[str, str], ...], project: str | None) -> None:
    """Set limits, as in: cgflow quota set volumes=20 gigabytes=-1."""
    quotas, of = context.client.quotas, project or context.client.project
    quotas.set(of, {resource: int(limit) for resource, limit in limits})
    _print_quota(context, quotas.show(of))


def _print_quota(context: CliContext, quota_set: dict[str, Any]) -> None:
    if context.out.as_json:
        context.out.json({"quota_set": quota_set})
        return
    lines = [{"resource": name, **line} for name, line in quota_set.items() if isinstance(line, dict)]
    context.out.records("quota_set", lines, _COLUMNS)
