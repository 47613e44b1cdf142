"""What a backend holds that neither a record nor an operation under way knows.

The backend is asked before the records are read and after it: an id is minted
once and nothing that is gone comes again, so what is in both answers was there
when the records were read, and had one then if it ever had.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from cgflow.db.repositories import flow as flows
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories import volume as volumes
from cgflow.drivers.contract import StorageDriver, VolumeSpec
from cgflow.errors import FinalDriverError
from flows.acceptance import Desk
from flows.asking import GIB, ask


@dataclass(frozen=True)
class Strangers:
    """Ids of what nobody knows. Of volumes also the size in GiB, None where the backend does not tell."""

    volumes: Mapping[str, int | None]
    snapshots: Collection[str]


def find(desk: Desk, host: str) -> Strangers:
    """Look at one backend of this process. Raises: DriverError."""
    driver = desk.drivers[host]
    before = ask(driver.inventory)
    with desk.database.read() as session:
        known = volumes.ids_on(session, host) | snapshots.ids_on(session, host)
        for flow in flows.unfinished(session):
            known |= set(_words([flow.symbols, flow.shape]))
    after = ask(driver.inventory)
    lasting = (before.volumes & after.volumes) - known
    sizes = {id_: _size(driver, id_, after.groups) for id_ in sorted(lasting)}
    return Strangers(sizes, sorted((before.snapshots & after.snapshots) - known))


def _size(driver: StorageDriver, volume_id: str, groups: Collection[str]) -> int | None:
    """Return the size of a volume, wherever it is: alone or in the place of a group."""
    group_id = next((one for one in sorted(groups) if volume_id in ask(driver.inventory, one).volumes), None)
    try:
        found = ask(driver.connection, VolumeSpec(volume_id, 0, group_id)).data.get("size_bytes")
    except FinalDriverError:
        return None
    return -(-found // GIB) if isinstance(found, int) else None


def _words(value: object) -> Iterator[str]:
    """Return every string within JSON: wherever an id stands, the operation may be at work on it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _words(list(value.values()))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)
