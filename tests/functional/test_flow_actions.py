"""Flow actions over HTTP: permissions, required fields and effects."""

from __future__ import annotations

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.engine import conductor
from tests.functional.caller import Caller, check_bad_request


def stuck(caller: Caller, faults: FaultSchedule, monkeypatch: pytest.MonkeyPatch) -> str:
    """Create a volume whose creation and undo both fail, and return the id of its flow."""
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    faults.add_fault(Fault("create_volume", "ambiguous", when="after"))
    faults.add_fault(Fault("delete_volume", "ambiguous"))
    flow = caller.flow(caller.post("/volumes", {"volume": {"size": 1}}))
    assert flow["state"] == "rollback_failed"
    assert [item["task"] for item in flow["leftovers"] if item["state"] == "REVERT_FAILURE"] == [
        "driver.create_volume"
    ]
    return str(flow["id"])


def test_retry_finishes_the_undo(
    caller: Caller, faults: FaultSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow_id = stuck(caller, faults, monkeypatch)
    answer = caller.post(f"/flows/{flow_id}/action", {"retry": {}})
    assert answer.status_code == 202
    events = caller.get(f"/flows/{flow_id}/events").json["events"]
    pressed = [event["result"] for event in events if isinstance(event["result"], dict)]
    asked_by = {"by": "ada", "request_id": answer.headers["X-Openstack-Request-Id"], "reason": None}
    assert {"action": "retry", **asked_by} in pressed
    while caller.get(f"/flows/{flow_id}").json["flow"]["state"] == "reverting":
        caller.get(f"/flows/{flow_id}/events?after={len(events)}&wait=5")
        events = caller.get(f"/flows/{flow_id}/events").json["events"]
    assert caller.get(f"/flows/{flow_id}").json["flow"]["state"] == "reverted"


def test_skip_and_abandon_want_a_reason(
    caller: Caller, faults: FaultSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow_id = stuck(caller, faults, monkeypatch)
    path = f"/flows/{flow_id}/action"
    check_bad_request(caller.post(path, {"skip": {"task": "driver.create_volume"}}), "skip.reason")
    check_bad_request(caller.post(path, {"abandon": {"reason": ""}}), "abandon.reason")
    assert "exactly one action" in check_bad_request(
        caller.post(path, {"retry": {}, "abandon": {"reason": "x"}})
    )
    assert "no such action" in check_bad_request(caller.post(path, {"explode": {}}))
    assert caller.get(f"/flows/{flow_id}").json["flow"]["state"] == "rollback_failed"
    assert caller.post(path, {"abandon": {"reason": "gone"}}).status_code == 202
    assert caller.get(f"/flows/{flow_id}").json["flow"]["state"] == "abandoned"


def test_only_what_fits_the_state_is_done(caller: Caller) -> None:
    flow = caller.flow(caller.post("/volumes", {"volume": {"size": 1}}))
    for action, details in (
        ("retry", {}),
        ("cancel", {"reason": "x"}),
        ("resume", {}),
        ("abandon", {"reason": "x"}),
    ):
        answer = caller.post(f"/flows/{flow['id']}/action", {action: details})
        assert "success" in check_bad_request(answer)
    assert "only one whose rollback has failed, or that goes on failing" in check_bad_request(answer)
    assert caller.post("/flows/nothing/action", {"retry": {}}).status_code == 404
