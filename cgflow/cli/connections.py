"""``connect`` and ``disconnect``, which volumes and snapshots share."""

from __future__ import annotations

import click

from cgflow.cli.context import CliContext
from cgflow.client.resources import Connectable

as_file = click.option("--file", "as_file", is_flag=True, help="As a file on the backend's host.")


def connect(context: CliContext, nouns: Connectable, name: str, as_file: bool) -> None:
    """Request a connection, and print its address alone, so that a script can use the output unchanged."""
    info = nouns.connect(nouns.find(name)["id"], as_file=as_file)
    if context.out.as_json:
        context.out.json({"connection_info": info})
        return
    address = info.get("data", {}).get("path" if as_file else "uri")
    if address is None:
        # Not every protocol has a single-word address.
        context.out.record(
            "connection_info", {"protocol": info.get("driver_volume_type"), **info.get("data", {})}
        )
        return
    context.out.line(address)


def disconnect(
    context: CliContext,
    nouns: Connectable,
    name: str,
    as_file: bool = False,
    *,
    done: str = "is disconnected",
) -> None:
    """Remove a snapshot's export or a file, or state that a volume is no longer used, and print ``done``."""
    found = nouns.find(name)
    nouns.disconnect(found["id"], as_file=as_file)
    context.out.line(f"{nouns.noun} {name} {done}.")
    if context.out.as_json:
        context.out.json({"disconnected": {"id": found["id"]}})
