"""Changes of a volume or a snapshot that concern its record alone: name, description, metadata, flags.

Each is one transaction without a flow. Except for the read-only flag, they are accepted while a
flow holds the resource, because no step uses these columns.
"""

from __future__ import annotations

from collections.abc import Mapping

from cgflow.context import RequestContext
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.metadata import MetadataStore
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.errors import InvalidState
from cgflow.status import Status
from flows.attachment.preconditions import lock_unclaimed_volume
from flows.runtime import Runtime

_COLUMNS = {"volume": {"metadata": "volume_metadata"}, "snapshot": {"metadata": "snapshot_metadata"}}


def update(
    runtime: Runtime, context: RequestContext, noun: str, id_: str, changes: Mapping[str, object]
) -> None:
    """Change the name, the description or the metadata (all of it) of a ``volume`` or a ``snapshot``.

    Raises: NotFound.
    """
    columns = {_COLUMNS[noun].get(name, name): value for name, value in changes.items()}
    with runtime.database.write() as session:
        REPOSITORIES[noun].lock(session, id_, context.scope)
        REPOSITORIES[noun].update_any(session, id_, **columns)


def set_bootable(runtime: Runtime, context: RequestContext, volume_id: str, *, bootable: bool) -> None:
    """Record whether a machine can boot from a volume. Raises: NotFound."""
    update(runtime, context, "volume", volume_id, {"bootable": bootable})


def set_readonly(runtime: Runtime, context: RequestContext, volume_id: str, *, readonly: bool) -> None:
    """Record whether a volume is read-only: it can then be attached only for reading.

    The flag is also returned with the volume's address.

    Raises: NotFound; Busy; InvalidState, unless the volume is ``available``.
    """
    with runtime.database.write() as session:
        volume = lock_unclaimed_volume(session, context, volume_id)
        if volume.status is not Status.AVAILABLE:
            raise InvalidState(
                f"Invalid volume: Volume {volume.id} status must be available to update readonly flag, "
                f"but current status is: {volume.status}."
            )
        volumes.REPOSITORY.update_unclaimed(session, volume.id, readonly=readonly)


def merge_metadata(
    runtime: Runtime, context: RequestContext, store: MetadataStore, id_: str, pairs: Mapping[str, str]
) -> dict[str, str]:
    """Set some metadata keys; return all. Raises: NotFound; InvalidInput, if they are too many."""
    with runtime.database.write() as session:
        return store.merge(session, id_, context.scope, pairs)


def replace_metadata(
    runtime: Runtime, context: RequestContext, store: MetadataStore, id_: str, pairs: Mapping[str, str]
) -> dict[str, str]:
    """Replace all metadata keys; return them. Raises: NotFound; InvalidInput, if they are too many."""
    with runtime.database.write() as session:
        return store.replace(session, id_, context.scope, pairs)


def remove_metadata(
    runtime: Runtime, context: RequestContext, store: MetadataStore, id_: str, key: str
) -> None:
    """Remove one metadata key. Raises: NotFound, for the resource or the key."""
    with runtime.database.write() as session:
        store.remove(session, id_, context.scope, key)
