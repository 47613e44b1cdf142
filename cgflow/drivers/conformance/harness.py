"""What a driver's tests must bring: storage, a driver on it, and clients that read and write through it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cgflow.drivers.contract import SnapshotSpec, StorageDriver, VolumeSpec
from cgflow.drivers.contract.fencing import SupportsFencing


class Harness(Protocol):
    """One fresh, empty backend and its clients. Reads and writes come from several threads at once."""

    @property
    def driver(self) -> StorageDriver:
        """The driver as it is now, started; another instance after ``restart``."""
        ...

    def write(self, volume: VolumeSpec, offset_bytes: int, data: bytes) -> None:
        """Write as a client does, through ``driver.connection``; return when it is acknowledged.

        Acknowledged means that it would outlive a crash of whatever serves the
        volume: with a volatile write cache, flush.
        """
        ...

    def read(self, volume: VolumeSpec, offset_bytes: int, length_bytes: int) -> bytes:
        """Read as a client does, through ``driver.connection``."""
        ...

    def read_snapshot(self, snapshot: SnapshotSpec, offset_bytes: int, length_bytes: int) -> bytes:
        """Read as a client of an exported snapshot does, at the address ``export_snapshot`` tells."""
        ...

    def disconnect(self, volume: VolumeSpec) -> None:
        """Let go of every connection of these clients to a volume; a later read or write connects again."""
        ...

    def restart(self) -> None:
        """Drop the driver as a crash would, without ``stop``; start a new one on the same storage."""
        ...

    def close(self) -> None:
        """End everything, and remove the storage."""
        ...


@runtime_checkable
class SharedHarness(Harness, Protocol):
    """A backend that several processes reach: its driver can fence, and has opened a session."""

    def another(self) -> SupportsFencing:
        """Return one more driver on the same storage, as another process makes it: no session, no start."""
        ...
