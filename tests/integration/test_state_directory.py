"""The state directory: every file in it is private, and its name may have any characters."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.support.nbd_client import NbdClient
from tests.support.served_project import BLOCK, single_byte_value

pytestmark = pytest.mark.real


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Give new processes a umask that permits everything to others."""
    former = os.umask(0)
    yield
    os.umask(former)


@pytest.mark.usefixtures("no_umask")
def test_nobody_else_has_any_right_in_it(place: Path, start: Start) -> None:
    (place / "s").mkdir(mode=0o755)
    project = start("--drills")
    group_id, [member, _] = project.group(2)
    project.write(member, 5)
    cgsnapshot_id = project.made(project.ask_cgsnapshot(group_id))
    project.served.drill({"call": "report", "kind": "busy"})
    with project.copy(project.copies(cgsnapshot_id)[member]):
        paths = [place / "s", *(place / "s").rglob("*")]
        assert any(stat.S_ISSOCK(path.lstat().st_mode) for path in paths)
        # The drill file belongs to the operator.
        ours = [path for path in paths if path.name != "faults.json"]
        assert [str(path) for path in ours if path.lstat().st_mode & 0o077] == []


def test_signs_of_urls_in_its_name_are_a_part_of_it(place: Path, start: Start) -> None:
    names = ["x?one", "x?two", "x%41", "x#a", "x&mode=memory"]
    projects = {name: start(backend="memory", name=name) for name in names}
    for name, project in projects.items():
        assert (place / name / "cgflow.db").is_file()
        project.client.types.create(f"only in {name}", None, is_public=True, extra_specs={})
    for name, project in projects.items():
        for other in names:
            assert bool(project.client.types.find_by_name(f"only in {other}")) is (other == name)
    assert {path.name for path in place.iterdir() if not path.name.endswith(".log")} == set(names)


def test_volumes_in_a_directory_with_signs_of_urls_can_be_reached(start: Start) -> None:
    project = start(name="q?a,b%41 c")
    group_id, [member] = project.group(1)
    project.write(member, 7)
    cgsnapshot_id = project.made(project.ask_cgsnapshot(group_id))
    with project.copy(project.copies(cgsnapshot_id)[member]) as address, NbdClient.from_uri(address) as copy:
        assert single_byte_value(copy.read(0, BLOCK)) == 7
    assert project.served.stop() == 0
    project.served.start()
    assert project.read(member) == 7
    project.check()
