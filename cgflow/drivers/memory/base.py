"""What all calls on a memory backend share: its state under one lock, and checks of that state.

Each call is checked, turned into an event, written to the event log if there is one, and applied, all under
that lock. A refused call has therefore changed nothing.
"""

from __future__ import annotations

import threading
from pathlib import Path

from cgflow.drivers.common.event_log import EventLog
from cgflow.drivers.contract import JSON, SnapshotSpec
from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.drivers.memory.state import Content, Snapshot, State, Volume
from cgflow.errors import FinalDriverError

CAPACITY_GIB = 10_000.0
"""The capacity of a backend that is configured without one."""


class MemoryBase:
    """The objects of one backend. With a ``state_file`` they outlive the process. The caller locks.

    ``level`` is the level of its cuts. ``capacity_gib`` is its capacity in GiB.
    """

    def __init__(
        self,
        *,
        name: str = "memory",
        capacity_gib: float = CAPACITY_GIB,
        level: CutLevel = CutLevel.CRASH,
        state_file: Path | None = None,
    ) -> None:
        self.name = name
        self.level = level
        self._capacity_gib = capacity_gib
        self._event_log = None if state_file is None else EventLog(state_file, "memory backend")
        self._state = State()
        self._lock = threading.Lock()

    def _record_event(self, event: str, **values: object) -> None:
        record: JSON = {"do": event, **values}
        if self._event_log is not None:
            self._event_log.append(record)
        self._state.apply_event(record)

    def _require_volume(self, volume_id: str) -> Volume:
        volume = self._state.volumes.get(volume_id)
        if volume is None:
            raise FinalDriverError(f"there is no volume {volume_id}")
        return volume

    def _require_snapshot(self, snapshot: SnapshotSpec) -> Snapshot:
        stored = self._state.snapshots.get(snapshot.id)
        if stored is None:
            raise FinalDriverError(f"snapshot {snapshot.id} of volume {snapshot.volume_id} is not prepared")
        if stored.spec != snapshot:
            raise FinalDriverError(f"snapshot {snapshot.id} exists with other values: {stored.spec}")
        return stored

    def _require_cut_snapshot(self, snapshot: SnapshotSpec) -> tuple[Snapshot, Content]:
        stored = self._require_snapshot(snapshot)
        if stored.content is None:
            raise FinalDriverError(f"snapshot {snapshot.id} is prepared but has not been cut")
        return stored, stored.content

    def _require_group(self, group_id: str | None) -> None:
        if group_id is not None and group_id not in self._state.groups:
            raise FinalDriverError(f"there is no group {group_id}")

    def _require_no_restore(self, volume: Volume) -> None:
        if volume.previous is not None:
            raise FinalDriverError(
                f"restore {volume.previous.restore_id} of volume {volume.id} is unfinished: finish or undo it"
            )

    def _require_capacity(self, volume_id: str, size_gib: int, growth_gib: int) -> None:
        if size_gib <= 0:
            raise FinalDriverError(f"volume {volume_id} cannot have a size of {size_gib} GiB")
        free = self._capacity_gib - self._state.provisioned_gib
        if growth_gib > 0 and growth_gib > free:
            raise FinalDriverError(f"backend {self.name} is full: {growth_gib} GiB wanted, {free:g} GiB free")
