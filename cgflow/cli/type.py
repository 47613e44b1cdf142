"""``cgflow type``: volume types and their extra specs."""

from __future__ import annotations

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.cli.resource_commands import KeyValue, WaitOptions, delete_resources
from cgflow.client.http import Accepted

_COLUMNS = ("id", "name", "is_public", "extra_specs", "description")


@click.group(name="type")
def type_() -> None:
    """Volume types: named service classes whose extra specs select backends."""


@type_.command()
@with_context
@click.argument("name")
@click.option("--description", help="A description.")
@click.option("--private", is_flag=True, help="Hide it from other projects.")
@click.option("--property", "extra_specs", type=KeyValue(), multiple=True, help="An extra spec. Repeatable.")
def create(
    context: CliContext,
    name: str,
    description: str | None,
    private: bool,
    extra_specs: tuple[tuple[str, str], ...],
) -> None:
    """Create a volume type."""
    types = context.client.types
    made = types.create(name, description, is_public=not private, extra_specs=dict(extra_specs))
    context.out.record(types.key, made)


@type_.command(name="list")
@with_context
def list_(context: CliContext) -> None:
    """List the volume types, including private ones."""
    types = context.client.types
    context.out.records(types.plural, types.select(is_public="None"), _COLUMNS)


@type_.command()
@with_context
@click.argument("volume_type", metavar="TYPE")
def show(context: CliContext, volume_type: str) -> None:
    """Show one volume type."""
    types = context.client.types
    context.out.record(types.key, types.find(volume_type))


@type_.command(name="set")
@with_context
@click.argument("volume_type", metavar="TYPE")
@click.argument("extra_specs", type=KeyValue(), nargs=-1, required=True)
def set_(context: CliContext, volume_type: str, extra_specs: tuple[tuple[str, str], ...]) -> None:
    """Set extra specs of a type; others stay unchanged."""
    types = context.client.types
    record = types.find(volume_type)
    types.set_specs(record["id"], dict(extra_specs))
    context.out.record(types.key, types.get(record["id"]))


@type_.command()
@with_context
@click.argument("volume_type", metavar="TYPE")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
def unset(context: CliContext, volume_type: str, keys: tuple[str, ...]) -> None:
    """Remove extra specs from a type."""
    types = context.client.types
    record = types.find(volume_type)
    for key in keys:
        types.unset_spec(record["id"], key)
    context.out.record(types.key, types.get(record["id"]))


@type_.command()
@with_context
@click.argument("volume_types", metavar="TYPE...", nargs=-1, required=True)
def delete(context: CliContext, volume_types: tuple[str, ...]) -> None:
    """Delete volume types that are not in use."""
    types = context.client.types

    def delete_one(id_: str) -> Accepted:
        types.delete(id_)
        return Accepted({"id": id_}, None)

    delete_resources(context, types, volume_types, delete_one, WaitOptions(is_wanted=False, timeout=None))
