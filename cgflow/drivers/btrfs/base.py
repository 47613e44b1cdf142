"""What all calls on a btrfs backend share: state, locks of homes, recovery of interrupted calls, addresses.

A call locks the homes that it needs, settles what earlier calls left unfinished there, checks its arguments,
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
from cgflow.drivers.btrfs.layout import Layout, Mount, Trace, no_trace, require_file_name, words
from cgflow.drivers.btrfs.state import Copy, Intent, State, Volume
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
        self._tree = Layout(self._mount.folder, trace)
        self._journal = EventLog(
            self._mount.folder / "journal", "btrfs backend", ballast_bytes=_BALLAST_BYTES
        )
        self._state = State()
        self._lock = threading.Lock()
        self._homes: dict[str, threading.RLock] = defaultdict(threading.RLock)

    @contextmanager
    def _at(self, *homes: str) -> Iterator[State]:
        """Lock homes for one call, after settling the interrupted operations in them.

        Raises: FinalDriverError, if the file system is not there; BusyDriverError, if something cannot be
        settled now; AmbiguousDriverError for an OSError in the block. Other errors in the block pass.
        """
        self._mount.check()
        with self._held(set(homes)):
            try:
                for intent in self._interrupted(set(homes)):
                    self._settle(intent)
            except OSError as error:
                raise BusyDriverError(
                    f"{self._tree.root}: what an earlier call has left cannot be settled now: {words(error)}"
                ) from error
            try:
                yield self._state
            except OSError as error:
                raise AmbiguousDriverError(f"{self._tree.root}: {words(error)}") from error

    @contextmanager
    def _undo_on_failure(self, intent: Intent) -> Iterator[None]:
        """Write an intent. If the block fails before its last event is written, undo it.

        Raises: FinalDriverError for an OSError, if everything was undone; otherwise the error of the block;
        AmbiguousDriverError, if the undo fails. The intent then stays until it is settled.
        """
        self._note({"do": "intend", "begins": asdict(intent)})
        try:
            yield
        except BaseException as error:
            if self._state.intents.get(intent.key) == intent:
                try:
                    self._settle(intent)
                except (OSError, DriverError) as second:
                    raise AmbiguousDriverError(
                        f"{intent.what} failed ({words(error)}), and what it left could not be undone yet: "
                        f"{words(second)}"
                    ) from error
            if isinstance(error, OSError):
                raise FinalDriverError(f"{intent.what}: {words(error)}; nothing was made") from error
            raise

    def _carry_out(self, intent: Intent) -> None:
        """Write an intent that only goes forward, and carry it out. Raises: DriverError, OSError."""
        self._note({"do": "intend", "begins": asdict(intent)}, releasing=True)
        self._settle(intent)

    def _settle(self, intent: Intent) -> None:
        self._note(intent_recovery.settle(self._tree, self._state, intent), releasing=True)

    def _note(self, event: JSON, *, releasing: bool = False) -> None:
        """Write an event durably and apply it. Raises: FinalDriverError, AmbiguousDriverError."""
        with self._lock:
            position = self._journal.append(event, releasing=releasing)
            self._state.apply(event)
        self._journal.sync(position)
        self._tree.trace(f"noted:{event['do']}")

    def _volume(self, volume_id: str, group_id: str | None) -> Volume:
        volume = self._state.volumes.get(volume_id)
        if volume is None or volume.group_id != group_id:
            where = "outside any group" if group_id is None else f"in group {group_id}"
            raise FinalDriverError(f"there is no volume {volume_id} {where}")
        return volume

    def _copy(self, snapshot: SnapshotSpec) -> Copy:
        copy = self._state.copies.get(snapshot.id)
        if copy is None:
            raise FinalDriverError(f"snapshot {snapshot.id} of volume {snapshot.volume_id} is not prepared")
        if copy.spec != snapshot:
            raise FinalDriverError(f"snapshot {snapshot.id} exists with other values: {copy.spec}")
        return copy

    def _cut_copy(self, snapshot: SnapshotSpec) -> tuple[Copy, Path]:
        """Return a snapshot that was cut, and its file. Raises: FinalDriverError."""
        copy = self._copy(snapshot)
        if copy.size_bytes is None:
            raise FinalDriverError(f"snapshot {snapshot.id} is prepared but has not been cut")
        file = self._file(copy)
        cut = self._tree.cut(copy.home, snapshot.cgsnapshot_id)
        if not file.is_file() or not system_calls.is_read_only(cut):
            raise FinalDriverError(f"the copy {snapshot.id} is not in a read-only subvolume at {file}")
        size = file.stat().st_size
        if size != copy.size_bytes:
            raise FinalDriverError(f"{file} has {size} bytes, and {copy.size_bytes} were cut")
        return copy, file

    def _file(self, copy: Copy) -> Path:
        return self._tree.copy(copy.home, copy.spec.cgsnapshot_id, copy.spec.volume_id)

    def _make_volume(self, volume: VolumeSpec, source: int | None) -> None:
        """Create a volume in a locked home, empty or from an open file. Raises: DriverError."""
        require_file_name(volume.id)
        home = volume.group_id or volume.id
        self._need_group(volume.group_id)
        if volume.group_id is None:
            self._need_free(home)
        file = self._tree.volume(home, volume.id)
        if file.exists():
            raise FinalDriverError(f"{file} is there, and no record knows it; move it away first")
        intent = Intent(f"volume {volume.id}", intent_recovery.CREATE_VOLUME, (home,), {"volume": volume.id})
        with self._undo_on_failure(intent):
            if volume.group_id is None:
                self._tree.create_home(home)
            size = volume.size_gib * GIB
            self._tree.make_file(file, size, source)
            self._tree.trace("volume:after-file")
            fresh = Volume(volume.id, size, volume.group_id)
            self._note({"do": "volume", **asdict(fresh), "ends": intent.key})

    def _need_free(self, home: str) -> None:
        """Raises: FinalDriverError, if the home belongs to another object, or exists and has no record."""
        if home in self._state.groups or home in self._state.volumes or self._tree.home(home).exists():
            raise FinalDriverError(f"{self._tree.home(home)} is in use by something else; nothing was made")

    def _need_group(self, group_id: str | None) -> None:
        if group_id is not None and group_id not in self._state.groups:
            raise FinalDriverError(f"there is no group {group_id}")

    def _need_whole(self, volume: Volume) -> None:
        """Raises: FinalDriverError, if the file of a volume is missing, not a regular file, or too short."""
        file = self._tree.volume(volume.home, volume.id)
        try:
            found = file.lstat()
        except FileNotFoundError:
            raise FinalDriverError(
                f"{file} is gone: bring it back from a backup, or delete the volume"
            ) from None
        if not stat.S_ISREG(found.st_mode):
            raise FinalDriverError(f"{file} has lost data: something else than a file is there; move it away")
        if found.st_size < volume.size_bytes:
            raise FinalDriverError(
                f"{file} has lost data: it has {found.st_size} bytes, and volume {volume.id} has "
                f"{volume.size_bytes}. Bring it back from a backup, or extend the volume to that size again"
            )

    def _need_no_restore(self, volume: Volume) -> None:
        if volume.kept is not None:
            raise FinalDriverError(
                f"restore {volume.kept.restore_id} of volume {volume.id} is unfinished: finish or undo it"
            )

    @contextmanager
    def _held(self, homes: set[str]) -> Iterator[None]:
        """Lock homes in sorted order, together with the homes that interrupted operations in them involve."""
        while True:
            wanted = self._reached(homes)
            with ExitStack() as held:
                for home in sorted(wanted):
                    with self._lock:
                        lock = self._homes[home]
                    held.enter_context(lock)
                if self._reached(homes) <= wanted:
                    yield
                    return

    def _reached(self, homes: set[str]) -> set[str]:
        reached = set(homes)
        while True:
            more = {home for intent in self._interrupted(reached) for home in intent.homes}
            if more <= reached:
                return reached
            reached |= more

    def _interrupted(self, homes: set[str]) -> list[Intent]:
        with self._lock:
            return [intent for intent in self._state.intents.values() if homes & set(intent.homes)]


def local(file: Path, size_bytes: int, *, read_only: bool) -> Connection:
    """Return the address of a file on this host, as Cinder's ``local`` protocol."""
    data: JSON = {"device_path": str(file), "size_bytes": size_bytes, "read_only": read_only}
    if not read_only:
        data |= {"open_with": OPEN_WITH, "promise": PROMISE}
    return Connection("local", data)
