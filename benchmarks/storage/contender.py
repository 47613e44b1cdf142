"""The interface of what is measured: it has volumes, returns their addresses, and cuts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

from cgflow.drivers.contract import JSON, GroupSnapshots, SnapshotSpec, StorageDriver, VolumeSpec


class Contender(Protocol):
    """Volumes of one group on one kind of storage. Addresses are those of ``children.reach``."""

    def members(self) -> list[JSON]:
        """Return the addresses of the members, in order."""
        ...

    def prepare(self) -> None:
        """Do the work that is possible before the next cut."""
        ...

    def cut(self) -> float | None:
        """Cut all members. Returns the milliseconds of the mechanism alone, None if they are unknown."""
        ...

    def snapshots(self) -> list[JSON]:
        """Return the addresses of the snapshots of the last cut, in the order of the members."""
        ...

    def release_snapshots(self) -> None:
        """Release the snapshots of the last cut. They are kept, so that chains grow equally on both sides."""
        ...


Find = Callable[[SnapshotSpec], JSON]


class DriverContender:
    """A group on one of cgflow's drivers, which is started. Its volumes are kept until its place ends."""

    def __init__(self, driver: StorageDriver, members: int, find: Find | None = None) -> None:
        """Create the group. ``find`` returns a snapshot's address; without it, the snapshot is exported."""
        assert isinstance(driver, GroupSnapshots)
        self._driver, self._cutter = driver, driver
        self._find: Find = find or (lambda copy: self._cutter.export_snapshot(copy).data)
        self._group = str(uuid4())
        driver.create_group(self._group)
        self._volumes = [VolumeSpec(str(uuid4()), 1, self._group) for _ in range(members)]
        for volume in self._volumes:
            driver.create_volume(volume)
        self._snapshots: list[SnapshotSpec] = []

    def members(self) -> list[JSON]:
        """See Contender."""
        return [self._driver.connection(volume).data for volume in self._volumes]

    def prepare(self) -> None:
        """See Contender."""
        cgsnapshot = str(uuid4())
        self._snapshots = [self._new_spec(volume, cgsnapshot) for volume in self._volumes]
        for copy in self._snapshots:
            self._cutter.prepare(copy)

    def cut(self) -> float | None:
        """See Contender."""
        cut_evidence = self._cutter.cut(self._snapshots[0].cgsnapshot_id, self._group, self._snapshots)
        return float(str(cut_evidence["duration_ms"]))

    def cut_one_by_one(self, between: Callable[[], None]) -> None:
        """Cut each member separately, calling ``between`` after each. The checker must detect this."""
        self._snapshots = []
        for volume in self._volumes:
            copy = self._new_spec(volume, str(uuid4()))
            self._cutter.prepare(copy)
            self._cutter.cut(copy.cgsnapshot_id, self._group, [copy])
            self._snapshots.append(copy)
            between()

    def snapshots(self) -> list[JSON]:
        """See Contender."""
        return [self._find(copy) for copy in self._snapshots]

    def release_snapshots(self) -> None:
        """See Contender."""
        for copy in self._snapshots:
            self._cutter.unexport_snapshot(copy)

    def _new_spec(self, volume: VolumeSpec, cgsnapshot: str) -> SnapshotSpec:
        return SnapshotSpec(str(uuid4()), volume.id, cgsnapshot, self._group)
