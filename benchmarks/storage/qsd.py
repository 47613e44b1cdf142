"""qemu-storage-daemon: one daemon of our own with a transaction over QMP, beside the driver's."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.storage.contender import ByDriver
from cgflow.drivers.conformance.ordering import Read, Write
from cgflow.drivers.qsd import qcow2
from cgflow.drivers.qsd.blockgraph import BlockGraph, file_name
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.drivers.qsd.qmp import DaemonLost, QmpClient
from cgflow.nbd import NbdClient
from tests.support.qsd import Bench

GIB = 1 << 30
START_S = 30


class OverNbd:
    """NBD clients."""

    def __init__(self) -> None:
        self._writers: list[NbdClient] = []
        self._readers: list[NbdClient] = []

    def writer(self, addresses: list[dict[str, object]]) -> Write:
        """See Clients."""
        mine = [NbdClient.from_uri(str(address["uri"])) for address in addresses]
        self._writers += mine
        return lambda member, offset_bytes, data: mine[member].write(offset_bytes, data)

    def reader(self, address: dict[str, object]) -> Read:
        """See Clients."""
        self._readers.append(NbdClient.from_uri(str(address["uri"])))
        return self._readers[-1].read

    def let_go(self) -> None:
        """See Clients."""
        while self._readers:
            self._readers.pop().close()

    def close(self) -> None:
        """See Clients."""
        self.let_go()
        while self._writers:
            self._writers.pop().close()


class Bare:
    """A daemon and its transaction, with nothing written down."""

    name = "bare"

    def __init__(self, folder: Path, members: int) -> None:
        self._folder = folder
        self._socket = folder / "nbd"
        control = folder / "qmp"
        self._process = subprocess.Popen(
            [
                "qemu-storage-daemon",
                *("--chardev", f"socket,id=control,path={control},server=on,wait=off"),
                *("--monitor", "chardev=control"),
                *("--nbd-server", f"addr.type=unix,addr.path={self._socket},max-connections=0"),
            ]
        )
        self._graph = BlockGraph(_connected(control), folder)
        self._clients = OverNbd()
        self._last = members
        self._leaves = list(range(1, members + 1))
        self._frozen: list[int] = []
        self._next: list[int] = []
        for leaf in self._leaves:
            qcow2.create(folder / file_name(leaf), GIB, None)
            self._graph.open(leaf)
            self._graph.attach(f"v{leaf}", leaf, writable=True)
        self._names = [f"v{leaf}" for leaf in self._leaves]

    def writer(self) -> Write:
        """See Contender."""
        return self._clients.writer([self._address(name) for name in self._names])

    def prepare(self) -> None:
        """See Contender."""
        self._next = [self._last + number for number in range(1, len(self._leaves) + 1)]
        self._last = self._next[-1]
        for overlay, leaf in zip(self._next, self._leaves, strict=True):
            qcow2.create(self._folder / file_name(overlay), GIB, file_name(leaf))
            self._graph.open(overlay)

    def cut(self) -> None:
        """See Contender."""
        self._graph.cut(list(zip(self._leaves, self._next, strict=True)))

    def copies(self) -> list[Read]:
        """See Contender."""
        self._frozen, self._leaves = self._leaves, self._next
        for layer in self._frozen:
            self._graph.attach(f"s{layer}", layer, writable=False)
        return [self._clients.reader(self._address(f"s{layer}")) for layer in self._frozen]

    def rest(self) -> None:
        """See Contender."""
        self._clients.let_go()
        for layer in self._frozen:
            self._graph.detach(f"s{layer}")

    def close(self) -> None:
        """See Contender."""
        self._clients.close()
        self._graph.client.close()
        self._process.terminate()
        self._process.wait()

    def _address(self, name: str) -> dict[str, object]:
        return {"uri": f"nbd+unix:///{name}?socket={self._socket}"}


@contextmanager
def contenders(members: int) -> Iterator[tuple[Bare, ByDriver]]:
    """Give both, on the same file system."""
    with tempfile.TemporaryDirectory(prefix="bare-", dir="/tmp") as folder, _driver() as driver:
        bare = Bare(Path(folder), members)
        ours = ByDriver(driver, members, OverNbd())
        try:
            yield bare, ours
        finally:
            ours.close()
            bare.close()


@contextmanager
def _driver() -> Iterator[QsdDriver]:
    bench = Bench()
    try:
        yield bench.start()
    finally:
        bench.clean()


def _connected(control: Path) -> QmpClient:
    deadline = time.monotonic() + START_S
    while True:
        try:
            return QmpClient(control)
        except DaemonLost:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
