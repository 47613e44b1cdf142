"""``reset-status``, which everything that has a status shares."""

from __future__ import annotations

import click

from cgflow.cli.session import Session
from cgflow.client.statuses import Resettable

status = click.argument("status", metavar="STATUS")


def reset_status(session: Session, nouns: Resettable, name: str, status: str) -> None:
    """Set a status by hand, and show what the thing is then."""
    id_ = nouns.find(name)["id"]
    nouns.reset_status(id_, status)
    session.out.record(nouns.key, nouns.get(id_))
