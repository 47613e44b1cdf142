"""Snapshots of single volumes over HTTP."""

from __future__ import annotations

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found


def test_create_show_list_delete(caller: Caller) -> None:
    """S60: a single volume has a snapshot, a member as well, and the snapshot belongs to no cgsnapshot."""
    name = caller.type()
    for volume_id in (caller.volume(size=2), caller.member(caller.group(name), name, size=2)):
        body = {"volume_id": volume_id, "name": "daily", "description": "d", "force": False, "metadata": None}
        answer = caller.post("/snapshots", {"snapshot": body})
        created = answer.json["snapshot"]
        assert (created["status"], created["size"], created["volume_id"]) == ("creating", 2, volume_id)
        caller.done(answer)
        shown = caller.get(f"/snapshots/{created['id']}").json["snapshot"]
        assert (shown["status"], shown["name"]) == ("available", "daily")
        assert not {"cgsnapshot_id", "group_snapshot_id"} & shown.keys()
        assert caller.at(14).get(f"/snapshots/{created['id']}").json["snapshot"]["group_snapshot_id"] is None
        assert shown["os-extended-snapshot-attributes:progress"] == "100%"
        listed = caller.get(f"/snapshots/detail?volume_id={volume_id}").json["snapshots"]
        assert listed == [shown]
        assert caller.in_use()["snapshots"] == 1
        deleted = caller.delete(f"/snapshots/{created['id']}")
        assert (deleted.status_code, deleted.data) == (202, b"")
        caller.done(deleted)
        check_not_found(caller.get(f"/snapshots/{created['id']}"))
        assert "snapshots" not in caller.in_use()


def test_one_that_fails_leaves_a_record_that_holds_nothing(caller: Caller, faults: FaultSchedule) -> None:
    volume_id = caller.volume()
    faults.add_fault(Fault("cut", "final"))
    answer = caller.post("/snapshots", {"snapshot": {"volume_id": volume_id}})
    flow = caller.flow(answer)
    snapshot_id = answer.json["snapshot"]["id"]
    assert flow["state"] == "reverted"
    shown = caller.get(f"/snapshots/{snapshot_id}").json["snapshot"]
    assert shown["status"] == "error"
    assert shown["cgflow:reason"]
    assert "snapshots" not in caller.in_use()
    assert caller.get(f"/volumes/{volume_id}").json["volume"]["status"] == "available"
    # A failed snapshot does not prevent deleting its volume, and is deleted with it.
    caller.done(caller.delete(f"/volumes/{volume_id}"))
    check_not_found(caller.get(f"/snapshots/{snapshot_id}"))


def test_over_quota(caller: Caller) -> None:
    volume_id = caller.volume()
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"snapshots": 0}})
    answer = caller.post("/snapshots", {"snapshot": {"volume_id": volume_id}})
    assert check_fault(answer, 413, "overLimit") == "Maximum number of snapshots allowed (0) exceeded"
    assert caller.get("/snapshots").json == {"snapshots": []}


@pytest.mark.parametrize("volume_id", [1, [], {}, True])
def test_volumes_that_are_none(caller: Caller, volume_id: object) -> None:
    check_bad_request(caller.post("/snapshots", {"snapshot": {"volume_id": volume_id}}), "volume_id")


def test_of_an_unknown_volume(caller: Caller) -> None:
    answer = caller.post("/snapshots", {"snapshot": {"volume_id": None}})
    assert check_not_found(answer) == "Volume None could not be found."
    check_bad_request(caller.post("/snapshots", {"snapshot": {"volume_id": "nope"}}), "volume_id")
    check_bad_request(caller.post("/snapshots", {"snapshot": {}}), "volume_id")
    check_bad_request(
        caller.post("/snapshots", {"snapshot": {"volume_id": "nope", "force": "maybe"}}), "force"
    )


def test_force_does_not_take_one_out_of_a_cgsnapshot(caller: Caller) -> None:
    """S57: neither do administrator rights."""
    name = caller.type()
    group_id = caller.group(name)
    caller.member(group_id, name)
    caller.cgsnapshot(group_id)
    snapshot_id = caller.get("/snapshots").json["snapshots"][0]["id"]
    for answer in (
        caller.delete(f"/snapshots/{snapshot_id}"),
        caller.post(f"/snapshots/{snapshot_id}/action", {"os-force_delete": {}}),
    ):
        assert check_fault(answer, 400, "badRequest") == (
            f"Invalid snapshot: Snapshot {snapshot_id} is part of a cgsnapshot "
            "and has to be deleted together with the cgsnapshot."
        )


@pytest.mark.parametrize(
    ("noun", "action"),
    [
        ("volumes", "os-initialize_connection"),
        ("volumes", "os-terminate_connection"),
        # The file of a snapshot follows the rule for its address.
        ("snapshots", "os-initialize_connection"),
    ],
)
def test_a_file_of_the_host_is_for_administrators_and_for_backends_that_have_them(
    caller: Caller, member: Caller, noun: str, action: str
) -> None:
    volume_id = caller.volume()
    ids = {"volumes": volume_id, "snapshots": caller.snapshot(volume_id)}
    path = f"/{noun}/{ids[noun]}/action"
    wish = {action: {"connector": {"cgflow:file": True}}}
    assert "cgflow:host_file" in check_fault(member.post(path, wish), 403, "forbidden")
    assert "cannot serve files" in check_fault(caller.post(path, wish), 400, "badRequest")
    for nonsense in ("yes", 1, None):
        wrong = {action: {"connector": {"cgflow:file": nonsense}}}
        assert "cgflow:file" in check_fault(caller.post(path, wrong), 400, "badRequest")
    assert caller.post(path, {action: {"connector": {"cgflow:file": False}}}).status_code < 300
