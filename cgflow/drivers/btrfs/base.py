"""What all calls on a btrfs backend share: state, locks of homes, recovery of interrupted calls, addresses.

A call locks the homes that it needs, recovers what earlier calls left unfinished there, checks its arguments,
writes its intent, and then has its effect. A call that can be undone is undone when it fails. A call that can
only go forward (a removal) is carried out by the same code that recovery uses (``intent_recovery``).
"""

from __future__ import annotations

import stat
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from cgflow.drivers.btrfs import intent_recovery, system_calls
from cgflow.drivers.btrfs.layout import Layout, Mount, Trace, describe_error, no_trace, require_file_name
from cgflow.drivers.btrfs.state import Intent, Snapshot, State, Volume
from cgflow.drivers.common.event_log import EventLog
from cgflow.drivers.contract import JSON, Connection, SnapshotSpec, VolumeSpec
from cgflow.errors import AmbiguousDriverError, BusyDriverError, DriverError, FinalDriverError

MAX_OVER_SUBSCRIPTION_RATIO = 20.0
"""The ratio of a backend that is configured without one."""

GIB = 1024**3

MECHANISM = "btrfs read-only snapshot of one subvolume"

PROMISE = (
    "Writes made with O_DIRECT, O_DSYNC or O_SYNC are in the cut in their order: all that were acknowledged "
    "before it, none that were issued after it. Buffered writes get what a power failure would leave: "
    "those that fsync had returned for, and of later ones any, in any order."
)

OPEN_WITH = ["O_DIRECT", "O_DSYNC"]
"""Flags with which a write that has returned is in the next cut and survives a power failure."""

_BALLAST_BYTES = 1 << 20


class BtrfsBase:
    """The objects of one backend, in a folder of a btrfs."""

    def __init__(
        self,
        path: Path,
        *,
        name: str = "btrfs",
        max_over_subscription_ratio: float = MAX_OVER_SUBSCRIPTION_RATIO,
        trace: Trace = no_trace,
    ) -> None:
        self.name = name
        self._ratio = max_over_subscription_ratio
        self._mount = Mount(path, name)
        self._layout = Layout(self._mount.folder, trace)
        self._event_log = EventLog(
            self._mount.folder / "journal", "btrfs backend", ballast_bytes=_BALLAST_BYTES
        )
        self._state = State()
        self._lock = threading.Lock()
        self._homes: dict[str, threading.RLock] = defaultdict(threading.RLock)

    @contextmanager
    def _lock_homes(self, *homes: str) -> Iterator[State]:
        """Lock homes for one call, after recovering the interrupted operations in them.

        Raises: FinalDriverError, if the file system is not there; BusyDriverError, if something cannot be
        recovered now; AmbiguousDriverError for an OSError in the block. Other errors in the block pass.
        """
        self._mount.require_mounted()
        with self._lock_involved_homes(set(homes)):
            try:
                for intent in self._intents_in_homes(set(homes)):
                    self._recover_intent(intent)
            except OSError as error:
                raise BusyDriverError(
                    f"{self._layout.root}: an interrupted operation cannot be recovered now: "
                    f"{describe_error(error)}"
                ) from error
            try:
                yield self._state
            except OSError as error:
                raise AmbiguousDriverError(f"{self._layout.root}: {describe_error(error)}") from error

    @contextmanager
    def _undo_on_failure(self, intent: Intent) -> Iterator[None]:
        """Write an intent. If the block fails before its last event is written, undo it.

        Raises: FinalDriverError for an OSError, if everything was undone; otherwise the error of the block;
        AmbiguousDriverError, if the undo fails. The intent then stays until it is recovered.
        """
        self._record_event({"do": "intend", "begins": asdict(intent)})
        try:
            yield
        except BaseException as error:
            if self._state.intents.get(intent.key) == intent:
                try:
                    self._recover_intent(intent)
                except (OSError, DriverError) as second:
                    raise AmbiguousDriverError(
                        f"{intent.what} failed ({describe_error(error)}), and its effects could not be "
                        f"undone yet: {describe_error(second)}"
                    ) from error
            if isinstance(error, OSError):
                raise FinalDriverError(f"{intent.what}: {describe_error(error)}; nothing was made") from error
            raise

    def _execute_intent(self, intent: Intent) -> None:
        """Write an intent that only goes forward, and carry it out. Raises: DriverError, OSError."""
        self._record_event({"do": "intend", "begins": asdict(intent)}, releasing=True)
        self._recover_intent(intent)

    def _recover_intent(self, intent: Intent) -> None:
        self._record_event(intent_recovery.recover_intent(self._layout, self._state, intent), releasing=True)

    def _record_event(self, event: JSON, *, releasing: bool = False) -> None:
        """Write an event durably and apply it. Raises: FinalDriverError, AmbiguousDriverError."""
        with self._lock:
            position = self._event_log.append(event, releasing=releasing)
            self._state.apply_event(event)
        self._event_log.sync(position)
        self._layout.trace(f"noted:{event['do']}")

    def _require_volume(self, volume_id: str, group_id: str | None) -> Volume:
        volume = self._state.volumes.get(volume_id)
        if volume is None or volume.group_id != group_id:
            where = "outside any group" if group_id is None else f"in group {group_id}"
            raise FinalDriverError(f"there is no volume {volume_id} {where}")
        return volume

    def _require_snapshot(self, snapshot: SnapshotSpec) -> Snapshot:
        copy = self._state.snapshots.get(snapshot.id)
        if copy is None:
            raise FinalDriverError(f"snapshot {snapshot.id} of volume {snapshot.volume_id} is not prepared")
        if copy.spec != snapshot:
            raise FinalDriverError(f"snapshot {snapshot.id} exists with other values: {copy.spec}")
        return copy

    def _require_cut_snapshot(self, snapshot: SnapshotSpec) -> tuple[Snapshot, Path]:
        """Return a snapshot that was cut, and its file. Raises: FinalDriverError."""
        copy = self._require_snapshot(snapshot)
        if copy.size_bytes is None:
            raise FinalDriverError(f"snapshot {snapshot.id} is prepared but has not been cut")
        file = self._snapshot_file(copy)
        cut = self._layout.cut_subvolume(copy.home, snapshot.cgsnapshot_id)
        if not file.is_file() or not system_calls.is_read_only(cut):
            raise FinalDriverError(f"snapshot {snapshot.id} is not in a read-only subvolume at {file}")
        size = file.stat().st_size
        if size != copy.size_bytes:
            raise FinalDriverError(f"{file} has {size} bytes instead of the {copy.size_bytes} that were cut")
        return copy, file

    def _snapshot_file(self, copy: Snapshot) -> Path:
        return self._layout.snapshot_file(copy.home, copy.spec.cgsnapshot_id, copy.spec.volume_id)

    def _make_volume(self, volume: VolumeSpec, source: int | None) -> None:
        """Create a volume in a locked home, empty or from an open file. Raises: DriverError."""
        require_file_name(volume.id)
        home = volume.group_id or volume.id
        self._require_group(volume.group_id)
        if volume.group_id is None:
            self._require_unused_home(home)
        file = self._layout.volume_file(home, volume.id)
        if file.exists():
            raise FinalDriverError(f"{file} exists without a record: move it away")
        intent = Intent(f"volume {volume.id}", intent_recovery.CREATE_VOLUME, (home,), {"volume": volume.id})
        with self._undo_on_failure(intent):
            if volume.group_id is None:
                self._layout.create_home(home)
            size = volume.size_gib * GIB
            self._layout.make_file(file, size, source)
            self._layout.trace("volume:after-file")
            new = Volume(volume.id, size, volume.group_id)
            self._record_event({"do": "volume", **asdict(new), "ends": intent.key})

    def _require_unused_home(self, home: str) -> None:
        """Raises: FinalDriverError, if the home belongs to another object, or exists and has no record."""
        if (
            home in self._state.groups
            or home in self._state.volumes
            or self._layout.home_folder(home).exists()
        ):
            raise FinalDriverError(
                f"{self._layout.home_folder(home)} is in use by another object; nothing was made"
            )

    def _require_group(self, group_id: str | None) -> None:
        if group_id is not None and group_id not in self._state.groups:
            raise FinalDriverError(f"there is no group {group_id}")

    def _require_intact_file(self, volume: Volume) -> None:
        """Raises: FinalDriverError, if the file of a volume is missing, not a regular file, or too short."""
        file = self._layout.volume_file(volume.home, volume.id)
        try:
            stats = file.lstat()
        except FileNotFoundError:
            raise FinalDriverError(
                f"{file} is missing: restore it from a backup, or delete the volume"
            ) from None
        if not stat.S_ISREG(stats.st_mode):
            raise FinalDriverError(f"{file} has lost data: it is not a regular file; move it away")
        if stats.st_size < volume.size_bytes:
            raise FinalDriverError(
                f"{file} has lost data: it has {stats.st_size} bytes instead of the {volume.size_bytes} of "
                f"volume {volume.id}. Restore it from a backup, or extend the volume to that size again"
            )

    def _require_no_restore(self, volume: Volume) -> None:
        if volume.kept is not None:
            raise FinalDriverError(
                f"restore {volume.kept.restore_id} of volume {volume.id} is unfinished: finish or undo it"
            )

    @contextmanager
    def _lock_involved_homes(self, homes: set[str]) -> Iterator[None]:
        """Lock homes in sorted order, together with the homes that interrupted operations in them involve."""
        while True:
            involved = self._involved_homes(homes)
            with ExitStack() as stack:
                for home in sorted(involved):
                    with self._lock:
                        lock = self._homes[home]
                    stack.enter_context(lock)
                if self._involved_homes(homes) <= involved:
                    yield
                    return

    def _involved_homes(self, homes: set[str]) -> set[str]:
        reached = set(homes)
        while True:
            more = {home for intent in self._intents_in_homes(reached) for home in intent.homes}
            if more <= reached:
                return reached
            reached |= more

    def _intents_in_homes(self, homes: set[str]) -> list[Intent]:
        with self._lock:
            return [intent for intent in self._state.intents.values() if homes & set(intent.homes)]


def local_connection(file: Path, size_bytes: int, *, read_only: bool) -> Connection:
    """Return the address of a file on this host, as Cinder's ``local`` protocol."""
    data: JSON = {"device_path": str(file), "size_bytes": size_bytes, "read_only": read_only}
    if not read_only:
        data |= {"open_with": OPEN_WITH, "promise": PROMISE}
    return Connection("local", data)
