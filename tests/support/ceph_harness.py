"""Fixtures for the rbd driver: drivers on the pool of a real cluster, and a client beside them."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.rbd.driver import RbdDriver
from cgflow.drivers.rbd.session import BindingsProcess
from tests.support.ceph_cluster import POOL, PYTHON, Cluster
from tests.support.nbd_client import NbdClient

_PATIENCE_S = 60.0


class Client:
    """A process that reads and writes volumes, and changes the pool as an operator might."""

    def __init__(self, cluster: Cluster) -> None:
        program = Path(__file__).with_name("ceph_client.py")
        self._child = BindingsProcess([PYTHON, "-I", str(program), str(cluster.conf), POOL])

    def __getattr__(self, call: str) -> Callable[..., Any]:
        return lambda **args: self._child.call(call, args, _PATIENCE_S)

    def close(self) -> None:
        self._child.kill()


@dataclass(frozen=True)
class Ceph:
    """A cluster, and a client of it that outlives the drivers."""

    cluster: Cluster
    client: Client


class CephHarness:
    """An empty pool, with a driver under a session of its own."""

    def __init__(self, ceph: Ceph, **options: object) -> None:
        self.cluster, self.client = ceph.cluster, ceph.client
        self.cluster.check()
        self.root = Path(tempfile.mkdtemp(prefix="rbd-", dir="/tmp"))
        self.options: dict[str, object] = options
        self._drivers: list[RbdDriver] = []
        self.driver = self.begin()

    def another(self) -> RbdDriver:
        made = self.cluster.make_driver(self.root, **self.options)
        self._drivers.append(made)
        return made

    def begin(self) -> RbdDriver:
        """Start a driver as the next process would."""
        driver = self.another()
        driver.open_session(f"start {uuid4()}")
        driver.start()
        return driver

    def write(self, volume: VolumeSpec, offset_bytes: int, data: bytes) -> None:
        text = base64.b64encode(data).decode()
        self.client.write(image=self._image(volume), offset=offset_bytes, data=text)

    def read(self, volume: VolumeSpec, offset_bytes: int, length_bytes: int) -> bytes:
        found = self.client.read(image=self._image(volume), offset=offset_bytes, length=length_bytes)
        return base64.b64decode(found)

    def read_snapshot(self, snapshot: SnapshotSpec, offset_bytes: int, length_bytes: int) -> bytes:
        with NbdClient.from_uri(str(self.driver.export_snapshot(snapshot).data["uri"])) as client:
            return client.read(offset_bytes, length_bytes)

    def disconnect(self, volume: VolumeSpec) -> None:
        self.client.release(image=f"volume-{volume.id}")

    def restart(self) -> None:
        # When a process is killed, its child process sees the end of its input, which is all that stop does.
        self.driver.stop()
        self.driver = self.begin()

    def close(self) -> None:
        for driver in self._drivers:
            driver.stop()
        self.client.wipe()
        shutil.rmtree(self.root)

    def _image(self, volume: VolumeSpec) -> str:
        return f"volume-{volume.id}"
