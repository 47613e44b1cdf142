"""Messages to users about failed operations, and how long they are kept."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from cgflow import clock
from cgflow.db.repositories import message as messages
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.engine import conductor
from tests.functional.caller import Caller, check_not_found
from tests.support.world import World


def told(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.get(f"/messages{query}").json["messages"]
    return found


def failed(caller: Caller, faults: FaultSchedule) -> tuple[str, dict[str, Any]]:
    """Create a volume that fails; return its id and the flow."""
    faults.add_fault(Fault("create_volume", "final"))
    asked = caller.post("/volumes", {"volume": {"size": 1}})
    return asked.json["volume"]["id"], caller.flow(asked)


def test_a_failed_creation_is_told(modern: Caller, faults: FaultSchedule) -> None:
    volume_id, flow = failed(modern, faults)
    (message,) = told(modern)
    path = f"/messages/{message['id']}"
    assert message == {
        "id": message["id"],
        "event_id": "CGFLOW_VOLUME_CREATE_UNDONE",
        "user_message": f"volume.create failed and was undone: {flow['reason']}",
        "message_level": "ERROR",
        "resource_type": "VOLUME",
        "resource_uuid": volume_id,
        "request_id": flow["request_id"],
        "created_at": message["created_at"],
        "guaranteed_until": message["guaranteed_until"],
        "cgflow:flow_id": flow["id"],
        "links": message["links"],
    }
    assert message["links"][0]["href"].endswith(path)
    assert modern.get(path).json == {"message": message}
    deleted = modern.delete(path)
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert check_not_found(modern.get(path)) == f"Message {message['id']} could not be found."
    check_not_found(modern.delete(path))
    assert told(modern) == []


def test_a_failed_deletion_is_not_called_undone(modern: Caller, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("delete_volume", "final", times=None))
    flow = modern.flow(modern.delete(f"/volumes/{modern.volume()}"))
    assert [message["user_message"] for message in told(modern)] == [
        f"volume.delete failed, and what is gone stays so: {flow['reason']}"
    ]


def test_what_succeeds_is_not_told(modern: Caller) -> None:
    modern.done(modern.delete(f"/volumes/{modern.volume()}"))
    assert told(modern) == []


def test_a_failed_deletion_and_a_failed_cgsnapshot_are_told(modern: Caller, faults: FaultSchedule) -> None:
    name = modern.type()
    group_id = modern.group(name)
    modern.member(group_id, name)
    faults.add_fault(Fault("cut", "final"))
    modern.flow(modern.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group_id}}))
    volume_id = modern.volume()
    faults.add_fault(Fault("delete_volume", "final", times=None))
    modern.flow(modern.delete(f"/volumes/{volume_id}"))
    deletion, cut = told(modern)
    assert (deletion["event_id"], deletion["resource_uuid"]) == ("CGFLOW_VOLUME_DELETE_UNDONE", volume_id)
    assert (cut["event_id"], cut["resource_type"]) == ("CGFLOW_CGSNAPSHOT_CREATE_UNDONE", "CGSNAPSHOT")


def test_a_failed_rollback_is_told_once(
    modern: Caller, faults: FaultSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    faults.add_fault(Fault("create_volume", "ambiguous", when="after"))
    faults.add_fault(Fault("delete_volume", "ambiguous"))
    flow = modern.flow(modern.post("/volumes", {"volume": {"size": 1}}))
    assert flow["state"] == "rollback_failed"
    (message,) = told(modern)
    assert message["event_id"] == "CGFLOW_VOLUME_CREATE_ROLLBACK_FAILED"
    assert message["user_message"].startswith("volume.create failed, and undoing it failed as well: ")
    faults.clear()
    modern.post(f"/flows/{flow['id']}/action", {"retry": {}})
    assert modern.flow_ended(flow["id"])["state"] == "reverted"
    assert [one["event_id"] for one in told(modern)] == [
        "CGFLOW_VOLUME_CREATE_UNDONE",
        "CGFLOW_VOLUME_CREATE_ROLLBACK_FAILED",
    ]


def test_a_step_that_is_begun_again_tells_nothing_twice(
    modern: Caller, faults: FaultSchedule, served: World
) -> None:
    _, flow = failed(modern, faults)
    with served.database.write() as session:
        messages.record(session, flow["id"], messages.UNDONE, "said again")
    assert len(told(modern)) == 1


def test_lists_of_messages(modern: Caller, stranger: Caller, faults: FaultSchedule) -> None:
    volumes = [failed(modern, faults)[0] for _ in range(3)]
    everything = told(modern)
    assert [one["resource_uuid"] for one in everything] == volumes[::-1]
    for query in (
        f"resource_uuid={volumes[1]}",
        f"request_id={everything[1]['request_id']}",
        f"resource_type=VOLUME&message_level=ERROR&resource_uuid={volumes[1]}",
    ):
        assert told(modern, f"?{query}") == [everything[1]]
    assert told(modern, "?event_id=CGFLOW_VOLUME_DELETE_UNDONE") == []
    assert told(modern, "?sort=created_at:asc&limit=1") == [everything[2]]
    other = stranger.at(71)
    assert told(other) == []
    path = f"/messages/{everything[0]['id']}"
    check_not_found(other.get(path))
    check_not_found(other.delete(path))
    check_not_found(modern.get(f"/messages/{uuid.uuid4()}"))
    check_not_found(modern.at(2).get("/messages"))


def test_they_are_kept_for_thirty_days(modern: Caller, faults: FaultSchedule, served: World) -> None:
    failed(modern, faults)
    for days, kept in ((29, 1), (31, 0)):
        with served.database.write() as session:
            messages.delete_expired_and_excess(session, clock.now() + timedelta(days=days))
        assert len(told(modern)) == kept


def test_the_newest_of_a_project_are_kept(
    modern: Caller, faults: FaultSchedule, served: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MAX_PER_PROJECT", 2)
    volumes = [failed(modern, faults)[0] for _ in range(4)]
    with served.database.write() as session:
        messages.delete_expired_and_excess(session, clock.now())
    assert [one["resource_uuid"] for one in told(modern)] == volumes[:1:-1]
