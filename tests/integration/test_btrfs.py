"""A complete service on btrfs: a cgsnapshot created and deleted, or failed and undone, over HTTP."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ground, starting
from tests.support.btrfs_fixture import BLOCK, OpenFile
from tests.support.served_project import Project, single_byte_value

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def folder(btrfs_mount: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=btrfs_mount))


@pytest.fixture(scope="module")
def project(folder: Path) -> Iterator[Project]:
    with ground() as place, starting(place) as start:
        conf = place / "cgflow.conf"
        conf.write_text(f"[fast]\ndriver = btrfs\npath = {folder}\n")
        yield start("--drills", "--config-file", str(conf), backend="fast")


@pytest.fixture
def group(project: Project) -> Iterator[tuple[str, list[str]]]:
    """A group of three members, each filled with its number."""
    group_id, members = project.group(3)
    for value, volume_id in enumerate(members, start=1):
        with opened(project.client.volumes.connect(volume_id)) as file:
            file.write(0, bytes([value]) * BLOCK)
    yield group_id, members
    for row in project.client.cgsnapshots.select(consistencygroup_id=group_id):
        project.end(project.client.cgsnapshots.delete(row["id"]).flow_id)
    project.end(project.client.consistencygroups.delete(group_id, force=True).flow_id)
    assert project.usage() == {}
    assert project.claims() == []


def opened(info: dict[str, Any]) -> OpenFile:
    assert info["driver_volume_type"] == "local"
    path, is_copy = info["data"]["device_path"], info["data"]["read_only"]
    return OpenFile(path, 0, writable=False) if is_copy else OpenFile(path)


def cuts(folder: Path, group_id: str) -> list[str]:
    return os.listdir(folder / "fast" / "homes" / group_id / "cuts")


def held_by(project: Project, cgsnapshot_id: str, members: list[str]) -> list[int]:
    """Return the content of the snapshots, read by a client of their exports."""
    copies, held = project.copies(cgsnapshot_id), []
    for volume_id in members:
        with opened(project.client.snapshots.connect(copies[volume_id])) as file:
            held.append(single_byte_value(file.read(0, BLOCK)))
        project.client.snapshots.disconnect(copies[volume_id])
    return held


def test_a_cgsnapshot_comes_and_goes(project, group, folder):
    group_id, members = group
    cgsnapshot_id = project.made(project.ask_cgsnapshot(group_id))
    for volume_id in members:
        with opened(project.client.volumes.connect(volume_id)) as file:
            file.write(0, b"9" * BLOCK)
    assert held_by(project, cgsnapshot_id, members) == [1, 2, 3]
    evidence = project.client.cgsnapshots.get(cgsnapshot_id)["cgflow:evidence"]
    assert (evidence["level"], evidence["members"], evidence["skew_ms"]) == ("crash", 3, 0)
    assert "O_DIRECT" in evidence["promise"]
    assert cuts(folder, group_id) == [cgsnapshot_id]
    project.end(project.client.cgsnapshots.delete(cgsnapshot_id).flow_id)
    assert cuts(folder, group_id) == []


@pytest.mark.parametrize("call", ["prepare", "snapshot"])
def test_a_member_that_fails_takes_the_whole_cgsnapshot_back(project, group, folder, call):
    group_id, members = group
    before = project.usage()
    project.served.drill({"call": call, "target": members[1], "kind": "final", "when": "after"})
    accepted = project.ask_cgsnapshot(group_id)
    project.end(accepted.flow_id, "reverted")
    project.served.drill()
    assert cuts(folder, group_id) == []
    assert project.usage() == before
    assert project.client.consistencygroups.get(group_id)["status"] == "available"
    again = project.made(project.ask_cgsnapshot(group_id))
    assert held_by(project, again, members) == [1, 2, 3]
