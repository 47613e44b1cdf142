"""qemu-storage-daemon: QMP transactions in a daemon of the benchmark, compared with the driver's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.storage.contender import DriverContender
from benchmarks.storage.place import Place
from cgflow.drivers.contract import JSON
from cgflow.drivers.qsd.model.records import file_name
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.drivers.qsd.qemu.block_graph import BlockGraph
from cgflow.drivers.qsd.qemu.qmp_client import DaemonLost, QmpClient
from tests.support.qsd_fixture import QsdDriverFixture
from tests.support.requirements import require

GIB = 1 << 30
START_S = 30


class Bare:
    """A daemon and its transactions, without metadata."""

    def __init__(self, folder: Path, members: int) -> None:
        self._folder = folder
        self._socket = folder / "nbd"
        control = folder / "qmp"
        # In its own session, as the driver's daemons are: Linux schedules CPU time by session.
        self._process = subprocess.Popen(
            [
                "qemu-storage-daemon",
                *("--chardev", f"socket,id=control,path={control},server=on,wait=off"),
                *("--monitor", "chardev=control"),
                *("--nbd-server", f"addr.type=unix,addr.path={self._socket},max-connections=0"),
            ],
            start_new_session=True,
        )
        self._graph = BlockGraph(_connected(control), folder)
        self._last = members
        self._leaves = list(range(1, members + 1))
        self._next: list[int] = []
        self._frozen: list[int] = []
        self._shown: list[int] = []
        for leaf in self._leaves:
            qcow2.create(folder / file_name(leaf), GIB, None)
            self._graph.open_layer(leaf)
            self._graph.add_export(f"v{leaf}", leaf, writable=True)
        self._names = [f"v{leaf}" for leaf in self._leaves]

    def members(self) -> list[JSON]:
        """See Contender."""
        return [self._address(name) for name in self._names]

    def prepare(self) -> None:
        """See Contender."""
        self._next = [self._last + number for number in range(1, len(self._leaves) + 1)]
        self._last = self._next[-1]
        for overlay, leaf in zip(self._next, self._leaves, strict=True):
            qcow2.create(self._folder / file_name(overlay), GIB, file_name(leaf))
            self._graph.open_layer(overlay)

    def cut(self) -> None:
        """See Contender."""
        self._graph.cut(list(zip(self._leaves, self._next, strict=True)))
        self._frozen, self._leaves = self._leaves, self._next

    def snapshots(self) -> list[JSON]:
        """See Contender."""
        self._shown = self._frozen
        for layer in self._shown:
            self._graph.add_export(f"s{layer}", layer, writable=False)
        return [self._address(f"s{layer}") for layer in self._shown]

    def release_snapshots(self) -> None:
        """See Contender."""
        while self._shown:
            self._graph.remove_export(f"s{self._shown.pop()}")

    def close(self) -> None:
        """Terminate the daemon."""
        self._graph.client.close()
        self._process.terminate()
        self._process.wait()

    def _address(self, name: str) -> JSON:
        return {"uri": f"nbd+unix:///{name}?socket={self._socket}"}


class OnDisk:
    """Folders on the file system of /tmp."""

    kind = "qsd"
    python = sys.executable

    @contextmanager
    def bare(self, members: int) -> Iterator[Bare]:
        """See Place."""
        with tempfile.TemporaryDirectory(prefix="bare-", dir="/tmp") as folder:
            bare = Bare(Path(folder), members)
            try:
                yield bare
            finally:
                bare.close()

    @contextmanager
    def ours(self, members: int) -> Iterator[DriverContender]:
        """See Place."""
        bench = QsdDriverFixture()
        try:
            yield DriverContender(bench.start(), members)
        finally:
            bench.clean()

    def section(self) -> dict[str, str]:
        """See Place."""
        return {}


@contextmanager
def place() -> Iterator[Place]:
    """Yield the disk; skip if ``qemu-storage-daemon`` is missing."""
    require("qemu-storage-daemon")
    yield OnDisk()


def _connected(control: Path) -> QmpClient:
    deadline = time.monotonic() + START_S
    while True:
        try:
            return QmpClient(control)
        except DaemonLost:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
