"""Rules for the metadata of volumes and snapshots."""

from __future__ import annotations

from cgflow.policies.base import OWNER, READER, guard

RULES = [
    rule
    for noun in ("volume", "snapshot")
    for path in (f"/{noun}s/{{{noun}_id}}/metadata",)
    for rule in (
        guard(
            f"volume:get_{noun}_metadata",
            READER,
            f"Show the metadata of a {noun}.",
            f"GET {path}",
            f"GET {path}/{{key}}",
        ),
        guard(f"volume:create_{noun}_metadata", OWNER, f"Add to the metadata of a {noun}.", f"POST {path}"),
        guard(
            f"volume:update_{noun}_metadata",
            OWNER,
            f"Replace the metadata of a {noun}, or one key of it.",
            f"PUT {path}",
            f"PUT {path}/{{key}}",
        ),
        guard(
            f"volume:delete_{noun}_metadata",
            OWNER,
            f"Remove a key from the metadata of a {noun}.",
            f"DELETE {path}/{{key}}",
        ),
    )
]
