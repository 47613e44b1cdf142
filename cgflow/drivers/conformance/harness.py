"""What the tests of a driver must provide: storage, a driver on it, and clients that read and write."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cgflow.drivers.contract import SnapshotSpec, StorageDriver, SupportsFencing, VolumeSpec


class Harness(Protocol):
    """A fresh, empty backend and its clients. Reads and writes come from several threads at once."""

    @property
    def driver(self) -> StorageDriver:
        """The current driver, started. A restart replaces it with another instance."""
        ...

    def write(self, volume: VolumeSpec, offset_bytes: int, data: bytes) -> None:
        """Write as a client does, through ``driver.connection``; return when the write is acknowledged.

        An acknowledged write must survive a crash of the process that serves the volume: flush a volatile
        write cache.
        """
        ...

    def read(self, volume: VolumeSpec, offset_bytes: int, length_bytes: int) -> bytes:
        """Read as a client does, through ``driver.connection``."""
        ...

    def read_snapshot(self, snapshot: SnapshotSpec, offset_bytes: int, length_bytes: int) -> bytes:
        """Read an exported snapshot as a client does, at the address that ``export_snapshot`` returns."""
        ...

    def disconnect(self, volume: VolumeSpec) -> None:
        """Close all connections of these clients to a volume. A later read or write connects again."""
        ...

    def restart(self) -> None:
        """Drop the driver without ``stop``, as a crash does, and start a new one on the same storage."""
        ...

    def close(self) -> None:
        """End all processes and connections, and remove the storage."""
        ...


@runtime_checkable
class SharedHarness(Harness, Protocol):
    """A backend that several processes can reach. Its driver can fence, and has opened a session."""

    def another(self) -> SupportsFencing:
        """Return another driver on the same storage, as another process has it: no session, not started."""
        ...
