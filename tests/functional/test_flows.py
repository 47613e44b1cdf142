"""Flows over HTTP: following an operation, and its history afterwards."""

from __future__ import annotations

import threading
import time
import uuid

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_not_found

ITEM = {
    *("id", "operation", "state", "resource_type", "resource_id", "consistencygroup_id", "project_id"),
    *("user_id", "request_id", "version", "epoch", "conductor", "reason", "created_at", "started_at"),
    *("ended_at", "duration_ms", "links"),
}
DETAIL = {
    *("tasks", "summary", "actions", "leftovers", "removed", "skipped", "cancel_reason", "undo_attempts"),
    *("committed_at", "undo_at"),
}
TASK = {
    *("name", "state", "updated_at", "attempts", "started_at", "ended_at", "execution", "duration_ms"),
    *("result", "failure", "undo", "undo_attempts", "undo_duration_ms", "undo_failure", "skipped"),
    *("taken_over", "outcome"),
}
EVENT = {"seq", "at", "task", "from", "to", "attempt", "duration_ms", "conductor", "result", "failure"}


def test_a_flow_with_its_tasks_and_events(caller: Caller) -> None:
    answer = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": caller.type()}})
    flow = caller.flow(answer)
    assert set(flow) == ITEM | DETAIL
    assert (flow["operation"], flow["state"]) == ("consistencygroup.create", "success")
    assert flow["resource_id"] == flow["consistencygroup_id"] == answer.json["consistencygroup"]["id"]
    assert flow["request_id"] == answer.headers["X-Openstack-Request-Id"]
    assert (flow["project_id"], flow["user_id"]) == (caller.project, "ada")
    assert flow["duration_ms"] > 0
    assert flow["leftovers"] == []
    assert flow["tasks"]
    for task in flow["tasks"]:
        assert set(task) == TASK
        assert task["state"] == "SUCCESS"

    events = caller.get(f"/flows/{flow['id']}/events").json["events"]
    assert all(set(event) == EVENT for event in events)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["task"] for event in events} == {None, *(task["name"] for task in flow["tasks"])}
    assert (events[-1]["task"], events[-1]["to"]) == (None, "success")
    assert [flow["created_at"], flow["started_at"]] == [event["at"] for event in events[:2]]
    assert flow["ended_at"] == events[-1]["at"], "flow and history go by one clock"
    for link in flow["links"]:
        assert caller._client.get(link["href"], headers=caller._headers).status_code == 200


def test_events_in_parts(caller: Caller) -> None:
    flow = caller.flow(caller.post("/volumes", {"volume": {"size": 1}}))
    path = f"/flows/{flow['id']}/events"
    events = caller.get(path).json["events"]
    assert caller.get(f"{path}?limit=2").json["events"] == events[:2]
    assert caller.get(f"{path}?after=2").json["events"] == events[2:]
    began = time.monotonic()
    assert caller.get(f"{path}?after={len(events)}&wait=20").json["events"] == []
    assert time.monotonic() - began < 10, "a flow that has ended is not waited for"


def test_a_question_is_held_open_until_something_happens(caller: Caller, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("create_volume", "hang"))
    answer = caller.post("/volumes", {"volume": {"size": 1}})
    path = f"/flows/{answer.headers['X-Cgflow-Flow-Id']}/events"
    assert faults.await_firings(1, 10)
    seen = caller.get(path).json["events"][-1]["seq"]
    assert caller.get(f"{path}?after={seen}&wait=0.05").json["events"] == []
    timer = threading.Timer(0.2, faults.release_hanging_calls)
    timer.start()
    began = time.monotonic()
    assert caller.get(f"{path}?after={seen}&wait=20").json["events"]
    assert time.monotonic() - began < 15
    timer.join()
    caller.done(answer)


def test_a_failure_is_told(caller: Caller, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("create_volume", "final"))
    flow = caller.flow(caller.post("/volumes", {"volume": {"size": 1}}))
    assert flow["state"] == "reverted"
    assert flow["reason"]
    failed = [task for task in flow["tasks"] if task["failure"]]
    assert [task["name"] for task in failed] == ["driver.create_volume"]


def test_lists_and_filters(caller: Caller, stranger: Caller) -> None:
    name = caller.type()
    group_id = caller.group(name)
    volume_id = caller.member(group_id, name)

    def operations(query: str) -> list[str]:
        return [flow["operation"] for flow in caller.get(f"/flows{query}").json["flows"]]

    assert operations("") == ["volume.create", "consistencygroup.create"]
    assert operations("?operation=volume.create") == ["volume.create"]
    assert operations("?state=success") == ["volume.create", "consistencygroup.create"]
    assert operations("?state=running") == []
    assert operations(f"?resource={volume_id}") == ["volume.create"]
    assert operations(f"?resource={group_id}") == ["volume.create", "consistencygroup.create"]
    assert operations("?resource_type=volume") == ["volume.create"]
    page = caller.get("/flows?limit=1").json
    assert set(page["flows"][0]) == ITEM
    following = caller._client.get(page["flows_links"][0]["href"], headers=caller._headers).json
    assert [flow["operation"] for flow in following["flows"]] == ["consistencygroup.create"]
    assert "flows_links" not in following
    assert stranger.get("/flows").json == {"flows": []}


def test_the_graph(caller: Caller) -> None:
    flow = caller.flow(caller.post("/volumes", {"volume": {"size": 1}}))
    answer = caller.get(f"/flows/{flow['id']}/graph")
    assert answer.status_code == 200
    assert answer.mimetype == "text/vnd.graphviz"
    assert answer.text.startswith('digraph "volume.create"')
    for task in flow["tasks"]:
        assert f'"{task["name"]}"' in answer.text


@pytest.mark.parametrize("part", ["", "/events", "/graph"])
def test_unknown_ones_and_those_of_others(caller: Caller, stranger: Caller, part: str) -> None:
    unknown = str(uuid.uuid4())
    assert check_not_found(caller.get(f"/flows/{unknown}{part}")) == f"Flow {unknown} could not be found."
    flow = caller.flow(caller.post("/volumes", {"volume": {"size": 1}}))
    check_not_found(stranger.get(f"/flows/{flow['id']}{part}"))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=-1", "after"),
        (f"after={10**30}", "after"),
        ("wait=31", "wait"),
        ("wait=-1", "wait"),
        ("wait=nan", "wait"),
        ("wait=inf", "wait"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
    ],
)
def test_questions_that_are_none(caller: Caller, query: str, field: str) -> None:
    check_bad_request(caller.get(f"/flows/x/events?{query}"), field)
