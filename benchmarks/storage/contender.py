"""Who is measured: something that has volumes, lets clients write to them, and cuts them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

from cgflow.drivers.conformance.ordering import Read, Write
from cgflow.drivers.contract import GroupSnapshots, SnapshotSpec, StorageDriver, VolumeSpec

Connect = Callable[[str], tuple[Write, Read]]


class Contender(Protocol):
    """Volumes of one group on one kind of storage."""

    name: str

    def writer(self) -> Write:
        """Return a way to write to the members, with connections of its own."""
        ...

    def prepare(self) -> None:
        """Do what can be done ahead of the next cut."""
        ...

    def cut(self) -> None:
        """Cut all members: what is timed."""
        ...

    def copies(self) -> list[Read]:
        """Return ways to read the copies of the last cut, in the order of the members."""
        ...

    def rest(self) -> None:
        """Let go of the copies of the last cut. They stay until the end: chains grow alike on both sides."""
        ...

    def close(self) -> None:
        """Disconnect the clients and remove everything."""
        ...


class ByDriver:
    """A group of one of cgflow's drivers, which is started and stays so; clients are the kind's own."""

    name = "cgflow"

    def __init__(self, driver: StorageDriver, members: int, clients: Clients) -> None:
        assert isinstance(driver, GroupSnapshots)
        self._driver, self._cutter, self._clients = driver, driver, clients
        self._group = str(uuid4())
        driver.create_group(self._group)
        self.volumes = [VolumeSpec(str(uuid4()), 1, self._group) for _ in range(members)]
        for volume in self.volumes:
            driver.create_volume(volume)
        self._copies: list[SnapshotSpec] = []
        self._old: list[SnapshotSpec] = []

    def writer(self) -> Write:
        """See Contender."""
        return self._clients.writer([self._driver.connection(volume).data for volume in self.volumes])

    def prepare(self) -> None:
        """See Contender."""
        cgsnapshot = str(uuid4())
        self._copies = [SnapshotSpec(str(uuid4()), v.id, cgsnapshot, self._group) for v in self.volumes]
        for copy in self._copies:
            self._cutter.prepare(copy)

    def cut(self) -> None:
        """See Contender."""
        self._cutter.cut(self._copies[0].cgsnapshot_id, self._group, self._copies)

    def copies(self) -> list[Read]:
        """See Contender."""
        return [self._clients.reader(self._cutter.export_snapshot(copy).data) for copy in self._copies]

    def rest(self) -> None:
        """See Contender."""
        self._clients.let_go()
        for copy in self._copies:
            self._cutter.unexport_snapshot(copy)
        self._old += self._copies

    def close(self) -> None:
        """See Contender."""
        self._clients.close()
        for copy in self._old:
            self._cutter.delete_snapshot(copy)
        for volume in self.volumes:
            self._driver.delete_volume(volume)
        self._driver.delete_group(self._group)


class Clients(Protocol):
    """How the volumes of one kind of storage are reached, from what a driver's connection tells."""

    def writer(self, addresses: list[dict[str, object]]) -> Write:
        """Connect to members, in their order."""
        ...

    def reader(self, address: dict[str, object]) -> Read:
        """Connect to a copy."""
        ...

    def let_go(self) -> None:
        """Disconnect from the copies."""
        ...

    def close(self) -> None:
        """Disconnect from everything."""
        ...


class Timed:
    """Writes, and how long each took."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._took: list[tuple[float, float]] = []

    def __call__(self, member: int, offset_bytes: int, data: bytes) -> None:
        """Write, and note it."""
        began = time.perf_counter()
        self._write(member, offset_bytes, data)
        self._took.append((began, time.perf_counter()))

    def longest_s(self, began: float, ended: float) -> float:
        """Return the seconds of the longest write that was under way between two moments; forget all."""
        took, self._took = self._took, []
        return max((end - start for start, end in took if end >= began and start <= ended), default=0.0)
