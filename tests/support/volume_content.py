"""Content at the start of each volume of a memory backend, for comparing the state before and after."""

from __future__ import annotations

from cgflow import records
from cgflow.drivers.contract import StorageDriver
from cgflow.drivers.memory.driver import MemoryDriver

LENGTH = 8
OLD, NEW = "old", "new"
"""The content of volumes when their snapshots are taken, and when they are restored."""


def unwrap_memory_driver(driver: StorageDriver) -> MemoryDriver | None:
    """Return the memory driver inside all wrappers, or None if the driver is another one."""
    while not isinstance(driver, MemoryDriver):
        inner = getattr(driver, "driver", None)
        if inner is None:
            return None
        driver = inner
    return driver


def write_to_volumes(driver: StorageDriver, volume_ids: list[str], word: str) -> None:
    """Write a word and the volume's index to each volume; does nothing on other backends."""
    storage = unwrap_memory_driver(driver)
    for number, id_ in enumerate(volume_ids if storage else ()):
        assert storage is not None
        storage.write(id_, 0, f"{word} {number}".ljust(LENGTH).encode()[:LENGTH])


def read_all_volumes(driver: StorageDriver) -> dict[str, str]:
    """Return the content at the start of every volume; empty on other backends."""
    storage = unwrap_memory_driver(driver)
    if storage is None:
        return {}
    return {
        id_: storage.read(id_, 0, LENGTH).decode().strip("\0") for id_ in sorted(storage.inventory().volumes)
    }


def volumes_not_restored(flow: records.Flow, found: dict[str, str]) -> list[str]:
    """Return the volumes of a revert that do not have the content they had when the snapshots were taken."""
    held = {source["volume_id"]: found[source["volume_id"]] for source in flow.symbols["sources"]}
    return [f"volume {id_} holds {word!r}" for id_, word in held.items() if not word.startswith(OLD)]
