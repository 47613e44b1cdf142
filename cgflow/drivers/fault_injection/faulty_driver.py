"""A wrapper that makes any driver fail on demand: before or after the effect of a call.

``wrap_with_faults(driver, faults)`` returns a driver with the same abilities as the wrapped one. Tests
schedule faults with ``FaultSchedule.add_fault``. Operators schedule them in a drill file (see
``drill_file``), which a service reads if it was started with drills allowed. ``schedule`` decides which
fault a call meets.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import partial
from typing import TypeVar, cast

from cgflow.drivers.contract import (
    JSON,
    Cloning,
    Connection,
    DetailedInventory,
    GroupSnapshots,
    Inventory,
    Regrouping,
    Report,
    Restoring,
    SnapshotSpec,
    StorageDriver,
    SupportsCompaction,
    SupportsDetailedInventory,
    SupportsFencing,
    SupportsHostFiles,
    VolumeSpec,
)
from cgflow.drivers.contract.cut_evidence import CutTimer, build_evidence
from cgflow.drivers.fault_injection.drill_file import Fault
from cgflow.drivers.fault_injection.schedule import FaultSchedule, Firing

__all__ = ["Fault", "FaultSchedule", "FaultyDriver", "FaultyVolumes", "Firing", "wrap_with_faults"]

Answer = TypeVar("Answer")


class FaultyVolumes(StorageDriver):
    """The mandatory calls, with faults. ``driver`` is the wrapped driver."""

    def __init__(self, driver: StorageDriver, faults: FaultSchedule) -> None:
        self.driver = driver
        self.faults = faults

    def start(self) -> None:
        return self._call_with_faults("start", self.driver.start, None)

    def stop(self) -> None:
        return self._call_with_faults("stop", self.driver.stop, None)

    def report(self) -> Report:
        return self._call_with_faults("report", self.driver.report, Report(0, 0, 0, thin=False))

    def create_group(self, group_id: str) -> None:
        return self._call_with_faults(
            "create_group", lambda: self.driver.create_group(group_id), None, group_id
        )

    def delete_group(self, group_id: str) -> None:
        return self._call_with_faults(
            "delete_group", lambda: self.driver.delete_group(group_id), None, group_id
        )

    def create_volume(self, volume: VolumeSpec) -> None:
        return self._call_with_faults(
            "create_volume", lambda: self.driver.create_volume(volume), None, volume
        )

    def delete_volume(self, volume: VolumeSpec) -> None:
        return self._call_with_faults(
            "delete_volume", lambda: self.driver.delete_volume(volume), None, volume
        )

    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        effect = partial(self.driver.extend_volume, volume, new_size_gib)
        return self._call_with_faults("extend_volume", effect, None, volume)

    def connection(self, volume: VolumeSpec) -> Connection:
        lie = Connection("none", {})
        return self._call_with_faults("connection", lambda: self.driver.connection(volume), lie, volume)

    def inventory(self, group_id: str | None = None) -> Inventory:
        lie = Inventory(frozenset(), frozenset(), frozenset())
        return self._call_with_faults("inventory", lambda: self.driver.inventory(group_id), lie, group_id)

    def _call_with_faults(
        self, call: str, effect: Callable[[], Answer], lie: Answer, *arguments: object
    ) -> Answer:
        ids = tuple(_ids_in_arguments(arguments))
        if self.faults.apply_due_fault(call, "before", ids) is not None:
            return lie
        answer = effect()
        self.faults.apply_due_fault(call, "after", ids)
        return answer


class FaultyGroupSnapshots(FaultyVolumes, GroupSnapshots):
    """The calls of ``GroupSnapshots``, with faults."""

    @property
    def _group_snapshot_driver(self) -> GroupSnapshots:
        return cast(GroupSnapshots, self.driver)

    def prepare(self, snapshot: SnapshotSpec) -> None:
        return self._call_with_faults(
            "prepare", lambda: self._group_snapshot_driver.prepare(snapshot), None, snapshot
        )

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        effect = partial(self._group_snapshot_driver.cut, cgsnapshot_id, group_id, snapshots)
        lie = build_evidence("none", len(snapshots), CutTimer.start())
        return self._call_with_faults("cut", effect, lie, cgsnapshot_id, group_id, *snapshots)

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        return self._call_with_faults(
            "snapshot", lambda: self._group_snapshot_driver.snapshot(snapshot), {}, snapshot
        )

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        return self._call_with_faults(
            "delete_snapshot", lambda: self._group_snapshot_driver.delete_snapshot(snapshot), None, snapshot
        )

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        return self._call_with_faults(
            "has_snapshot", lambda: self._group_snapshot_driver.has_snapshot(snapshot), False, snapshot
        )

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        lie = Connection("none", {})
        return self._call_with_faults(
            "export_snapshot", lambda: self._group_snapshot_driver.export_snapshot(snapshot), lie, snapshot
        )

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        return self._call_with_faults(
            "unexport_snapshot",
            lambda: self._group_snapshot_driver.unexport_snapshot(snapshot),
            None,
            snapshot,
        )


class FaultyCloning(FaultyVolumes, Cloning):
    """The call of ``Cloning``, with faults."""

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        effect = partial(cast(Cloning, self.driver).clone_volume, volume, source)
        return self._call_with_faults("clone_volume", effect, None, volume, source)


class FaultyRegrouping(FaultyVolumes, Regrouping):
    """The call of ``Regrouping``, with faults."""

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        effect = partial(cast(Regrouping, self.driver).move_volume, volume, group_id)
        return self._call_with_faults("move_volume", effect, None, volume, group_id)


class FaultyRestoring(FaultyVolumes, Restoring):
    """The calls of ``Restoring``, with faults."""

    @property
    def _restoring_driver(self) -> Restoring:
        return cast(Restoring, self.driver)

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        effect = partial(self._restoring_driver.restore, restore_id, snapshots)
        return self._call_with_faults("restore", effect, None, restore_id, *snapshots)

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        effect = partial(self._restoring_driver.undo_restore, restore_id, snapshots)
        return self._call_with_faults("undo_restore", effect, None, restore_id, *snapshots)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        effect = partial(self._restoring_driver.finish_restore, restore_id, snapshots)
        return self._call_with_faults("finish_restore", effect, None, restore_id, *snapshots)


class FaultyDetailedInventory(FaultyVolumes, SupportsDetailedInventory):
    """The call of ``SupportsDetailedInventory``, with faults."""

    def detail(self) -> DetailedInventory:
        lie = DetailedInventory(Inventory(frozenset(), frozenset(), frozenset()))
        return self._call_with_faults("detail", cast(SupportsDetailedInventory, self.driver).detail, lie)


class FaultyCompactions(FaultyVolumes, SupportsCompaction):
    """The calls of ``SupportsCompaction``, with faults."""

    @property
    def _compaction_driver(self) -> SupportsCompaction:
        return cast(SupportsCompaction, self.driver)

    def compactions_due(self, group_id: str | None = None) -> list[VolumeSpec]:
        effect = partial(self._compaction_driver.compactions_due, group_id)
        nothing: list[VolumeSpec] = []
        return self._call_with_faults("compactions_due", effect, nothing, group_id)

    def compact_volume(self, volume: VolumeSpec, seconds: float) -> bool:
        effect = partial(self._compaction_driver.compact_volume, volume, seconds)
        return self._call_with_faults("compact_volume", effect, True, volume)


class FaultyFencing(FaultyVolumes, SupportsFencing):
    """The calls of ``SupportsFencing``, with faults."""

    @property
    def _fencing_driver(self) -> SupportsFencing:
        return cast(SupportsFencing, self.driver)

    def open_session(self, session: str) -> None:
        return self._call_with_faults(
            "open_session", lambda: self._fencing_driver.open_session(session), None, session
        )

    def fence(self, session: str) -> None:
        return self._call_with_faults("fence", lambda: self._fencing_driver.fence(session), None, session)


class FaultyHostFiles(FaultyVolumes, SupportsHostFiles):
    """The calls of ``SupportsHostFiles``, with faults."""

    @property
    def _host_file_driver(self) -> SupportsHostFiles:
        return cast(SupportsHostFiles, self.driver)

    def serve_file(self, export: VolumeSpec | SnapshotSpec) -> Connection:
        lie = Connection("none", {})
        return self._call_with_faults(
            "serve_file", lambda: self._host_file_driver.serve_file(export), lie, export
        )

    def withdraw_file(self, export: VolumeSpec | SnapshotSpec) -> None:
        return self._call_with_faults(
            "withdraw_file", lambda: self._host_file_driver.withdraw_file(export), None, export
        )


_ABILITIES: tuple[tuple[type, type[FaultyVolumes]], ...] = (
    (GroupSnapshots, FaultyGroupSnapshots),
    (Cloning, FaultyCloning),
    (Regrouping, FaultyRegrouping),
    (Restoring, FaultyRestoring),
    (SupportsDetailedInventory, FaultyDetailedInventory),
    (SupportsCompaction, FaultyCompactions),
)
_RARE_ABILITIES: tuple[tuple[type, type[FaultyVolumes]], ...] = (
    (SupportsFencing, FaultyFencing),
    (SupportsHostFiles, FaultyHostFiles),
)


class FaultyDriver(
    FaultyGroupSnapshots,
    FaultyCloning,
    FaultyRegrouping,
    FaultyRestoring,
    FaultyDetailedInventory,
    FaultyCompactions,
):
    """A driver with all but the rarer abilities, with faults. ``driver`` is the wrapped driver."""

    def __init__(self, driver: StorageDriver, faults: FaultSchedule) -> None:
        super().__init__(driver, faults)
        missing = [ability.__name__ for ability, _ in _ABILITIES if not isinstance(driver, ability)]
        if missing:
            raise TypeError(f"{type(driver).__name__} has no {', '.join(missing)}: use wrap_with_faults")


def wrap_with_faults(driver: StorageDriver, faults: FaultSchedule) -> StorageDriver:
    """Return a wrapper of the driver, with faults and with the same abilities."""
    able = [faulty for ability, faulty in _ABILITIES if isinstance(driver, ability)]
    rarer = [faulty for ability, faulty in _RARE_ABILITIES if isinstance(driver, ability)]
    if rarer:
        able += rarer
    elif len(able) == len(_ABILITIES):
        return FaultyDriver(driver, faults)
    kind = type("FaultyPart", (*able, FaultyVolumes), {})
    made: StorageDriver = kind(driver, faults)
    return made


def _ids_in_arguments(arguments: tuple[object, ...]) -> Iterator[str]:
    for argument in arguments:
        values = vars(argument).values() if is_dataclass(argument) else (argument,)
        yield from (value for value in values if isinstance(value, str))
