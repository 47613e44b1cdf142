"""Snapshots: one member's copy inside a cgsnapshot. They come and go with it."""

from __future__ import annotations

from cgflow.client.connections import Connectable


class Snapshots(Connectable):
    """``/snapshots``."""

    plural, key, noun = "snapshots", "snapshot", "snapshot"
    root, listing = "/snapshots", "/snapshots/detail"
