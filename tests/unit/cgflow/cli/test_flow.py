"""``cgflow flow``."""

from __future__ import annotations

import json

import pytest

from tests.support import wire_events
from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand
from tests.support.wire_events import FLOW, EventSequence


@pytest.fixture
def many(service: CannedService) -> EventSequence:
    story = EventSequence().step("driver.cut", 0, 5)
    for number in range(8):
        story.step(f"driver.snapshot[v{number}]", 6, 10)
    service.plays_flow(wire_events.flow_body(tasks=story.tasks()), story.move(None, "success", 412).events)
    return story


def test_list_passes_the_filters_on(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("GET", "/flows", {"flows": [wire_events.flow_body("reverted", reason="no space")]})
    ran = cgflow("flow", "list", "--state", "reverted", "--operation", "cgsnapshot.create", "--limit", "5")
    assert FLOW in ran.stdout
    assert "412 ms" in ran.stdout
    assert "no space" in ran.stdout
    assert service.asked[0].query == {"state": "reverted", "operation": "cgsnapshot.create", "limit": "5"}


def test_list_in_json_is_as_the_wire_has_it(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("GET", "/flows", {"flows": [wire_events.flow_body()]})
    assert cgflow.json("flow", "list") == {"flows": [wire_events.flow_body()]}


def test_list_takes_the_name_of_a_resource(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("GET", "/flows", {"flows": []})
    service.plays("GET", "/consistencygroups/detail", {"consistencygroups": [{"id": "g", "name": "db"}]})
    service.plays("GET", "/volumes/detail", {"volumes": []})
    service.plays("GET", "/cgsnapshots/detail", {"cgsnapshots": []})
    assert cgflow("flow", "list", "--resource", "db", "--all-projects").exit_code == 0
    assert service.asked[-1].query == {"resource": "g", "all_tenants": "1", "limit": "50"}
    service.plays("GET", "/volumes/detail", {"volumes": [{"id": "v", "name": "db"}]})
    assert cgflow("flow", "list", "--resource", "db").exit_code == 0
    ran = cgflow("flow", "list", "--resource", "db")
    assert "2 resources are named 'db'. Give the id of one: consistency group g, volume v." in ran.stderr
    assert cgflow("flow", "list", "--resource", FLOW).exit_code == 0
    assert service.asked[-1].query["resource"] == FLOW, "what has been deleted still has its flows"
    assert "No group, volume or cgsnapshot is named 'x'" in cgflow("flow", "list", "--resource", "x").stderr


def test_show_folds_and_unfolds(many: EventSequence, cgflow: CgflowCommand) -> None:
    shown = cgflow("flow", "show", FLOW).stdout
    assert shown.startswith(f"cgsnapshot.create  {FLOW}\n  resource  cgsnapshot ")
    assert "  ✓  driver.snapshot[...] x 8" in shown


def test_show_all(many: EventSequence, cgflow: CgflowCommand) -> None:
    assert "driver.snapshot[v7]" in cgflow("flow", "show", FLOW, "--all").stdout


def test_show_in_json(many: EventSequence, cgflow: CgflowCommand) -> None:
    assert cgflow.json("flow", "show", FLOW) == {"flow": wire_events.flow_body(tasks=many.tasks())}


def test_events(many: EventSequence, cgflow: CgflowCommand) -> None:
    lines = cgflow("flow", "events", FLOW).stdout.splitlines()
    assert len(lines) == 1 + len(many.events)
    assert "RUNNING" in lines[1]


def test_events_in_json(many: EventSequence, cgflow: CgflowCommand) -> None:
    assert cgflow.json("flow", "events", FLOW) == {"events": many.events}


def test_graph(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("GET", f"/flows/{FLOW}/graph", "digraph {}\n")
    assert cgflow("flow", "graph", FLOW).stdout == "digraph {}\n"
    assert cgflow.json("flow", "graph", FLOW) == {"dot": "digraph {}\n"}


def test_follow_ends_as_the_flow_did(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays_flow(
        wire_events.flow_body("reverted", reason="no."), EventSequence().move(None, "reverted", 9).events
    )
    ran = cgflow("flow", "follow", FLOW)
    assert ran.exit_code == 1
    assert "cgsnapshot.create reverted after 0.0 ms" in ran.stdout


def test_follow_in_json_is_a_stream_of_lines(many: EventSequence, cgflow: CgflowCommand) -> None:
    ran = cgflow("flow", "follow", FLOW, "--json")
    assert ran.exit_code == 0
    *events, last = map(json.loads, ran.stdout.splitlines())
    assert events == many.events
    assert last == {"flow": wire_events.flow_body(tasks=many.tasks())}


def test_an_unknown_flow_is_refused_at_once(cgflow: CgflowCommand) -> None:
    assert cgflow("flow", "follow", "nope").exit_code == 1
