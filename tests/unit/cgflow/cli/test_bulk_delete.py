"""Deleting several resources: each is tried, and any failure fails the command."""

from __future__ import annotations

import json

import pytest

from tests.support import wire_events
from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand


@pytest.fixture(autouse=True)
def volumes(service: CannedService) -> None:
    named = [{"id": f"id-{name}", "name": name} for name in "abc"]
    service.plays("GET", "/volumes/detail", {"volumes": named})
    for name in "ac":
        service.plays("DELETE", f"/volumes/id-{name}", status=202, flow=f"flow-{name}")
    service.refuses("DELETE", "/volumes/id-b", 400, "badRequest", "It is in a group.")


def test_one(cgflow: CgflowCommand) -> None:
    ran = cgflow("volume", "delete", "a")
    assert ran.exit_code == 0
    assert "cgflow flow follow flow-a" in ran.stdout


def test_one_that_is_refused_gives_its_own_error(cgflow: CgflowCommand) -> None:
    ran = cgflow("volume", "delete", "b")
    assert ran.exit_code == 1
    assert ran.stderr == "Error: It is in a group. (req-1)\n"


def test_the_others_are_deleted_and_each_failure_is_told(
    service: CannedService, cgflow: CgflowCommand
) -> None:
    """S145."""
    ran = cgflow("volume", "delete", "a", "b", "nope", "c", "a")
    assert ran.exit_code == 1
    assert len(service.requests("DELETE", "/volumes/id-a")) == 1, "named twice is deleted once"
    assert service.requests("DELETE", "/volumes/id-c")
    assert "2 of 4 volumes were not deleted:\n  b: It is in a group.\n  nope: No volume has" in ran.stderr


def test_in_json(cgflow: CgflowCommand) -> None:
    ran = cgflow("--json", "volume", "delete", "a", "b")
    assert ran.exit_code == 1
    assert json.loads(ran.stdout) == {"deleted": [{"name": "a", "id": "id-a", "flow_id": "flow-a"}]}
    error = json.loads(ran.stderr)["error"]
    assert error["code"] == "some_failed"
    assert [(each["name"], each["status"]) for each in error["failures"]] == [("b", 400)]


def test_waiting_for_each_the_gravest_end_is_told(service: CannedService, cgflow: CgflowCommand) -> None:
    for name, state in (("a", "success"), ("c", "rollback_failed")):
        flow = wire_events.flow_body(state, id=f"flow-{name}", reason="stuck.")
        service.plays_flow(flow, [])
    ran = cgflow("volume", "delete", "a", "b", "c", "--wait")
    assert ran.exit_code == 4, ran.output
    assert "volume a is deleted." in ran.stdout
    assert "2 of 3" in ran.stderr


def test_waiting_one_is_gone_before_the_next_is_asked_for(
    service: CannedService, cgflow: CgflowCommand
) -> None:
    """Two cgsnapshots of one group would refuse each other."""
    for name in "ac":
        service.plays_flow(wire_events.flow_body("success", id=f"flow-{name}"), [])
    assert cgflow("volume", "delete", "a", "c", "--wait").exit_code == 0
    asked = [(each.method, each.path.rpartition("/")[2]) for each in service.asked]
    assert asked.index(("GET", "flow-a")) < asked.index(("DELETE", "id-c"))
