"""The environment of every scene of the demo: a served cgflow, its client, and the printed report."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cgflow.client.client import Client
from cgflow.client.http import Accepted
from cgflow.drivers.conformance.write_order_checker import OrderedWriters, Write
from tests.support.nbd_client import NbdClient
from tests.support.served_process import Served

PROJECT = "demo"
WORKERS = 8


class Stage:
    """One run of the demo in one directory. ``figures`` are printed in the last line."""

    def __init__(self, root: Path) -> None:
        self.served = Served(root / "state", options=("--drills",))
        self.figures: dict[str, object] = {}
        self._began = time.monotonic()

    @property
    def client(self) -> Client:
        """A client of the service as it runs now."""
        return self.served.client(PROJECT)

    def title(self, words: str) -> None:
        """Print the title of a scene."""
        print(f"\n== {words}  [{time.monotonic() - self._began:.0f} s]", flush=True)

    def say(self, words: str) -> None:
        """Print an observation."""
        print(f"   {words}", flush=True)

    def type(self, command: str, *, code: int = 0) -> str:
        """Run a command, print it with its output, and check its exit code."""
        print(f"   $ cgflow {command}", flush=True)
        program = Path(sys.executable).with_name("cgflow")
        asked = [str(program), "--url", self.served.url, "--project", PROJECT, *shlex.split(command)]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=False)
        said = (done.stdout + done.stderr).rstrip()
        for line in said.splitlines():
            print(f"     {line}", flush=True)
        if done.returncode != code:
            raise AssertionError(f"'cgflow {command}' ended with {done.returncode}, not {code}")
        return said

    def follow(self, flow_id: str) -> dict[str, Any]:
        """Wait for a flow to end, across any restarts of the service, and return it."""
        follower = self.client.flows.follow(flow_id, timeout=120)
        while True:
            try:
                next(follower)
            except StopIteration as end:
                flow: dict[str, Any] = end.value
                return flow

    def finish(self, accepted: Accepted, state: str = "success") -> dict[str, Any]:
        """Follow a flow to its end, check its final state, and return it."""
        assert accepted.flow_id is not None
        flow = self.follow(accepted.flow_id)
        if flow["state"] != state:
            raise AssertionError(f"flow {flow['id']} ended {flow['state']}, not {state}: {flow['reason']}")
        return flow

    def make(self, accepted: Accepted) -> str:
        """Wait until a resource is created, and return its id."""
        self.finish(accepted)
        made: str = accepted.record["id"]
        return made

    def volume(self, group_id: str, kind: str, name: str) -> Accepted:
        """Request a volume of 1 GiB in a group."""
        return self.client.volumes.create(
            name,
            1,
            volume_type=kind,
            consistencygroup_id=group_id,
            description=None,
            availability_zone=None,
        )

    def connect(self, volume_id: str) -> NbdClient:
        """Open a volume over NBD, as its user would."""
        return NbdClient.from_uri(self.client.volumes.connect(volume_id)["data"]["uri"])

    @contextmanager
    def writing(self, volume_ids: list[str], first: int = 0) -> Iterator[OrderedWriters]:
        """Write tickets to the volumes, from number ``first``; each worker has connections of its own."""
        disks = [[self.connect(volume_id) for volume_id in volume_ids] for _ in range(WORKERS)]
        try:
            with OrderedWriters([_write(mine) for mine in disks], len(volume_ids), first) as writers:
                yield writers
        finally:
            for disk in (one for mine in disks for one in mine):
                disk.close()

    @contextmanager
    def copies(self, cgsnapshot_id: str, volume_ids: list[str]) -> Iterator[list[NbdClient]]:
        """Open the snapshots of a cgsnapshot, read-only, in the order of the volumes."""
        snapshots = self.client.snapshots.select(cgsnapshot_id=cgsnapshot_id)
        by_volume = {snapshot["volume_id"]: snapshot["id"] for snapshot in snapshots}
        opened = []
        try:
            for volume_id in volume_ids:
                uri = self.client.snapshots.connect(by_volume[volume_id])["data"]["uri"]
                opened.append(NbdClient.from_uri(uri))
            yield opened
        finally:
            for copy in opened:
                copy.close()
            for volume_id in volume_ids:
                self.client.snapshots.disconnect(by_volume[volume_id])

    def files(self) -> list[str]:
        """Return every image file of the backend."""
        homes = self.served.state_dir / "qsd" / "homes"
        return sorted(str(path.relative_to(homes)) for path in homes.rglob("*.qcow2"))

    def usage(self) -> dict[str, int]:
        """Return the quota usage of the project, including reserved amounts."""
        quota = self.client.quotas.show(PROJECT)
        return {
            resource: line["in_use"] + line["reserved"]
            for resource, line in quota.items()
            if isinstance(line, dict)
        }

    def world(self) -> dict[str, object]:
        """Return everything that a rolled-back operation must leave unchanged."""
        return {
            "files": self.files(),
            "quota": self.usage(),
            "snapshots": sorted(row["id"] for row in self.client.snapshots.select()),
            "volumes": sorted((row["id"], row["status"]) for row in self.client.volumes.select()),
        }


def _write(disks: list[NbdClient]) -> Write:
    return lambda member, offset_bytes, data: disks[member].write(offset_bytes, data)
