"""Contract for storage that can present a volume or a snapshot as a file on the host."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cgflow.drivers.contract import Connection, SnapshotSpec, VolumeSpec


@runtime_checkable
class SupportsHostFiles(Protocol):
    """The ability to serve an export as a file on this host as well, for loop devices and image tools.

    The file is another client of the export. It has the size of the export and cannot change it. What a
    program makes durable in it (fsync) is durable in the volume. It keeps showing the volume after a cut.
    Like the volume, it outlives this process. If the data service has to be restarted, programs that hold the
    file open get errors and must open it again. Data that was not made durable may then be lost, and is never
    reported as written.
    """

    def serve_file(self, thing: VolumeSpec | SnapshotSpec) -> Connection:
        """Serve a volume or an exported snapshot as a file; return its address, with ``path`` in the data.

        A snapshot is read-only.

        Idempotency: a served file stays served.
        Raises: FinalDriverError, if there is no such export, or this host cannot serve files (the message
          says what to install); DriverError.
        """
        ...

    def withdraw_file(self, thing: VolumeSpec | SnapshotSpec) -> None:
        """Remove the file; the export stays. A file that is not served is success.

        Deleting a volume, and unexporting or deleting a snapshot, removes the file too, even if a program
        holds it open.

        Raises: BusyDriverError while the file is open, also by a loop device; DriverError.
        """
        ...
