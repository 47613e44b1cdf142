"""Extending a volume in use, on real storage and over HTTP: refused under a client, and no data is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.support.nbd_client import NbdClient
from tests.support.requirements import poll_until
from tests.support.served_project import BLOCK, Project, single_byte_value

pytestmark = pytest.mark.real

GIB = 2**30
BLOCKS = 100


class Writer:
    """A client that keeps writing durably, one block after the other, until it is stopped."""

    def __init__(self, client: NbdClient) -> None:
        self._client = client
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.failures: list[OSError] = []
        self.written: dict[int, int] = {}
        self.count = 0

    def get_on(self) -> None:
        """Return when every block was rewritten."""
        wanted = self.count + BLOCKS
        poll_until(
            lambda: self.failures or self.count >= wanted, "the writes of a client that nobody disturbs"
        )
        assert self.failures == []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            block, value = self.count % BLOCKS, 1 + self.count % 251
            try:
                self._client.write(block * BLOCK, bytes([value]) * BLOCK, fua=True)
            except OSError as error:
                self.failures.append(error)
                return
            self.written[block] = value
            self.count += 1


@contextmanager
def writing(uri: str) -> Iterator[Writer]:
    with NbdClient.from_uri(uri) as client:
        writer = Writer(client)
        writer.start()
        try:
            yield writer
        finally:
            writer.stop()


def act(project: Project, volume_id: str, action: str, details: dict[str, Any]) -> str | None:
    """Post an action at microversion 3.42, and return the flow that runs it."""
    answer = requests.post(
        f"{project.served.url}/v3/{project.name}/volumes/{volume_id}/action",
        json={action: details},
        headers={"X-Auth-Token": f"admin:{project.name}", "OpenStack-API-Version": "volume 3.42"},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    return answer.headers.get("X-Cgflow-Flow-Id")


def state(project: Project, volume_id: str) -> tuple[str, int]:
    volume = project.client.volumes.get(volume_id)
    return volume["status"], volume["size"]


def test_a_volume_in_use_grows_when_its_client_lets_go_and_nothing_is_lost(shared: Project) -> None:
    volume_id = shared.made(shared.ask_volume())
    act(shared, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"})
    uri = shared.address(volume_id)
    with writing(uri) as writer:
        writer.get_on()
        refused = shared.end(act(shared, volume_id, "os-extend", {"new_size": 2}), "reverted")
        assert "cannot be resized while a client is connected: disconnect that client" in refused["reason"]
        assert state(shared, volume_id) == ("in-use", 1)
        assert shared.usage()["gigabytes"] == 1
        writer.get_on()

        # Calls to a busy backend are retried for some seconds, in which the client disconnects.
        flow_id = act(shared, volume_id, "os-extend", {"new_size": 2})
        shared.event(flow_id, "driver.extend", "RUNNING")
        writer.get_on()
    shared.end(flow_id)
    assert state(shared, volume_id) == ("in-use", 2)
    assert shared.usage()["gigabytes"] == 2
    assert shared.address(volume_id) == uri
    with NbdClient.from_uri(uri) as client:
        assert client.size_bytes == 2 * GIB
        assert len(writer.written) == BLOCKS
        for block, value in writer.written.items():
            assert single_byte_value(client.read(block * BLOCK, BLOCK)) == value
        client.write(2 * GIB - BLOCK, b"e" * BLOCK, fua=True)
        assert single_byte_value(client.read(2 * GIB - BLOCK, BLOCK)) == ord("e")
    act(shared, volume_id, "os-detach", {})
    shared.check()
    shared.end(shared.client.volumes.delete(volume_id).flow_id)
