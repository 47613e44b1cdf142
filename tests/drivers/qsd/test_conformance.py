"""The qsd driver keeps the contract, with real daemons and real NBD clients."""

import threading

import pytest

from cgflow.drivers.conformance import CompactionRules, DriverConformance, Harness, HostFileRules
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from tests.support.nbd_client import NbdClient
from tests.support.qsd_fixture import QsdDriverFixture, require_qsd
from tests.support.requirements import require_disks

pytestmark = [pytest.mark.real, pytest.mark.slow]


class OverNbd:
    """A backend whose clients keep one connection to each volume, and reconnect when it breaks."""

    def __init__(self) -> None:
        require_qsd()
        self.bench = QsdDriverFixture()
        self.bench.start()
        self._lock = threading.Lock()
        self._clients: dict[str, NbdClient] = {}

    @property
    def driver(self) -> QsdDriver:
        return self.bench.driver

    def write(self, volume: VolumeSpec, offset_bytes: int, data: bytes) -> None:
        self._client(volume).write(offset_bytes, data, fua=True)

    def read(self, volume: VolumeSpec, offset_bytes: int, length_bytes: int) -> bytes:
        return self._client(volume).read(offset_bytes, length_bytes)

    def read_snapshot(self, snapshot: SnapshotSpec, offset_bytes: int, length_bytes: int) -> bytes:
        with NbdClient.from_uri(str(self.driver.export_snapshot(snapshot).data["uri"])) as client:
            return client.read(offset_bytes, length_bytes)

    def disconnect(self, volume: VolumeSpec) -> None:
        client = self._clients.pop(volume.id, None)
        if client is not None:
            client.close()

    def restart(self) -> None:
        # Within one process, a dead driver's lock and sockets must be released: that is all stop does.
        self.bench.start()

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self.bench.clean()

    def _client(self, volume: VolumeSpec) -> NbdClient:
        with self._lock:
            client = self._clients.get(volume.id)
            if client is None or not client.is_connected:
                self.disconnect(volume)
                client = NbdClient.from_uri(str(self.driver.connection(volume).data["uri"]))
                self._clients[volume.id] = client
            return client


class TestQsd(DriverConformance, CompactionRules, HostFileRules):
    @pytest.fixture(autouse=True)
    def _parts(self, request: pytest.FixtureRequest) -> None:
        if request.node.name in vars(HostFileRules):
            require_disks()

    def make(self) -> Harness:
        return OverNbd()
