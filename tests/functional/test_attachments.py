"""Attachments as separate resources, from 3.27 on."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.functional.volume_actions import read_volume

SERVER = str(uuid.uuid4())


def attachment(caller: Caller, **body: Any) -> dict[str, Any]:
    answer = caller.post("/attachments", {"attachment": body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json["attachment"]
    return found


def test_the_life_of_an_attachment(modern: Caller) -> None:
    volume_id = modern.volume()
    made = attachment(modern, volume_uuid=volume_id, instance_uuid=SERVER, connector=None)
    assert made == {
        "id": made["id"],
        "status": "reserved",
        "instance": SERVER,
        "volume_id": volume_id,
        "attached_at": "",
        "detached_at": "",
        "attach_mode": "rw",
        "connection_info": {},
    }
    volume = read_volume(modern, volume_id)
    assert (volume["status"], volume["attachments"]) == ("reserved", [])
    path = f"/attachments/{made['id']}"
    assert modern.get(path).json == {"attachment": made}

    connector = {"host": "h", "mountpoint": "/dev/vdb", "initiator": "x", "ip": "192.0.2.1"}
    connected = modern.put(path, {"attachment": {"connector": connector}}).json["attachment"]
    assert connected["status"] == "attaching"
    assert connected["connection_info"]["driver_volume_type"]
    assert read_volume(modern, volume_id)["status"] == "attaching"

    done = modern.post(f"{path}/action", {"os-complete": made["id"]})
    assert (done.status_code, done.data) == (204, b"")
    volume = read_volume(modern, volume_id)
    (attached,) = volume["attachments"]
    assert volume["status"] == "in-use"
    assert (attached["attachment_id"], attached["host_name"]) == (made["id"], "h")
    assert (attached["server_id"], attached["device"]) == (SERVER, "/dev/vdb")
    full = modern.get(path).json["attachment"]
    assert (full["status"], full["attached_at"]) == ("attached", attached["attached_at"])
    # Completing an attachment again changes nothing.
    assert modern.post(f"{path}/action", {"os-complete": None}).status_code == 204
    assert modern.get(path).json["attachment"] == full

    deleted = modern.delete(path)
    assert (deleted.status_code, deleted.json) == (200, {"attachments": []})
    volume = read_volume(modern, volume_id)
    assert (volume["status"], volume["attachments"]) == ("available", [])
    message = check_not_found(modern.get(path))
    assert message == f"Volume attachment could not be found with filter: attachment_id = {made['id']}."


def test_with_a_connector_the_address_is_told_at_once(modern: Caller) -> None:
    volume_id = modern.volume()
    made = attachment(modern, volume_uuid=volume_id, connector={"host": "h"}, mode="ro")
    assert (made["status"], made["attach_mode"], made["instance"]) == ("attaching", "ro", None)
    assert made["connection_info"]["driver_volume_type"]
    assert read_volume(modern, volume_id)["status"] == "attaching"


def test_a_connection_that_fails_leaves_no_attachment(modern: Caller, faults: FaultSchedule) -> None:
    volume_id = modern.volume()
    faults.add_fault(Fault("connection", "final"))
    body = {"attachment": {"volume_uuid": volume_id, "connector": {"host": "h"}}}
    check_fault(modern.post("/attachments", body), 400, "badRequest")
    assert read_volume(modern, volume_id)["status"] == "available"
    assert modern.get(f"/attachments?volume_id={volume_id}").json == {"attachments": []}


def test_a_moving_server_has_two(modern: Caller) -> None:
    volume_id = modern.volume()
    first = attachment(modern, volume_uuid=volume_id, instance_uuid=SERVER, connector={"host": "old"})
    modern.post(f"/attachments/{first['id']}/action", {"os-complete": None})
    second = attachment(modern, volume_uuid=volume_id, instance_uuid=SERVER, connector={"host": "new"})
    assert read_volume(modern, volume_id)["status"] == "in-use"
    for body in ({"instance_uuid": str(uuid.uuid4())}, {}):
        answer = modern.post("/attachments", {"attachment": {"volume_uuid": volume_id, **body}})
        assert "must be available to reserve" in check_fault(answer, 400, "badRequest")
    left = modern.delete(f"/attachments/{first['id']}").json["attachments"]
    assert [one["id"] for one in left] == [second["id"]]
    assert read_volume(modern, volume_id)["status"] == "attaching"


def test_lists_of_attachments(modern: Caller, stranger: Caller) -> None:
    volumes = [modern.volume() for _ in range(3)]
    made = [attachment(modern, volume_uuid=volume_id, instance_uuid=SERVER) for volume_id in volumes]
    short = [{key: one[key] for key in ("id", "status", "instance", "volume_id")} for one in reversed(made)]
    assert modern.get("/attachments").json == {"attachments": short}
    assert modern.get("/attachments/detail").json == {"attachments": made[::-1]}
    page = modern.get("/attachments?limit=2").json
    assert [one["id"] for one in page["attachments"]] == [one["id"] for one in short[:2]]
    assert "marker" in page["attachments_links"][0]["href"]
    found = modern.get(f"/attachments?volume_id={volumes[1]}&status=reserved&instance_id={SERVER}").json
    assert [one["id"] for one in found["attachments"]] == [made[1]["id"]]
    other = stranger.at(71)
    assert other.get("/attachments").json == {"attachments": []}
    for answer in (
        other.get(f"/attachments/{made[0]['id']}"),
        other.delete(f"/attachments/{made[0]['id']}"),
        other.put(f"/attachments/{made[0]['id']}", {"attachment": {"connector": {"host": "h"}}}),
        other.post(f"/attachments/{made[0]['id']}/action", {"os-complete": None}),
        other.post("/attachments", {"attachment": {"volume_uuid": volumes[0]}}),
    ):
        check_not_found(answer)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"volume_uuid": None},
        {"volume_uuid": 1},
        {"volume_uuid": ""},
        {"volume_uuid": "x", "connector": "h"},
        {"volume_uuid": "x", "connector": ["h"]},
        {"volume_uuid": "x", "mode": "wr"},
        {"volume_uuid": "x", "instance_uuid": 1},
        {"volume_uuid": "x", "colour": "red"},
    ],
)
def test_attachments_that_are_none(modern: Caller, body: object) -> None:
    check_fault(modern.post("/attachments", {"attachment": body}), 400, "badRequest")


@pytest.mark.parametrize("body", [{}, {"connector": None}, {"connector": "h"}, {"connector": [], "x": 1}])
def test_connectors_that_are_none(modern: Caller, body: object) -> None:
    check_fault(modern.put("/attachments/x", {"attachment": body}), 400, "badRequest")


def test_before_their_microversion_there_are_none(modern: Caller) -> None:
    made = attachment(modern, volume_uuid=modern.volume(), connector={"host": "h"})
    old = modern.at(26)
    check_not_found(old.get("/attachments"))
    check_not_found(old.get(f"/attachments/{made['id']}"))
    complete = (f"/attachments/{made['id']}/action", {"os-complete": None})
    check_not_found(modern.at(43).post(*complete))
    assert modern.at(44).post(*complete).status_code == 204


ODD_CONNECTORS = {
    "large": {"host": "h", "x": "x" * 17_000},
    "many keys": {str(number): "x" * 20 for number in range(1000)},
    "NUL": {"host": "a\x00b"},
    "NUL inside": {"host": "h", "more": [{"a": "\x00"}]},
    "NUL in a key": {"host": "h", "\x00": 1},
    "NUL behind a backslash": {"host": "\\\x00"},
}


@pytest.mark.parametrize("case", ODD_CONNECTORS)
def test_connectors_that_are_not_kept(modern: Caller, case: str) -> None:
    volume_id = modern.volume()
    body = {"volume_uuid": volume_id, "connector": ODD_CONNECTORS[case]}
    check_bad_request(modern.post("/attachments", {"attachment": body}), "connector")
    made = modern.post("/attachments", {"attachment": {"volume_uuid": volume_id}}).json["attachment"]
    change = {"attachment": {"connector": ODD_CONNECTORS[case]}}
    check_bad_request(modern.put(f"/attachments/{made['id']}", change), "connector")


def test_words_about_nul_are_kept(modern: Caller) -> None:
    body = {"volume_uuid": modern.volume(), "connector": {"host": "h", "note": "\\u0000 \\\\u0000"}}
    assert modern.post("/attachments", {"attachment": body}).status_code == 200
