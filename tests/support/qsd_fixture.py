"""A bench for the qsd driver: a short temporary directory, and the end of every daemon started in it."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cgflow.drivers.contract import Connection, SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.drivers.qsd.home import manifest_file
from cgflow.drivers.qsd.home.home import ignore_trace_point
from cgflow.drivers.qsd.home.state_dir import StateDir
from cgflow.drivers.qsd.model.records import Manifest
from cgflow.drivers.qsd.qemu import daemon_process
from cgflow.errors import DriverError
from tests.support.nbd_client import NbdClient

MIB = 1024**2
BLOCK = 4096


def require_qsd() -> None:
    """Skip without the program, unless the environment requires it."""
    if shutil.which("qemu-storage-daemon") is None:
        reason = "qemu-storage-daemon is missing (apt-get install qemu-system-common)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


class QsdDriverFixture:
    """Starts one driver after another on the same state directory, with the same ``options``."""

    def __init__(self, root: Path | None = None, **options: Any) -> None:
        # Not in pytest's own directories, whose paths are too long: socket paths are limited to 107 bytes.
        self.root = Path(tempfile.mkdtemp(prefix="qsd-", dir="/tmp")) if root is None else root
        self.state_dir = self.root / "s"
        self.options = options
        self.driver = QsdDriver(self.state_dir, **options)
        self._clients: list[NbdClient] = []

    def start(self, trace: Callable[[str], None] | None = None) -> QsdDriver:
        """Stop the current driver and start a new one, as the next process would."""
        self.driver.stop()
        self.driver = QsdDriver(self.state_dir, trace=trace or ignore_trace_point, **self.options)
        self.driver.start()
        return self.driver

    def make_group(self, count: int, group_id: str = "g") -> list[VolumeSpec]:
        """Create a consistency group with volumes named after it."""
        volumes = volume_specs(count, group_id)
        self.driver.create_group(group_id)
        for volume in volumes:
            self.driver.create_volume(volume)
        return volumes

    def client(self, connection: Connection) -> NbdClient:
        """Connect, until ``hang_up`` or the end of the test."""
        client = NbdClient.from_uri(str(connection.data["uri"]))
        self._clients.append(client)
        return client

    def hang_up(self) -> None:
        clients, self._clients = self._clients, []
        for client in clients:
            client.close()

    def manifest(self, home_id: str) -> Manifest:
        return manifest_file.read(self.state_dir / "homes" / home_id)

    def files(self, home_id: str) -> list[str]:
        """Return the names of the layer files of a home."""
        folder = self.state_dir / "homes" / home_id
        return sorted(path.name for path in folder.glob("*.qcow2"))

    def pid(self, home_id: str) -> int:
        record = self.manifest(home_id).daemon
        assert record is not None
        assert daemon_process.start_time(record.pid) == record.start_time
        return record.pid

    def pid_recorded(self, home_id: str) -> int | None:
        """Return the pid of the daemon that the manifest names, alive or not."""
        record = self.manifest(home_id).daemon
        return None if record is None else record.pid

    def kill_daemon(self, home_id: str) -> None:
        """Kill the daemon of a home, and return when it is dead."""
        folder = self.state_dir / "homes" / home_id
        found = daemon_process.connect_if_running(
            folder, StateDir(self.state_dir).sockets(home_id), lambda: None
        )
        assert found is not None
        os.kill(found.record.pid, signal.SIGKILL)
        found.disconnect()
        daemon_process.await_end_or_kill(folder, found.record)

    def clean(self) -> None:
        """End the driver and all daemons, and remove the directory."""
        self.hang_up()
        self.driver.stop()
        files = StateDir(self.state_dir).mounts
        for name in files.wanted_exports():
            files.remove(name)
        homes = self.state_dir / "homes"
        for folder in homes.iterdir() if homes.exists() else []:
            if not folder.is_dir():
                continue
            found = daemon_process.connect_if_running(
                folder, StateDir(self.state_dir).sockets(folder.name), lambda: None
            )
            if found is not None:
                found.quit()
        shutil.rmtree(self.root)


def started_driver_fixture(**options: Any) -> Iterator[QsdDriverFixture]:
    """The body of a fixture: a bench with a started driver, cleaned at the end."""
    require_qsd()
    bench = QsdDriverFixture(**options)
    try:
        bench.start()
        yield bench
    finally:
        bench.clean()


class ActionAtPoint:
    """An action that runs once, when the driver reaches a point."""

    def __init__(self, point: str, action: Callable[[], object]) -> None:
        self.point = point
        self.action: Callable[[], object] | None = action
        self.raised: list[DriverError] = []

    def __call__(self, reached: str) -> None:
        if reached == self.point and self.action is not None:
            action, self.action = self.action, None
            try:
                action()
            except DriverError as error:
                self.raised.append(error)


def volume_specs(count: int, group_id: str = "g") -> list[VolumeSpec]:
    prefix = "" if group_id == "g" else f"{group_id}-"
    return [VolumeSpec(id=f"{prefix}v{index}", size_gib=1, group_id=group_id) for index in range(count)]


def snapshot_specs(volumes: list[VolumeSpec], name: str) -> list[SnapshotSpec]:
    return [
        SnapshotSpec(
            id=f"{name}.{volume.id}", volume_id=volume.id, cgsnapshot_id=name, group_id=str(volume.group_id)
        )
        for volume in volumes
    ]


def take_cgsnapshot(driver: QsdDriver, volumes: list[VolumeSpec], name: str) -> list[SnapshotSpec]:
    """Take a cgsnapshot of these volumes, as the flow does."""
    snapshots = snapshot_specs(volumes, name)
    for snapshot in snapshots:
        driver.prepare(snapshot)
    driver.cut(name, snapshots[0].group_id, snapshots)
    for snapshot in snapshots:
        driver.snapshot(snapshot)
    return snapshots


def read_snapshot(driver: QsdDriver, snapshot: SnapshotSpec, offset: int = 0, length: int = BLOCK) -> bytes:
    """Export a snapshot, read from it, and withdraw it."""
    with NbdClient.from_uri(str(driver.export_snapshot(snapshot).data["uri"])) as client:
        content = client.read(offset, length)
    driver.unexport_snapshot(snapshot)
    return content


def write_block(driver: QsdDriver, volume: VolumeSpec, value: int, offset: int = 0) -> None:
    """Open a volume as a client, write one block of a byte value durably, and close it."""
    with NbdClient.from_uri(str(driver.connection(volume).data["uri"])) as client:
        client.write(offset, bytes([value]) * BLOCK, fua=True)


def read_block(driver: QsdDriver, volume: VolumeSpec, offset: int = 0) -> bytes:
    with NbdClient.from_uri(str(driver.connection(volume).data["uri"])) as client:
        return client.read(offset, BLOCK)
