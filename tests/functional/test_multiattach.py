"""Volumes with several users at a time, of a type that requires it, where a backend supports it."""

from __future__ import annotations

import uuid

import pytest

from tests.functional.caller import Caller, check_fault
from tests.functional.volume_actions import act, act_and_read, read_volume

ASKS = {"multiattach": "<is> True"}


@pytest.fixture
def shared(caller: Caller) -> str:
    """A volume that may have several users."""
    return caller.volume(volume_type=caller.type(**ASKS))


def attach(caller: Caller, volume_id: str, server_id: str) -> None:
    act_and_read(caller, volume_id, "os-attach", {"instance_uuid": server_id, "mountpoint": "/dev/vdb"})


def test_a_volume_tells_whether_its_type_asks_for_it(caller: Caller, shared: str) -> None:
    assert read_volume(caller, shared)["multiattach"] is True
    assert read_volume(caller, caller.volume())["multiattach"] is False


def test_it_is_attached_several_times_and_free_after_the_last(caller: Caller, shared: str) -> None:
    servers = [str(uuid.uuid4()) for _ in range(3)]
    for server_id in servers:
        attach(caller, shared, server_id)
    volume = read_volume(caller, shared)
    assert [one["server_id"] for one in volume["attachments"]] == servers
    for left in (2, 1, 0):
        attachment_id = read_volume(caller, shared)["attachments"][0]["attachment_id"]
        volume = act_and_read(caller, shared, "os-detach", {"attachment_id": attachment_id})
        assert (len(volume["attachments"]), volume["status"]) == (left, "in-use" if left else "available")


def test_attachments_as_things_of_their_own(caller: Caller, shared: str) -> None:
    for _ in range(2):
        body = {"attachment": {"volume_uuid": shared, "instance_uuid": str(uuid.uuid4())}}
        assert caller.at(27).post("/attachments", body).status_code == 200
    assert read_volume(caller, shared)["status"] == "reserved"


def test_others_are_attached_once(caller: Caller) -> None:
    volume_id = caller.volume()
    attach(caller, volume_id, str(uuid.uuid4()))
    body = {"instance_uuid": str(uuid.uuid4()), "mountpoint": "/dev/vdb"}
    check_fault(act(caller, volume_id, "os-attach", body), 400, "badRequest")


def test_a_volume_gets_and_loses_it_with_its_type(caller: Caller) -> None:
    plain, sharing = caller.type(), caller.type(**ASKS)
    volume_id = caller.volume(volume_type=plain)
    for name, expected in ((sharing, True), (plain, False)):
        caller.done(act(caller, volume_id, "os-retype", {"new_type": name}))
        assert read_volume(caller, volume_id)["multiattach"] is expected


def test_a_type_with_volumes_keeps_it(caller: Caller) -> None:
    name, sharing = caller.type(), caller.type(**ASKS)
    volumes = [caller.volume(volume_type=one) for one in (name, sharing)]
    ids = {one["name"]: one["id"] for one in caller.get("/types").json["volume_types"]}
    specs = {one: f"/types/{ids[one]}/extra_specs" for one in (name, sharing)}
    for answer in (
        caller.post(specs[name], {"extra_specs": ASKS}),
        caller.put(f"{specs[name]}/multiattach", ASKS),
        caller.delete(f"{specs[sharing]}/multiattach"),
    ):
        assert "currently in use" in check_fault(answer, 400, "badRequest")
    for volume_id in volumes:
        caller.done(caller.delete(f"/volumes/{volume_id}"))
    assert caller.post(specs[name], {"extra_specs": ASKS}).status_code == 200
    assert caller.delete(f"{specs[sharing]}/multiattach").status_code == 202
