"""Volumes over HTTP."""

from __future__ import annotations

import uuid

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found

UNUSED = {
    "consistencygroup_id": None,
    "snapshot_id": None,
    "name": None,
    "description": None,
    "volume_type": None,
    "availability_zone": None,
    "metadata": None,
    "imageRef": None,
    "source_volid": None,
    "backup_id": None,
    "multiattach": False,
    "user_id": None,
    "project_id": None,
    "status": "creating",
    "attach_status": "detached",
    "source_replica": None,
}
CREATED = {
    *("id", "status", "size", "availability_zone", "created_at", "updated_at", "name", "description"),
    *("volume_type", "snapshot_id", "source_volid", "metadata", "links", "user_id", "bootable", "encrypted"),
    *("replication_status", "consistencygroup_id", "multiattach", "attachments", "migration_status"),
}
SHOWN = CREATED | {
    *("os-vol-tenant-attr:tenant_id", "os-vol-host-attr:host", "os-vol-mig-status-attr:migstat"),
    *("os-vol-mig-status-attr:name_id", "cgflow:reason", "cgflow:flow_id"),
}


def test_create_show_list_delete(caller: Caller) -> None:
    """S50."""
    answer = caller.post("/volumes", {"volume": UNUSED | {"size": 2, "name": "data"}})
    assert answer.status_code == 202
    created = answer.json["volume"]
    assert set(created) == CREATED
    assert (created["status"], created["size"], created["name"]) == ("creating", 2, "data")
    caller.done(answer)

    volume = caller.get(f"/volumes/{created['id']}").json["volume"]
    assert set(volume) == SHOWN
    assert (volume["status"], volume["bootable"], volume["encrypted"]) == ("available", "false", False)
    assert volume["os-vol-host-attr:host"] == "here@memory#memory"
    assert volume["consistencygroup_id"] is None
    self_link = {link["rel"]: link["href"] for link in volume["links"]}["self"]
    assert self_link == f"http://localhost{caller.prefix}/volumes/{volume['id']}"
    assert caller.get("/volumes").json == {
        "volumes": [{"id": volume["id"], "name": "data", "links": volume["links"]}]
    }
    assert caller.get("/volumes/detail").json == {"volumes": [volume]}

    deleted = caller.delete(f"/volumes/{volume['id']}?cascade=False")
    assert (deleted.status_code, deleted.data) == (202, b"")
    caller.done(deleted)
    check_not_found(caller.get(f"/volumes/{volume['id']}"))


def test_metadata_type_and_digits(caller: Caller) -> None:
    name = caller.type()
    volume_id = caller.volume(size="3", volume_type=name, metadata={"a": "b"})
    volume = caller.get(f"/volumes/{volume_id}").json["volume"]
    assert (volume["size"], volume["volume_type"], volume["metadata"]) == (3, name, {"a": "b"})


@pytest.mark.parametrize(
    "size", [0, -1, "0", "-1", "x", "", " 1", "1.0", 1.0, 1.5, True, [], {}, 2**31, 10**40, "９"]
)
def test_sizes_that_are_none(caller: Caller, size: object) -> None:
    assert "size" in check_bad_request(caller.post("/volumes", {"volume": {"size": size}}), "size")


def test_without_a_size(caller: Caller) -> None:
    assert "size" in check_bad_request(caller.post("/volumes", {"volume": {}}), "size")


@pytest.mark.parametrize("wish", ["imageRef", "multiattach", "source_replica"])
def test_what_is_not_offered_yet_is_refused_by_name(caller: Caller, wish: str) -> None:
    for value in ("x", True):
        answer = caller.post("/volumes", {"volume": {"size": 1, wish: value}})
        assert check_bad_request(answer, wish) == f"'{wish}' is not supported yet."


def test_of_an_unknown_type_or_group(caller: Caller) -> None:
    """S51."""
    assert "nope" in check_not_found(caller.post("/volumes", {"volume": {"size": 1, "volume_type": "nope"}}))
    unknown = str(uuid.uuid4())
    body = {"volume": {"size": 1, "volume_type": caller.type(), "consistencygroup_id": unknown}}
    assert check_not_found(caller.post("/volumes", body)) == f"Consistency group id:{unknown} not found"


def test_in_a_group(caller: Caller) -> None:
    """S50, S52, S53, S58."""
    name, other = caller.type(), caller.type()
    group_id = caller.group(name)
    body = {"size": 1, "consistencygroup_id": group_id}
    assert check_bad_request(caller.post("/volumes", {"volume": body}), "volume_type") == (
        "volume_type must be provided when creating a volume in a consistency group."
    )
    message = check_bad_request(
        caller.post("/volumes", {"volume": body | {"volume_type": other}}), "volume_type"
    )
    assert message.startswith(
        "Invalid input received: Invalid volume_type provided (requested type must be supported "
        "by this consistency group."
    )
    volume_id = caller.member(group_id, name)
    volume = caller.get(f"/volumes/{volume_id}").json["volume"]
    assert volume["consistencygroup_id"] == group_id
    found = caller.get(f"/volumes?consistencygroup_id={group_id}").json["volumes"]
    assert [volume["id"] for volume in found] == [volume_id]
    message = check_fault(caller.delete(f"/volumes/{volume_id}"), 400, "badRequest")
    assert "Volume cannot be deleted while in a consistency group" in message


def test_in_a_group_that_is_not_available(caller: Caller, faults: FaultSchedule) -> None:
    """S54."""
    name = caller.type()
    faults.add_fault(Fault("create_group", "final"))
    answer = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": name}})
    caller.flow(answer)
    group_id = answer.json["consistencygroup"]["id"]
    body = {"volume": {"size": 1, "volume_type": name, "consistencygroup_id": group_id}}
    assert check_fault(caller.post("/volumes", body), 400, "badRequest").startswith(
        "Invalid ConsistencyGroup: Originating consistencygroup status must be one of 'available' values"
    )


def test_over_quota(caller: Caller) -> None:
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"gigabytes": 4, "volumes": 1}})
    answer = caller.post("/volumes", {"volume": {"size": 5}})
    assert check_fault(answer, 413, "overLimit") == (
        "Requested volume or snapshot exceeds allowed Gigabytes quota. Requested 5G, "
        "quota is 4G and 0G has been consumed."
    )
    assert answer.headers["Retry-After"] == "0"
    volume_id = caller.volume()
    check_fault(caller.post("/volumes", {"volume": {"size": 1}}), 413, "overLimit")
    more = {"os-extend": {"new_size": 5}}
    check_fault(caller.post(f"/volumes/{volume_id}/action", more), 413, "overLimit")


def test_extend(caller: Caller) -> None:
    volume_id = caller.volume(size=2)
    for size in (2, 1):
        answer = caller.post(f"/volumes/{volume_id}/action", {"os-extend": {"new_size": size}})
        assert "New size for extend must be greater" in check_bad_request(answer, "new_size")
    answer = caller.post(f"/volumes/{volume_id}/action", {"os-extend": {"new_size": 3}})
    assert (answer.status_code, answer.data) == (202, b"")
    caller.done(answer)
    assert caller.get(f"/volumes/{volume_id}").json["volume"]["size"] == 3


@pytest.mark.parametrize("size", [0, -5, "x", None, True, 1.5, [], 2**31])
def test_extend_to_what_is_no_size(caller: Caller, size: object) -> None:
    check_bad_request(
        caller.post("/volumes/x/action", {"os-extend": {"new_size": size}}), "os-extend.new_size"
    )


def test_connections(caller: Caller) -> None:
    volume_id = caller.volume()
    connect = {"os-initialize_connection": {"connector": {"host": "here"}}}
    info = caller.post(f"/volumes/{volume_id}/action", connect).json["connection_info"]
    assert (info["driver_volume_type"], info["data"]["volume"]) == ("memory", volume_id)
    for connector in ({}, None):
        answer = caller.post(f"/volumes/{volume_id}/action", {"os-initialize_connection": connector})
        check_fault(answer, 400, "badRequest")
    answer = caller.post(f"/volumes/{volume_id}/action", {"os-terminate_connection": {"connector": {}}})
    assert (answer.status_code, answer.data) == (202, b"")


@pytest.mark.parametrize(
    ("kind", "status", "key"),
    [
        ("final", 400, "badRequest"),
        ("busy", 409, "conflictingRequest"),
        ("ambiguous", 503, "serviceUnavailable"),
    ],
)
def test_a_backend_that_refuses_a_connection(
    caller: Caller, faults: FaultSchedule, kind: str, status: int, key: str
) -> None:
    volume_id = caller.volume()
    faults.add_fault(Fault("connection", kind))  # type: ignore[arg-type]
    answer = caller.post(f"/volumes/{volume_id}/action", {"os-initialize_connection": {"connector": {}}})
    check_fault(answer, status, key)
    assert ("Retry-After" in answer.headers) == (status in (409, 503))


def test_an_error_volume_has_no_address_and_can_be_deleted(caller: Caller, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("create_volume", "final"))
    answer = caller.post("/volumes", {"volume": {"size": 1}})
    caller.flow(answer)
    volume = caller.get(f"/volumes/{answer.json['volume']['id']}").json["volume"]
    assert volume["status"] == "error"
    assert volume["cgflow:reason"]
    path = f"/volumes/{volume['id']}"
    check_fault(
        caller.post(f"{path}/action", {"os-initialize_connection": {"connector": {}}}), 400, "badRequest"
    )
    check_fault(caller.post(f"{path}/action", {"os-extend": {"new_size": 2}}), 400, "badRequest")
    caller.done(caller.delete(path))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"os-reset_status": {}},
        {"os-extend": {}, "os-detach": {}},
        # An action of snapshots only.
        {"os-update_snapshot_status": {"status": "available"}},
        [],
        None,
        1,
    ],
)
def test_actions_that_are_none(caller: Caller, body: object) -> None:
    check_fault(caller.post("/volumes/x/action", body), 400, "badRequest")


def test_unknown_ones(caller: Caller) -> None:
    unknown = str(uuid.uuid4())
    for answer in (
        caller.get(f"/volumes/{unknown}"),
        caller.delete(f"/volumes/{unknown}"),
        caller.post(f"/volumes/{unknown}/action", {"os-extend": {"new_size": 9}}),
        caller.post(f"/volumes/{unknown}/action", {"os-initialize_connection": {"connector": {}}}),
        caller.post(f"/volumes/{unknown}/action", {"os-terminate_connection": {"connector": {}}}),
    ):
        assert check_not_found(answer) == f"Volume {unknown} could not be found."


def test_a_cascade_takes_the_snapshots_along(caller: Caller) -> None:
    check_bad_request(caller.delete("/volumes/x?cascade=what"), "cascade")
    volume_id = caller.volume()
    copies = [caller.snapshot(volume_id) for _ in range(2)]
    message = check_fault(caller.delete(f"/volumes/{volume_id}?cascade=False"), 400, "badRequest")
    assert "still has dependent snapshots" in message
    caller.done(caller.delete(f"/volumes/{volume_id}?cascade=True"))
    for copy in copies:
        check_not_found(caller.get(f"/snapshots/{copy}"))
    assert caller.in_use() == {}


def test_a_member_of_a_cgsnapshot_is_not_taken_along(caller: Caller) -> None:
    name = caller.type()
    group_id = caller.group(name)
    volume_id = caller.member(group_id, name)
    caller.cgsnapshot(group_id)
    for path in (f"/volumes/{volume_id}", f"/volumes/{volume_id}?cascade=True"):
        message = check_fault(caller.delete(path), 400, "badRequest")
        assert "Volume cannot be deleted while in a consistency group" in message  # S58
