"""Contract for storage on which a volume becomes slower with the number of its snapshots."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cgflow.drivers.contract import VolumeSpec


@runtime_checkable
class SupportsCompaction(Protocol):
    """The ability to keep a volume fast, however many snapshots it has, by work in the background.

    Compaction has no visible effect except on speed: volumes and snapshots keep their content and their
    addresses. Clients can read and write during compaction. Every other call works as usual: a call that
    conflicts with compaction is not refused, but compaction stops and starts again later. The service
    regularly calls ``compactions_due``, and then ``compact_volume`` for one volume at a time.
    """

    def compactions_due(self, group_id: str | None = None) -> list[VolumeSpec]:
        """Return the volumes that need compaction, the most urgent first.

        ``group_id`` limits the result to one group. The call must be cheap, because it is made often.

        Raises: DriverError.
        """
        ...

    def compact_volume(self, volume: VolumeSpec, seconds: float) -> bool:
        """Compact a volume for about ``seconds``, or until it is done; return whether nothing is left to do.

        The work may be interrupted at any point; the next call continues it.

        Idempotency: a volume that needs no compaction is left as it is, and an unknown volume is success.
        Raises: FinalDriverError, if there is not enough space, with everything unchanged; DriverError.
        """
        ...
