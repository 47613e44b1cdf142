"""The optional abilities of a driver: a driver that has the methods of a protocol has the ability.

The rules of ``driver`` hold for these calls too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from cgflow.drivers.contract.driver import JSON, Connection, Inventory, SnapshotSpec, VolumeSpec


@runtime_checkable
class GroupSnapshots(Protocol):
    """The ability to cut volumes at one instant: all or some members of a group, or one volume outside any.

    A driver with this ability reports the capability ``cut_level`` (see ``cut_evidence``). A driver that cuts
    members one after the other, with the level ``per-volume``, keeps all rules below except the one instant.
    """

    def prepare(self, snapshot: SnapshotSpec) -> None:
        """Do the slow part of one member's snapshot, before the cut.

        Idempotency: a prepared or cut snapshot is left as it is.
        Undone by ``delete_snapshot``.
        Raises: FinalDriverError, if the volume is unknown or the storage is full; DriverError.
        """

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        """Take the prepared snapshots of the given members at one instant: all of them, or none.

        The instant lies between the call and its return. Every write acknowledged before the call is in the
        snapshots, and no write issued after the return is.

        Idempotency: a cut that has happened is reported again and never repeated.
        Returns: evidence as JSON (see ``cut_evidence``).
        Undone by ``delete_snapshot`` of each member.
        Raises: FinalDriverError, if a member is not prepared or the backend refused the whole cut;
          AmbiguousDriverError, if the answer was lost.
        """

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        """Verify that the snapshot of one member exists, is immutable and can be read, and describe it.

        Idempotency: reads only.
        Returns: facts about the snapshot, as JSON.
        Raises: FinalDriverError, if there is no such snapshot; DriverError.
        """

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        """Remove a snapshot in any state: prepared, cut, exported or partly removed.

        Clients of the volume keep working; readers of the snapshot itself are disconnected.

        Idempotency: an unknown snapshot is success.
        Raises: DriverError.
        """

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        """Return whether anything is left of a snapshot, in any state.

        The call must be cheap, however many snapshots there are: cgflow makes it after every removal of a
        snapshot, to verify the removal.

        Raises: DriverError, also if the backend cannot read its state.
        """
        ...

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        """Make a snapshot readable, never writable, and return its address.

        Idempotency: an exported snapshot stays exported.
        Raises: FinalDriverError, if there is no such snapshot; DriverError.
        """

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        """Disconnect the readers of a snapshot and withdraw its address.

        Idempotency: a snapshot that is not exported is success.
        Raises: DriverError.
        """


@runtime_checkable
class Cloning(Protocol):
    """The ability to create a volume with the content of a snapshot."""

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        """Create a volume with the content of a snapshot, in its group if it has one, and export it.

        ``volume.size_gib`` is at least the size of the snapshot; the rest reads as zeros. The clone and its
        source are independent: the source may be deleted afterwards, and ``volume.group_id`` may be another
        group than the source's, or None.

        Idempotency: an existing volume with this id is left as it is, even if the source no longer exists; a
          partly made clone is made again.
        Undone by ``delete_volume``.
        Raises: FinalDriverError, if there is no such snapshot, it is larger than the volume, the group is
          unknown or the storage is full; DriverError.
        """


@runtime_checkable
class Regrouping(Protocol):
    """The ability to move a volume from one group to another, into a group or out of it."""

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        """Move a volume and all its snapshots from ``volume.group_id`` to another group, or to none.

        Addresses may change; exported snapshots stay exported. Afterwards the specs of the volume and its
        snapshots name the new group.

        Idempotency: a volume that is already there is success; a partly moved one is moved completely.
        Undone by moving it back.
        Raises: BusyDriverError while a client of the volume or a reader of a snapshot is connected;
          FinalDriverError, if the volume or the group is unknown, or a restore of the volume is unfinished;
          DriverError.
        """


@runtime_checkable
class Restoring(Protocol):
    """The ability to restore volumes to their snapshots, all or none, with an undo until it is finished.

    Until ``finish_restore`` or ``undo_restore``, the volumes cannot be resized, moved, prepared, cut or
    restored under another id: such calls raise FinalDriverError.
    """

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Restore the volume of each snapshot to that snapshot: all of them, or none.

        All snapshots belong to one group, or there is one of a volume outside any. The previous content is
        kept until ``finish_restore``. A volume keeps its size; what lies beyond the size of the snapshot
        reads as zeros. All snapshots stay valid, newer ones too.

        Idempotency: a restore that has happened is left as it is.
        Raises: BusyDriverError while a client is connected to any of the volumes, if the backend does not
          disconnect clients; FinalDriverError, if there is no such snapshot, or it is larger than its volume
          is now; DriverError.
        """

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Disconnect clients and put the previous content back, of all volumes or none.

        Idempotency: a restore that keeps nothing is success.
        Raises: BusyDriverError as ``restore`` does; DriverError.
        """

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """Discard the previous content of a restore.

        Idempotency: a restore that keeps nothing is success.
        Raises: DriverError; a repeated call then completes the work.
        """


@dataclass(frozen=True)
class VolumeDetails:
    """A volume that exists: its size in bytes, and its group, or None outside any group."""

    size_bytes: int
    group_id: str | None


class _Cut(Protocol):
    @property
    def members(self) -> Collection[str]: ...


@dataclass(frozen=True)
class SnapshotDetails:
    """A snapshot that exists, in any state: its volume, and the group that the volume is in.

    ``cgsnapshot_id`` is the cut that the snapshot belongs to; a plain snapshot has its own id there.
    ``cut_members`` is the number of snapshots made by that cut. Both are None if the driver does not know
    them: the audit cannot adopt such a snapshot.
    """

    volume_id: str
    group_id: str | None
    cgsnapshot_id: str | None = field(default=None, compare=False)
    cut_members: int | None = field(default=None, compare=False)

    @classmethod
    def from_spec(cls, spec: SnapshotSpec, cut: _Cut | None) -> SnapshotDetails:
        """Return the details of a prepared snapshot, and of its cut if that has happened."""
        members = None if cut is None else len(cut.members)
        return cls(spec.volume_id, spec.group_id, spec.cgsnapshot_id, members)


@dataclass(frozen=True)
class DetailedInventory:
    """All objects that exist, by id. ``volumes`` and ``snapshots`` have exactly the ids of ``inventory``."""

    inventory: Inventory
    volumes: Mapping[str, VolumeDetails] = field(default_factory=dict)
    snapshots: Mapping[str, SnapshotDetails] = field(default_factory=dict)


@runtime_checkable
class SupportsDetailedInventory(Protocol):
    """The ability to report size and group of all objects at once.

    Without this ability an audit compares which objects exist, but not their sizes or groups. It cannot
    remove a snapshot without a record either, because it does not know the snapshot's volume.
    """

    def detail(self) -> DetailedInventory:
        """Return all objects that exist, in one consistent answer. Reads only. Raises: DriverError."""
        ...


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


@runtime_checkable
class SupportsHostFiles(Protocol):
    """The ability to serve an export as a file on this host as well, for loop devices and image tools.

    The file is another client of the export. It has the size of the export and cannot change it. What a
    program makes durable in it (fsync) is durable in the volume. It keeps showing the volume after a cut.
    Like the volume, it outlives this process. If the data service has to be restarted, programs that hold the
    file open get errors and must open it again. Data that was not made durable may then be lost, and is never
    reported as written.
    """

    def serve_file(self, export: VolumeSpec | SnapshotSpec) -> Connection:
        """Serve a volume or an exported snapshot as a file; return its address, with ``path`` in the data.

        A snapshot is read-only.

        Idempotency: a served file stays served.
        Raises: FinalDriverError, if there is no such export, or this host cannot serve files (the message
          says what to install); DriverError.
        """
        ...

    def withdraw_file(self, export: VolumeSpec | SnapshotSpec) -> None:
        """Remove the file; the export stays. A file that is not served is success.

        Deleting a volume, and unexporting or deleting a snapshot, removes the file too, even if a program
        holds it open.

        Raises: BusyDriverError while the file is open, also by a loop device; DriverError.
        """
        ...


@runtime_checkable
class SupportsFencing(Protocol):
    """The ability to shut out a process that may still be alive.

    Each process opens its driver under a session: a name that no other process start has used or will use. A
    process that was presumed dead may only have been suspended. A process that takes over its flows first
    fences its session, because a call of the suspended process could otherwise take effect after its undo.
    The storage itself must refuse the fenced session, atomically with the effect (Ceph: the blocklist). A
    check in the suspended process is not enough, because it happens before the effect.

    Fencing is permanent, whatever restarts. Every call of a fenced session except ``start`` and ``stop``
    raises SessionFenced. This is not a DriverError: it is a fact about the caller, not about the backend.
    What the session did before it was fenced stays, and other sessions continue from there.

    A driver whose storage only one process can hold at a time (by a lock that ends with the process) does not
    need this ability: no other session can be alive.
    """

    def open_session(self, session: str) -> None:
        """Set the session under which this process will work. Called before ``start``.

        If the storage names its clients itself (Ceph: by address), the driver durably records on the storage
        which of them this session is, before its first effect.

        Raises: SessionFenced, if the session was already fenced; DriverError.
        """
        ...

    def fence(self, session: str) -> None:
        """Shut out a session: after the return, none of its calls takes effect, not even one in flight.

        Does not wait for the session, which may be suspended or disconnected. Other sessions are not
        affected.

        Idempotency: a fenced session stays fenced; a session that was never opened cannot be opened any more.
        Raises: SessionFenced, if this process itself was fenced; DriverError, if the session may still be
          active: the caller must then not treat it as fenced.
        """
        ...
