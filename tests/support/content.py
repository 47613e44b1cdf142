"""What lies at the start of each volume, on a backend in memory, so that worlds can be compared by it."""

from __future__ import annotations

from cgflow import records
from cgflow.drivers.contract import StorageDriver
from cgflow.drivers.memory.driver import MemoryDriver

LENGTH = 8
OLD, NEW = "old", "new"
"""What lies on volumes when they are copied, and what when they are put back."""


def in_memory(driver: StorageDriver) -> MemoryDriver | None:
    """Return the driver inside all that was put around it, if it is one in memory."""
    while not isinstance(driver, MemoryDriver):
        inner = getattr(driver, "driver", None)
        if inner is None:
            return None
        driver = inner
    return driver


def write(driver: StorageDriver, volume_ids: list[str], word: str) -> None:
    """Write a word to volumes, each with its place among them; nothing on another backend."""
    storage = in_memory(driver)
    for number, id_ in enumerate(volume_ids if storage else ()):
        assert storage is not None
        storage.write(id_, 0, f"{word} {number}".ljust(LENGTH).encode()[:LENGTH])


def read(driver: StorageDriver) -> dict[str, str]:
    """Return what lies at the start of every volume; nothing on another backend."""
    storage = in_memory(driver)
    if storage is None:
        return {}
    return {
        id_: storage.read(id_, 0, LENGTH).decode().strip("\0") for id_ in sorted(storage.inventory().volumes)
    }


def not_put_back(flow: records.Flow, found: dict[str, str]) -> list[str]:
    """Name the volumes of a revert that do not hold what they held when the copies were made."""
    held = {source["volume_id"]: found[source["volume_id"]] for source in flow.symbols["sources"]}
    return [f"volume {id_} holds {word!r}" for id_, word in held.items() if not word.startswith(OLD)]
