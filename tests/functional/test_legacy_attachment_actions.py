"""Attaching volumes by volume actions, the older way."""

from __future__ import annotations

import uuid

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from flows.driver_calls import BUSY_PAUSES_S
from tests.functional.caller import Caller, check_fault, check_not_found
from tests.functional.volume_actions import act, act_and_read, read_volume

SERVER = str(uuid.uuid4())


def test_the_life_of_an_attachment_by_actions(caller: Caller, member: Caller) -> None:
    volume_id = caller.volume()
    assert act_and_read(caller, volume_id, "os-reserve")["status"] == "attaching"
    assert act(caller, volume_id, "os-initialize_connection", {"connector": {"host": "h"}}).status_code == 200
    where = {"instance_uuid": SERVER, "host_name": "h", "mountpoint": "/dev/vdb", "mode": "rw"}
    volume = act_and_read(caller, volume_id, "os-attach", where)
    (attachment,) = volume["attachments"]
    assert volume["status"] == "in-use"
    assert attachment == {
        "id": volume_id,
        "volume_id": volume_id,
        "attachment_id": attachment["attachment_id"],
        "server_id": SERVER,
        "host_name": "h",
        "device": "/dev/vdb",
        "attached_at": attachment["attached_at"],
    }
    assert read_volume(member, volume_id)["attachments"] == [attachment | {"host_name": None}]
    assert caller.get("/volumes/detail").json["volumes"][0]["attachments"] == [attachment]

    assert act_and_read(caller, volume_id, "os-begin_detaching")["status"] == "detaching"
    assert act_and_read(caller, volume_id, "os-roll_detaching")["status"] == "in-use"
    act_and_read(caller, volume_id, "os-begin_detaching")
    act_and_read(caller, volume_id, "os-terminate_connection", {"connector": {}})
    volume = act_and_read(caller, volume_id, "os-detach", {"attachment_id": attachment["attachment_id"]})
    assert (volume["status"], volume["attachments"]) == ("available", [])


def test_a_reservation_is_taken_back(caller: Caller) -> None:
    volume_id = caller.volume()
    act_and_read(caller, volume_id, "os-reserve")
    assert act_and_read(caller, volume_id, "os-unreserve")["status"] == "available"
    assert act_and_read(caller, volume_id, "os-unreserve")["status"] == "available"
    assert act_and_read(caller, volume_id, "os-roll_detaching")["status"] == "available"


def test_who_comes_second_is_refused(caller: Caller) -> None:
    volume_id = caller.volume()
    act_and_read(caller, volume_id, "os-attach", {"instance_uuid": SERVER, "mountpoint": "/dev/vdb"})
    for action, details in (
        ("os-reserve", None),
        ("os-attach", {"mountpoint": "/dev/vdb", "instance_uuid": str(uuid.uuid4())}),
    ):
        message = check_fault(act(caller, volume_id, action, details), 400, "badRequest")
        assert message.endswith("status must be available to reserve, but the status is in-use.")
    assert len(read_volume(caller, volume_id)["attachments"]) == 1
    # Repeating the request with the same user changes nothing.
    act_and_read(caller, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "instance_uuid": SERVER})
    act_and_read(
        caller,
        volume_id,
        "os-attach",
        {"mountpoint": "/dev/vdb", "instance_uuid": SERVER, "host_name": "other"},
    )


def test_a_server_that_moves_is_attached_twice_for_a_while(caller: Caller) -> None:
    volume_id = caller.volume()
    for host in ("old", "new"):
        act_and_read(
            caller,
            volume_id,
            "os-attach",
            {"mountpoint": "/dev/vdb", "instance_uuid": SERVER, "host_name": host},
        )
    old, new = (one["attachment_id"] for one in read_volume(caller, volume_id)["attachments"])
    assert "More than one attachment" in check_fault(act(caller, volume_id, "os-detach"), 400, "badRequest")
    volume = act_and_read(caller, volume_id, "os-detach", {"attachment_id": old})
    assert (volume["status"], len(volume["attachments"])) == ("in-use", 1)
    assert act_and_read(caller, volume_id, "os-detach", {"attachment_id": new})["status"] == "available"


def test_what_is_not_attached_cannot_be_detached(caller: Caller) -> None:
    volume_id = caller.volume()
    begun = act(caller, volume_id, "os-begin_detaching")
    assert "Unable to detach volume" in check_fault(begun, 400, "badRequest")
    assert act_and_read(caller, volume_id, "os-detach")["status"] == "available"
    act_and_read(caller, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"})
    stranger = {"attachment_id": str(uuid.uuid4())}
    check_fault(act(caller, volume_id, "os-detach", stranger), 409, "conflictingRequest")
    assert read_volume(caller, volume_id)["status"] == "in-use"


def test_an_administrator_detaches_by_force(caller: Caller, member: Caller) -> None:
    volume_id = caller.volume()
    act_and_read(caller, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"})
    attachment_id = read_volume(caller, volume_id)["attachments"][0]["attachment_id"]
    details = {"attachment_id": attachment_id, "connector": None}
    assert check_fault(act(member, volume_id, "os-force_detach", details), 403, "forbidden").startswith(
        "Policy doesn't allow volume_extension:volume_admin_actions:force_detach"
    )
    volume = act_and_read(caller, volume_id, "os-force_detach", details)
    assert (volume["status"], volume["attachments"]) == ("available", [])


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"instance_uuid": "", "host_name": None},
        {"host_name": "h", "mode": "wr"},
        {"host_name": "h", "mode": None},
        {"host_name": 1},
        {"host_name": "h" * 256},
        {"instance_uuid": "a\x00"},
        {"instance_uuid": SERVER, "colour": "red"},
        None,
        "x",
    ],
)
def test_targets_that_are_none(caller: Caller, details: object) -> None:
    volume_id = caller.volume()
    check_fault(act(caller, volume_id, "os-attach", details), 400, "badRequest")
    assert read_volume(caller, volume_id)["status"] == "available"


def test_what_is_attached_stays_as_it_is(caller: Caller) -> None:
    volume_id = caller.volume()
    act_and_read(caller, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"})
    for answer in (
        caller.delete(f"/volumes/{volume_id}"),
        act(caller, volume_id, "os-extend", {"new_size": 2}),
    ):
        assert "current status is: in-use" in check_fault(answer, 400, "badRequest")


def test_a_volume_that_a_flow_holds_is_not_attached(caller: Caller, faults: FaultSchedule) -> None:
    volume_id = caller.volume()
    faults.add_fault(Fault("extend_volume", "hang"))
    answer = act(caller, volume_id, "os-extend", {"new_size": 2})
    flow_id = answer.headers["X-Cgflow-Flow-Id"]
    assert faults.await_firings(1, 20)
    for action, details in (
        ("os-reserve", None),
        ("os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"}),
        ("os-force_detach", None),
    ):
        assert flow_id in check_fault(act(caller, volume_id, action, details), 409, "conflictingRequest")
    faults.release_hanging_calls()
    caller.done(answer)
    assert read_volume(caller, volume_id)["attachments"] == []


@pytest.mark.parametrize(("kind", "times"), [("busy", len(BUSY_PAUSES_S) + 1), ("final", 1)])
def test_a_volume_in_use_that_does_not_grow_stays_in_use(
    caller: Caller, faults: FaultSchedule, kind: str, times: int
) -> None:
    """The case of a connected client and a backend that cannot resize the volume in use."""
    volume_id = caller.volume()
    act_and_read(caller, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"})
    faults.add_fault(Fault("extend_volume", kind, times=times))
    flow = caller.flow(act(caller.at(42), volume_id, "os-extend", {"new_size": 2}))
    assert flow["state"] == "reverted"
    volume = read_volume(caller, volume_id)
    assert (volume["status"], volume["size"], len(volume["attachments"])) == ("in-use", 1, 1)
    assert volume["cgflow:reason"]
    assert caller.in_use()["gigabytes"] == 1


def test_another_projects_volume_is_not_found(caller: Caller, stranger: Caller) -> None:
    volume_id = caller.volume()
    for action in ("os-reserve", "os-unreserve", "os-detach", "os-begin_detaching", "os-roll_detaching"):
        check_not_found(act(stranger, volume_id, action))
    check_not_found(act(stranger, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"}))


def test_an_attached_member_blocks_the_end_of_its_group_and_not_a_cgsnapshot(caller: Caller) -> None:
    """S23 and S36."""
    name = caller.type()
    group_id = caller.group(name)
    volume_id = caller.member(group_id, name)
    force = {"consistencygroup": {"force": True}}
    for action in ("os-reserve", "os-attach"):
        where = {"host_name": "h", "mountpoint": "/dev/vdb"}
        act_and_read(caller, volume_id, action, where if action == "os-attach" else None)
        message = check_fault(caller.post(f"/consistencygroups/{group_id}/delete", force), 400, "badRequest")
        assert message.endswith(f"Volume in consistency group {group_id} is attached. Need to detach first.")
    cgsnapshot_id = caller.cgsnapshot(group_id)
    assert read_volume(caller, volume_id)["status"] == "in-use"
    act_and_read(caller, volume_id, "os-detach")
    caller.done(caller.delete(f"/cgsnapshots/{cgsnapshot_id}"))
    caller.done(caller.post(f"/consistencygroups/{group_id}/delete", force))
