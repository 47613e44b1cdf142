"""A project in a served cgflow: the requests of its users, and checks that all parts are consistent."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cgflow.client.client import Client
from cgflow.client.http import Accepted
from cgflow.drivers.qsd.home import manifest_file
from cgflow.drivers.qsd.model.records import Manifest
from tests.support.nbd_client import NbdClient
from tests.support.requirements import poll_until
from tests.support.served_process import Served

BLOCK = 4096
TYPE = "database"
WAIT_S = 60


class Project:
    """One project on one service. Each common operation is one call that waits for its end."""

    def __init__(self, served: Served, name: str = "demo") -> None:
        self.served = served
        self.name = name

    @property
    def client(self) -> Client:
        """A client of the service as it runs now."""
        return self.served.client(self.name)

    # Requests, and waiting for them

    def end(self, flow_id: str | None, state: str = "success") -> dict[str, Any]:
        """Follow a flow to its end and check its final state."""
        assert flow_id is not None
        follower = self.client.flows.follow(flow_id, timeout=WAIT_S)
        while True:
            try:
                next(follower)
            except StopIteration as end:
                flow: dict[str, Any] = end.value
                assert flow["state"] == state, flow
                return flow

    def made(self, accepted: Accepted) -> str:
        """Wait until a resource is created, and return its id."""
        self.end(accepted.flow_id)
        return str(accepted.record["id"])

    def event(self, flow_id: str | None, task: str, state: str) -> dict[str, Any]:
        """Wait for the first event by which a task of this kind reaches a state, and return it."""
        assert flow_id is not None
        for event in self.client.flows.follow(flow_id, timeout=WAIT_S):
            if event["task"] is not None and event["task"].startswith(task) and event["to"] == state:
                return event
        raise AssertionError(f"flow {flow_id} ended and {task} never was {state}")

    def type(self) -> str:
        """Create the type of the groups unless it exists."""
        if not self.client.types.find_by_name(TYPE):
            specs = {"consistencygroup_support": "<is> True"}
            self.client.types.create(TYPE, None, is_public=True, extra_specs=specs)
        return TYPE

    def ask_group(self, name: str = "g") -> Accepted:
        return self.client.consistencygroups.create(name, [self.type()], None, None)

    def ask_volume(self, group_id: str | None = None, name: str = "v", size: int = 1) -> Accepted:
        return self.client.volumes.create(
            name,
            size,
            volume_type=TYPE if group_id else None,
            consistencygroup_id=group_id,
            description=None,
            availability_zone=None,
        )

    def ask_cgsnapshot(self, group_id: str, name: str = "c") -> Accepted:
        return self.client.cgsnapshots.create(name, group_id, None)

    def group(self, members: int, name: str = "g") -> tuple[str, list[str]]:
        """Create a group with members; return its id and theirs."""
        group_id = self.made(self.ask_group(name))
        return group_id, [self.made(self.ask_volume(group_id, f"{name}{n}")) for n in range(members)]

    def copies(self, cgsnapshot_id: str) -> dict[str, str]:
        """Return the snapshot id of each volume in a cgsnapshot."""
        found = self.client.snapshots.select(cgsnapshot_id=cgsnapshot_id)
        return {copy["volume_id"]: copy["id"] for copy in found}

    # Data

    def open(self, volume_id: str) -> NbdClient:
        """Open a volume, as its user would."""
        return NbdClient.from_uri(self.address(volume_id))

    def address(self, volume_id: str) -> str:
        return str(self.client.volumes.connect(volume_id)["data"]["uri"])

    def write(self, volume_id: str, value: int, offset: int = 0) -> None:
        """Write one block of a byte value, durably."""
        with self.open(volume_id) as client:
            client.write(offset, bytes([value]) * BLOCK, fua=True)

    def read(self, volume_id: str, offset: int = 0) -> int:
        """Read one block, which must be of one byte value."""
        with self.open(volume_id) as client:
            return single_byte_value(client.read(offset, BLOCK))

    @contextmanager
    def copy(self, snapshot_id: str) -> Iterator[str]:
        """Export a snapshot, yield its address, and withdraw it."""
        try:
            yield str(self.client.snapshots.connect(snapshot_id)["data"]["uri"])
        finally:
            self.client.snapshots.disconnect(snapshot_id)

    # Consistency checks

    def usage(self) -> dict[str, int]:
        """Return the quota usage, and check that nothing is reserved."""
        lines = {name: line for name, line in self.client.quotas.show(self.name).items() if name != "id"}
        assert [name for name, line in lines.items() if line["reserved"]] == [], lines
        return {name: line["in_use"] for name, line in lines.items() if line["in_use"]}

    def homes(self) -> dict[str, Manifest]:
        """Return the manifests of the storage driver, by group or volume outside any."""
        folders = sorted((self.served.state_dir / "qsd" / "homes").iterdir())
        return {folder.name: manifest_file.read(folder) for folder in folders}

    def daemon(self, home_id: str) -> int:
        """Return the pid of the process that serves a home."""
        record = self.homes()[home_id].daemon
        assert record is not None
        return record.pid

    def check(self) -> None:
        """Check that rows, quota, driver and files agree, nothing is claimed, and volumes are readable."""
        client = self.client
        groups = {row["id"]: row["status"] for row in client.consistencygroups.select()}
        volumes = {row["id"]: row for row in client.volumes.select() if row["status"] != "error"}
        snapshots = {row["id"]: row for row in client.snapshots.select()}
        things = [*volumes.values(), *snapshots.values()]
        assert {row["status"] for row in things} <= {"available"}, things

        homes = self.homes()
        lone = {id_ for id_, row in volumes.items() if row["consistencygroup_id"] is None}
        alive = {id_ for id_, status in groups.items() if status == "available"}
        assert set(homes) == alive | lone
        assert {id_ for home in homes.values() for id_ in home.volumes} == set(volumes)
        held = [volume for home in homes.values() for volume in home.volumes.values()]
        assert {id_ for volume in held for id_ in volume.bound} == set(snapshots)
        assert [volume for volume in held if volume.pending or volume.resizing] == []
        assert {volume.id: volume.size_bytes // 2**30 for volume in held} == {
            id_: row["size"] for id_, row in volumes.items()
        }
        assert [id_ for id_, home in homes.items() if home.cutting] == []
        # Layers of deleted snapshots are merged in the background.
        poll_until(
            lambda: self._layers_on_disk() == self._layers_known(), "no file but those of known layers"
        )

        expected = {
            "groups": len(groups),
            "volumes": len(volumes),
            "snapshots": len(snapshots),
            "gigabytes": sum(row["size"] for row in things),
        }
        total = {name: count for name, count in self.usage().items() if name in expected}
        assert total == {name: count for name, count in expected.items() if count}
        assert self.claims() == []
        for id_ in volumes:
            with self.open(id_) as reached:
                assert len(reached.read(0, BLOCK)) == BLOCK

    def clear(self, group_id: str) -> None:
        """Remove a group with all that it holds, and check that nothing is left."""
        for row in self.client.cgsnapshots.select(consistencygroup_id=group_id):
            self.end(self.client.cgsnapshots.delete(row["id"]).flow_id)
        self.end(self.client.consistencygroups.delete(group_id, force=True).flow_id)
        self.check()
        assert group_id not in self.homes()

    def _layers_on_disk(self) -> dict[str, int]:
        homes = self.served.state_dir / "qsd" / "homes"
        return {folder.name: len(list(folder.glob("*.qcow2"))) for folder in homes.iterdir()}

    def _layers_known(self) -> dict[str, int]:
        return {id_: len(home.layers_in_daemon()) for id_, home in self.homes().items()}

    def claims(self) -> list[str]:
        """Return every claim of a flow, read directly from the database."""
        tables = ("consistencygroups", "volumes", "cgsnapshots", "snapshots")
        with open_database(self.served.state_dir) as reading:
            return [
                row[0]
                for table in tables
                for row in reading.execute(f"SELECT id FROM {table} WHERE claimed_by IS NOT NULL")
            ]


def single_byte_value(content: bytes) -> int:
    """Return the byte value that all bytes of a block have."""
    assert len(set(content)) == 1, "the block is torn"
    return content[0]


@contextmanager
def open_database(state_dir: Path) -> Iterator[sqlite3.Connection]:
    """Open the database of a service for reading."""
    connection = sqlite3.connect(f"{(state_dir / 'cgflow.db').as_uri()}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()
