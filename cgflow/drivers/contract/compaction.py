"""The part of the contract for storage on which many copies make a volume slow, until somebody sees to it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cgflow.drivers.contract import VolumeSpec


@runtime_checkable
class SupportsCompaction(Protocol):
    """The ability to keep a volume as fast with many copies as with few, by work in the background.

    The work changes nothing that anybody can see: volumes and copies hold what
    they held, at the same addresses. Clients read and write meanwhile, and every
    other call works as ever; one that gets in the way is not refused, the work
    gives way and begins again. Whoever serves the backend asks from time to time
    what is due, and has it done by one call after the other.
    """

    def compactions_due(self, group_id: str | None = None) -> list[VolumeSpec]:
        """Return the volumes that are slower than they need be, of all or of a group, the worst first.

        Cheap: it is asked over and over. Raises: DriverError.
        """
        ...

    def compact_volume(self, volume: VolumeSpec, seconds: float) -> bool:
        """Work at a volume for about so many seconds, or until it is done; return whether nothing is due.

        May be broken off at any point, and is then gone on with. Idempotency:
        a volume of which nothing is due is left as it is, and no such volume is
        success. Raises: FinalDriverError, if there is no room to do it, and then
        everything is as it was; DriverError.
        """
        ...
