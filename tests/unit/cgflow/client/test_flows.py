"""Following a flow to its end, across a restart of the service."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest

from cgflow.client import Client
from cgflow.client.http import ServiceError, ServiceUnreachable, WaitTimedOut
from tests.support.canned_service import CannedService


def event(seq: int, to: str, task: str | None = None) -> dict[str, Any]:
    return {"seq": seq, "task": task, "to": to}


def drained(events: Generator[Any, None, Any]) -> tuple[list[int], Any]:
    seen = []
    while True:
        try:
            seen.append(next(events)["seq"])
        except StopIteration as end:
            return seen, end.value


def test_events_are_yielded_until_the_flow_has_ended(service: CannedService, client: Client) -> None:
    service.plays("GET", "/flows/f/events", {"events": [event(1, "running")]})
    service.plays("GET", "/flows/f/events", {"events": [event(2, "RUNNING", "a")]})
    service.plays("GET", "/flows/f/events", {"events": [event(3, "SUCCESS", "a"), event(4, "success")]})
    service.plays("GET", "/flows/f/events", {"events": []})
    service.plays("GET", "/flows/f", {"flow": {"id": "f", "state": "success"}})
    seen, flow = drained(client.flows.follow("f"))
    assert seen == [1, 2, 3, 4]
    assert flow["state"] == "success"
    asked = service.requests("GET", "/flows/f/events")
    assert [each.query["after"] for each in asked] == ["0", "1", "2", "4"]
    assert "wait" not in asked[0].query, "what has already happened is not waited for"
    assert asked[1].query["wait"] == "20"


def test_the_last_events_are_not_lost_between_two_answers(service: CannedService, client: Client) -> None:
    service.plays("GET", "/flows/f/events", {"events": []})
    service.plays("GET", "/flows/f/events", {"events": [event(1, "success")]})
    service.plays("GET", "/flows/f", {"flow": {"id": "f", "state": "success"}})
    assert drained(client.flows.follow("f"))[0] == [1]


def test_a_flow_that_was_taken_up_again_has_not_ended(service: CannedService, client: Client) -> None:
    service.plays("GET", "/flows/f/events", {"events": [event(1, "rollback_failed")]})
    service.plays("GET", "/flows/f/events", {"events": [event(2, "reverted")]})
    service.plays("GET", "/flows/f/events", {"events": []})
    service.plays("GET", "/flows/f", {"flow": {"id": "f", "state": "reverting"}})
    service.plays("GET", "/flows/f", {"flow": {"id": "f", "state": "reverted"}})
    seen, flow = drained(client.flows.follow("f"))
    assert (seen, flow["state"]) == ([1, 2], "reverted")


def test_a_restart_of_the_service_is_survived(service: CannedService, client: Client) -> None:
    service.plays("GET", "/flows/f/events", {"events": [event(1, "running")]})
    service.plays("GET", "/flows/f/events", drops=True)
    service.refuses("GET", "/flows/f/events", 503, "serviceUnavailable", "Starting.")
    service.plays("GET", "/flows/f/events", {"events": [event(2, "success")]})
    service.plays("GET", "/flows/f/events", {"events": []})
    service.plays("GET", "/flows/f", {"flow": {"id": "f", "state": "success"}})
    events = client.flows.follow("f")
    assert next(events)["seq"] == 1
    service.stop()
    again = threading.Timer(0.3, service.start)
    again.start()
    try:
        assert drained(events)[0] == [2]
    finally:
        again.join()


def test_patience_with_an_absent_service_ends(service: CannedService, client: Client) -> None:
    service.stop()
    try:
        with pytest.raises(ServiceUnreachable, match="Flow f continues .* with 'cgflow flow follow f'"):
            drained(client.flows.follow("f", patience=0.2))
    finally:
        service.start()


def test_the_time_in_all_ends_even_without_a_service(service: CannedService, client: Client) -> None:
    service.stop()
    try:
        with pytest.raises(WaitTimedOut, match="had not ended after 0.2 s. It continues"):
            drained(client.flows.follow("f", timeout=0.2))
    finally:
        service.start()


def test_the_time_in_all_ends(service: CannedService, client: Client) -> None:
    service.plays("GET", "/flows/f/events", {"events": []})
    service.plays("GET", "/flows/f", {"flow": {"id": "f", "state": "running"}})
    with pytest.raises(WaitTimedOut):
        drained(client.flows.follow("f", timeout=0.25))
    assert len(service.asked) < 20, "a service that does not hold the question open is not stormed"


def test_a_refusal_is_not_asked_again(service: CannedService, client: Client) -> None:
    with pytest.raises(ServiceError):
        drained(client.flows.follow("f"))
    assert len(service.asked) == 1


def test_all_events_take_as_many_answers_as_needed(service: CannedService, client: Client) -> None:
    service.plays("GET", "/flows/f/events", {"events": [event(1, "running")]})
    service.plays("GET", "/flows/f/events", {"events": [event(2, "success")]})
    service.plays("GET", "/flows/f/events", {"events": []})
    assert [each["seq"] for each in client.flows.all_events("f")] == [1, 2]


def test_the_graph_is_text(service: CannedService, client: Client) -> None:
    service.plays("GET", "/flows/f/graph", "digraph {}\n")
    assert client.flows.graph("f") == "digraph {}\n"
