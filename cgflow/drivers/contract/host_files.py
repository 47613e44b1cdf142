"""The part of the contract for storage that can show a volume or a copy as a file on the host itself."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cgflow.drivers.contract import Connection, SnapshotSpec, VolumeSpec


@runtime_checkable
class SupportsHostFiles(Protocol):
    """The ability to serve what is exported as a file of this host too, for loop devices and image tools.

    The file is one more client of the export: it has the export's size, which
    it cannot change; what a program makes durable in it (fsync) is durable in
    the volume; and it follows every cut. It outlives this process as volumes
    do. Where the data service has to be started again, whoever holds the file
    open gets errors, and it is to be opened again: what was not made durable
    may be gone, and nobody may take it for written.
    """

    def serve_file(self, thing: VolumeSpec | SnapshotSpec) -> Connection:
        """Serve a volume, or a copy that is exported, as a file, and return its address with ``path``.

        A copy is read-only. Idempotency: served is left served. Raises:
        FinalDriverError if there is no such export, or this host cannot do it:
        the message says what to install; DriverError.
        """
        ...

    def withdraw_file(self, thing: VolumeSpec | SnapshotSpec) -> None:
        """Take the file away; the export stays. Not served is success.

        Deleting a volume, and withdrawing or deleting a copy, take the file
        away too, whoever holds it open. Raises: BusyDriverError while it is
        open, also by a loop device; DriverError.
        """
        ...
