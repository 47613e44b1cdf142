"""Cancels and kills between a commit and the end of its step, on real volumes and over HTTP.

What a user saw as done stays done, including data written since.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cgflow.client.http import Accepted, ServiceError
from tests.integration.conftest import Serving, ground
from tests.support import serve_holding_flows
from tests.support.btrfs_fixture import OpenFile
from tests.support.nbd_client import NbdClient
from tests.support.requirements import require
from tests.support.served_project import BLOCK, Project, single_byte_value

pytestmark = [pytest.mark.real, pytest.mark.slow]

GIB = 2**30


class Holding(Serving):
    """A service whose next commit can be held."""

    def __init__(self, place: Path, backend: str, *options: str) -> None:
        super().__init__(place / "s", backend=backend, options=options)
        self._command[:1] = [sys.executable, serve_holding_flows.__file__]
        self._place = place
        for name in ("held", "goes_on"):
            os.mkfifo(place / name)

    def hold(self) -> None:
        """Hold the next commit."""
        (self._place / "hold").touch()

    def await_held(self) -> str:
        """Return the flow that is held, once it is held."""
        return (self._place / "held").read_text()


@pytest.fixture(scope="module", params=["qsd", "btrfs"])
def holding(request: pytest.FixtureRequest) -> Iterator[Project]:
    """One service on each kind of real storage, shared by all tests."""
    with ground() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv(serve_holding_flows.HOLD_IN, str(place))
        if request.param == "qsd":
            require("qemu-storage-daemon")
            served = Holding(place, "qsd")
        else:
            folder = tempfile.mkdtemp(dir=request.getfixturevalue("btrfs_mount"))
            conf = place / "cgflow.conf"
            conf.write_text(f"[fast]\ndriver = btrfs\npath = {folder}\n")
            served = Holding(place, "fast", "--config-file", str(conf))
        served.start()
        try:
            yield Project(served)
        finally:
            served.end()


def opened(project: Project, volume_id: str) -> Any:
    info = project.client.volumes.connect(volume_id)
    if info["driver_volume_type"] == "local":
        return OpenFile(info["data"]["device_path"])
    return NbdClient.from_uri(str(info["data"]["uri"]))


def written(project: Project, volume_id: str, value: int, offset: int = 0) -> None:
    with opened(project, volume_id) as client:
        if isinstance(client, NbdClient):
            client.write(offset, bytes([value]) * BLOCK, fua=True)
        else:
            client.write(offset, bytes([value]) * BLOCK)


def read(project: Project, volume_id: str, offset: int = 0) -> int:
    with opened(project, volume_id) as client:
        return single_byte_value(client.read(offset, BLOCK))


def begun(project: Project, ask: Any) -> Accepted:
    """Request an operation, and return when it is committed and held."""
    project.served.hold()
    accepted: Accepted = ask()
    assert project.served.await_held() == accepted.flow_id
    return accepted


def ended(project: Project, accepted: Accepted) -> None:
    """Cancel the operation, which is refused; kill and restart the service, and wait for the flow's end."""
    flow_id = str(accepted.flow_id)
    with pytest.raises(ServiceError, match="committed its change"):
        project.client.flows.request_action(flow_id, "cancel", reason="a change of mind")
    assert project.client.flows.get(flow_id)["committed_at"]
    project.served.kill()
    project.served.start()
    project.end(flow_id)
    assert project.claims() == []
    assert project.client.audit.fetch_report()["findings"] == []


def test_what_was_committed_stays_with_what_was_written_since(holding: Project) -> None:
    group_id, (member,) = holding.group(1)
    made = begun(holding, lambda: holding.ask_volume(group_id))
    volume_id = str(made.record["id"])
    assert holding.client.volumes.get(volume_id)["status"] == "available"
    written(holding, volume_id, 1)
    ended(holding, made)
    assert read(holding, volume_id) == 1

    grown = begun(holding, lambda: holding.client.volumes.extend(volume_id, 2))
    written(holding, volume_id, 2, 2 * GIB - BLOCK)
    ended(holding, grown)
    assert holding.client.volumes.get(volume_id)["size"] == 2
    assert read(holding, volume_id, 2 * GIB - BLOCK) == 2

    cut = begun(holding, lambda: holding.ask_cgsnapshot(group_id))
    written(holding, member, 3)
    ended(holding, cut)
    assert sorted(holding.copies(str(cut.record["id"]))) == sorted([member, volume_id])
    assert {"volumes": 2, "gigabytes": 6, "snapshots": 2}.items() <= holding.usage().items()

    holding.end(holding.client.cgsnapshots.delete(str(cut.record["id"])).flow_id)
    holding.end(holding.client.consistencygroups.delete(group_id, force=True).flow_id)
    assert holding.usage() == {}
