"""``connect`` and ``disconnect``, which volumes and snapshots share."""

from __future__ import annotations

import click

from cgflow.cli.context import CliContext
from cgflow.client.connections import Connectable

as_file = click.option("--file", "as_file", is_flag=True, help="As a file on the backend's host.")


def connect(session: CliContext, nouns: Connectable, name: str, as_file: bool) -> None:
    """Request a connection, and print its address alone, so that a script can use the output unchanged."""
    info = nouns.connect(nouns.find(name)["id"], as_file=as_file)
    if session.out.as_json:
        session.out.json({"connection_info": info})
        return
    address = info.get("data", {}).get("path" if as_file else "uri")
    if address is None:
        # Not every protocol has a single-word address.
        session.out.record(
            "connection_info", {"protocol": info.get("driver_volume_type"), **info.get("data", {})}
        )
        return
    session.out.line(address)


def disconnect(
    session: CliContext,
    nouns: Connectable,
    name: str,
    as_file: bool = False,
    *,
    done: str = "is disconnected",
) -> None:
    """Remove a snapshot's export or a file, or state that a volume is no longer used, and print ``done``."""
    found = nouns.find(name)
    nouns.disconnect(found["id"], as_file=as_file)
    session.out.line(f"{nouns.noun} {name} {done}.")
    if session.out.as_json:
        session.out.json({"disconnected": {"id": found["id"]}})
