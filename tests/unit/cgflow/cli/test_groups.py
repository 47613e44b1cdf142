"""``cgflow group update``, ``create-from`` and ``revert``: their requests."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand

G, S, V, W = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "abcd")


@pytest.fixture(autouse=True)
def things(service: CannedService) -> None:
    service.plays("GET", "/consistencygroups/detail", {"consistencygroups": [{"id": G, "name": "db"}]})
    service.plays("GET", "/cgsnapshots/detail", {"cgsnapshots": [{"id": S, "name": "monday"}]})
    volumes = [{"id": V, "name": "data"}, {"id": W, "name": "log"}]
    service.plays("GET", "/volumes/detail", {"volumes": volumes})


def test_members_are_named_and_sent_by_id(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("PUT", f"/consistencygroups/{G}", status=202, flow="f")
    words = ("--add", "data", "--remove", "log", "--name", "orders")
    assert cgflow.json("group", "update", "db", *words)["flow_id"] == "f"
    (asked,) = service.requests("PUT", f"/consistencygroups/{G}")
    assert asked.body == {"consistencygroup": {"name": "orders", "add_volumes": V, "remove_volumes": W}}


def test_a_name_alone_needs_no_flow(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("PUT", f"/consistencygroups/{G}", status=202)
    assert cgflow("group", "update", "db", "--description", "d").exit_code == 0
    (asked,) = service.requests("PUT", f"/consistencygroups/{G}")
    assert asked.body == {"consistencygroup": {"description": "d"}}


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (("--cgsnapshot", "monday"), {"cgsnapshot_id": S, "source_cgid": None}),
        (("--group", "db"), {"cgsnapshot_id": None, "source_cgid": G}),
    ],
)
def test_a_group_is_made_from_one_source(
    service: CannedService, cgflow: CgflowCommand, words: tuple[str, ...], source: dict[str, str | None]
) -> None:
    made = {"consistencygroup": {"id": V, "name": "copy"}}
    service.plays("POST", "/consistencygroups/create_from_src", made, status=202, flow="f")
    assert cgflow.json("group", "create-from", "copy", *words)["flow_id"] == "f"
    (asked,) = service.requests("POST", "/consistencygroups/create_from_src")
    assert asked.body == {"consistencygroup-from-src": {"name": "copy", "description": None, **source}}


@pytest.mark.parametrize("words", [(), ("--cgsnapshot", "monday", "--group", "db")])
def test_of_no_source_or_two(service: CannedService, cgflow: CgflowCommand, words: tuple[str, ...]) -> None:
    assert cgflow("group", "create-from", "copy", *words).exit_code == 2
    assert service.asked == []


@pytest.mark.parametrize(("words", "safety"), [((), None), (("--safety", "before"), {"name": "before"})])
def test_a_group_is_put_back(
    service: CannedService, cgflow: CgflowCommand, words: tuple[str, ...], safety: dict[str, str] | None
) -> None:
    service.plays("POST", f"/consistencygroups/{G}/action", status=202, flow="f")
    assert "cgflow flow follow f" in cgflow("group", "revert", "db", "--to", "monday", *words).stdout
    (asked,) = service.requests("POST", f"/consistencygroups/{G}/action")
    assert asked.body == {"revert_to_cgsnapshot": {"cgsnapshot_id": S, "safety": safety}}


@pytest.mark.parametrize(
    ("words", "is_asked"),
    [
        (("revert", "db", "--to", "monday"), True),
        (("revert", "db", "--to", "monday", "--safety", "before"), False),
        (("revert", "db", "--to", "monday", "--yes"), False),
        (("delete", "db", "--force"), True),
        (("delete", "db", "--force", "--yes"), False),
        (("delete", "db"), False),
    ],
)
def test_a_person_is_asked_before_data_is_lost(
    service: CannedService, words: tuple[str, ...], is_asked: bool
) -> None:
    service.plays("POST", f"/consistencygroups/{G}/delete", status=202, flow="f")
    service.plays("POST", f"/consistencygroups/{G}/action", status=202, flow="f")
    ours, theirs = pty.openpty()
    code = "from cgflow.cli.main import main; main()"
    command = [sys.executable, "-c", code, "--url", service.url, "group", *words]
    ran = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    os.write(ours, b"n\n")
    _, said = ran.communicate(timeout=60)
    os.close(ours)
    posted = [one for one in service.asked if one.method == "POST"]
    assert ("[y/N]" in said, posted == []) == (is_asked, is_asked), said
