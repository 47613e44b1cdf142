"""Ceph: a group snapshot by librbd's bindings in a child process, compared with the driver's in one pool."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from benchmarks.storage.child_process import ChildProcess
from benchmarks.storage.contender import DriverContender
from benchmarks.storage.place import Place
from cgflow.drivers.contract import JSON, SnapshotSpec
from cgflow.drivers.rbd.driver import RbdDriver
from tests.support.ceph_cluster import POOL, PYTHON, USER, Cluster


class Bare:
    """A group of images and librbd's snapshots of it."""

    def __init__(self, child: ChildProcess, cluster: Cluster, members: int) -> None:
        self._child = child
        self._reached: JSON = {"conf": str(cluster.conf), "pool": POOL, "auth_username": USER}
        self._snap = ""
        group = f"bare-{uuid4()}"
        self._images = [f"{group}-{number}" for number in range(members)]
        child.connect(conf=str(cluster.conf), pool=POOL, user=USER)
        child.make(group=group, images=self._images)

    def members(self) -> list[JSON]:
        """See Contender."""
        return [{**self._reached, "image": image} for image in self._images]

    def prepare(self) -> None:
        """See Contender."""
        self._snap = str(uuid4())

    def cut(self) -> None:
        """See Contender."""
        self._child.cut(snap=self._snap)

    def snapshots(self) -> list[JSON]:
        """See Contender."""
        parts = self._child.copies(images=self._images, snap=self._snap)
        pairs = zip(self._images, parts, strict=True)
        return [{**self._reached, "image": image, "snap_id": part} for image, part in pairs]

    def release_snapshots(self) -> None:
        """See Contender."""


class OnCluster:
    """One pool of a cluster."""

    kind = "rbd"
    python = PYTHON

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @contextmanager
    def bare(self, members: int) -> Iterator[Bare]:
        """See Place."""
        with ChildProcess("group", PYTHON) as child:
            yield Bare(child, self._cluster, members)

    @contextmanager
    def ours(self, members: int) -> Iterator[DriverContender]:
        """See Place. Snapshots are read like those of the bare mechanism, not through the driver's server."""
        with tempfile.TemporaryDirectory(prefix="rbd-", dir="/tmp") as folder:
            driver = self._cluster.make_driver(Path(folder))
            driver.open_session(f"benchmark {uuid4()}")
            driver.start()
            try:
                yield DriverContender(driver, members, lambda copy: self._found(driver, copy))
            finally:
                driver.stop()

    def section(self) -> dict[str, str]:
        """See Place."""
        return {"conf": str(self._cluster.conf), "pool": POOL, "user": USER, "python": PYTHON}

    def _found(self, driver: RbdDriver, copy: SnapshotSpec) -> JSON:
        cut_evidence = driver.snapshot(copy)
        reached = {"conf": str(self._cluster.conf), "pool": POOL, "auth_username": USER}
        return {**reached, "image": cut_evidence["image"], "snap_id": cut_evidence["snap_id"]}


@contextmanager
def place() -> Iterator[Place]:
    """Yield a new cluster; skip if Ceph is not installed."""
    cluster = Cluster()
    try:
        yield OnCluster(cluster)
    finally:
        cluster.close()
