"""``cgflow snapshot``: the members' copies. They are made and deleted with their cgsnapshot."""

from __future__ import annotations

import click

from cgflow.cli import connecting
from cgflow.cli.session import Session, with_session

_COLUMNS = ("id", "name", "status", "size", "volume_id", "created_at", "cgflow:reason")


@click.group()
def snapshot() -> None:
    """Snapshots: one member's copy inside a cgsnapshot."""


@snapshot.command(name="list")
@with_session
@click.option("--all-projects", is_flag=True, help="Of every project; for administrators.")
@click.option("--status")
@click.option("--volume", metavar="VOLUME", help="Only those of this volume.")
@click.option("--cgsnapshot", metavar="CGSNAPSHOT", help="Only those in this cgsnapshot.")
def list_(
    session: Session, all_projects: bool, status: str | None, volume: str | None, cgsnapshot: str | None
) -> None:
    """List the snapshots, newest first."""
    client = session.client
    found = client.snapshots.select(
        all_tenants=1 if all_projects else None,
        status=status,
        volume_id=None if volume is None else client.volumes.find(volume)["id"],
        cgsnapshot_id=None if cgsnapshot is None else client.cgsnapshots.find(cgsnapshot)["id"],
    )
    session.out.records(client.snapshots.plural, found, _COLUMNS)


@snapshot.command()
@with_session
@click.argument("name", metavar="SNAPSHOT")
def show(session: Session, name: str) -> None:
    """Show one snapshot."""
    snapshots = session.client.snapshots
    session.out.record(snapshots.key, snapshots.find(name))


@snapshot.command()
@with_session
@click.argument("name", metavar="SNAPSHOT")
def connect(session: Session, name: str) -> None:
    """Export a snapshot, for reading alone, and print its address."""
    connecting.connect(session, session.client.snapshots, name)


@snapshot.command()
@with_session
@click.argument("name", metavar="SNAPSHOT")
def disconnect(session: Session, name: str) -> None:
    """End the export of a snapshot."""
    connecting.disconnect(session, session.client.snapshots, name)
