"""Cgsnapshots and their members' snapshots over HTTP."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from cgflow import clock
from cgflow.db.repositories import backend as backends
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import HOST, World


@pytest.fixture
def group(caller: Caller) -> str:
    """A consistency group of two volumes."""
    name = caller.type()
    group_id = caller.group(name)
    for number in ("one", "two"):
        caller.member(group_id, name, name=number)
    return group_id


def test_create_show_list_delete(caller: Caller, group: str) -> None:
    """S30, S39, S42."""
    body = {
        "cgsnapshot": {
            "consistencygroup_id": group,
            "name": "nightly",
            "description": None,
            "user_id": None,
            "project_id": None,
            "status": "creating",
        }
    }
    answer = caller.post("/cgsnapshots", body)
    taken = answer.json["cgsnapshot"]
    assert (answer.status_code, taken) == (202, {"id": taken["id"], "name": "nightly"})
    caller.done(answer)

    shown = caller.get(f"/cgsnapshots/{taken['id']}").json["cgsnapshot"]
    assert set(shown) == {
        *("id", "consistencygroup_id", "status", "created_at", "name", "description"),
        *("cgflow:reason", "cgflow:flow_id", "cgflow:evidence"),
    }
    assert (shown["consistencygroup_id"], shown["status"]) == (group, "available")
    evidence = shown["cgflow:evidence"]
    assert (evidence["members"], evidence["level"], evidence["skew_ms"]) == (2, "crash", 0.0)
    assert evidence.keys() == {*("mechanism", "level", "members", "cut_at", "duration_ms", "skew_ms")}
    assert evidence["cut_at"] > shown["created_at"]
    assert caller.get("/cgsnapshots").json == {"cgsnapshots": [taken]}
    assert caller.get("/cgsnapshots/detail").json == {"cgsnapshots": [shown]}

    deleted = caller.delete(f"/cgsnapshots/{taken['id']}")
    assert (deleted.status_code, deleted.data) == (202, b"")
    caller.done(deleted)
    check_not_found(caller.get(f"/cgsnapshots/{taken['id']}"))
    assert caller.get("/snapshots").json == {"snapshots": []}


def test_filters(caller: Caller, group: str) -> None:
    """S41."""
    taken = caller.cgsnapshot(group, name="a")
    other = caller.cgsnapshot(group, name="b")

    def ids(query: str) -> set[str]:
        return {found["id"] for found in caller.get(f"/cgsnapshots/detail?{query}").json["cgsnapshots"]}

    assert ids(f"consistencygroup_id={group}") == {taken, other}
    assert ids(f"consistencygroup_id={uuid.uuid4()}") == set()
    assert ids("status=available&name=a") == {taken}
    assert ids("status=error") == set()
    assert ids("all_tenants=0") == {taken, other}
    assert ids("status=") == ids("name=") == set()


@pytest.mark.parametrize("path", ["/cgsnapshots", "/group_snapshots"])
def test_a_level_is_demanded(caller: Caller, group: str, path: str, served: World) -> None:
    later = caller.at(60)
    key, named = path.strip("/").removesuffix("s"), "consistencygroup_id" if "cg" in path else "group_id"

    def demand(level: object) -> TestResponse:
        return later.post(path, {key: {named: group, "cgflow:level": level}})

    for level in ("crash", "per-volume", None):
        answer = demand(level)
        assert answer.status_code == 202, answer.text
        taken = later.get(f"{path}/{later.done(answer)}").json[key]
        assert taken["cgflow:evidence"]["level"] == "crash", "more than was asked for is no less"
    for wrong in ("perfect", 1, ["crash"]):
        assert "per-volume, crash" in check_bad_request(demand(wrong), "cgflow:level")
    lower = {"cut_level": "per-volume", "consistencygroup_support": False}
    with served.database.write() as session:
        found = backends.get(session, HOST)
        worse = replace(found.report, capabilities=found.report.capabilities | lower)
        backends.record_report(session, HOST, found.availability_zone, worse, clock.now())
    try:
        message = check_bad_request(demand("crash"))
        assert "level crash is demanded" in message
        assert "cut_level='per-volume'" in message
    finally:
        served.service.record_reports()


@pytest.mark.parametrize("named", [{}, {"consistencygroup_id": None}, {"consistencygroup_id": ""}])
def test_of_no_group(caller: Caller, named: dict[str, object]) -> None:
    """S31."""
    message = check_bad_request(
        caller.post("/cgsnapshots", {"cgsnapshot": {"name": "x", **named}}), "consistencygroup_id"
    )
    assert message == "'consistencygroup_id' must be specified"


def test_of_an_unknown_group(caller: Caller) -> None:
    """S32."""
    body = {"cgsnapshot": {"consistencygroup_id": str(uuid.uuid4())}}
    assert check_not_found(caller.post("/cgsnapshots", body)).startswith(
        "Consistency group could not be found"
    )


def test_of_an_empty_group(caller: Caller) -> None:
    """S33."""
    body = {"cgsnapshot": {"consistencygroup_id": caller.group(caller.type())}}
    message = check_fault(caller.post("/cgsnapshots", body), 400, "badRequest")
    assert message == ("Invalid ConsistencyGroup: Consistency group is empty. No cgsnapshot will be created.")
    assert caller.get("/cgsnapshots").json == {"cgsnapshots": []}


def test_over_quota_quotes_the_total(caller: Caller, group: str) -> None:
    """S95, S96."""
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"gigabytes": 3}})
    answer = caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group}})
    assert check_fault(answer, 413, "overLimit") == (
        "Requested volume or snapshot exceeds allowed Gigabytes quota. Requested 2G, "
        "quota is 3G and 2G has been consumed."
    )
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"gigabytes": -1, "snapshots": 1}})
    answer = caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group}})
    assert check_fault(answer, 413, "overLimit") == "Maximum number of snapshots allowed (1) exceeded"


def test_unknown_ones(caller: Caller) -> None:
    """S39, S43."""
    unknown = str(uuid.uuid4())
    assert (
        check_not_found(caller.get(f"/cgsnapshots/{unknown}")) == f"CgSnapshot {unknown} could not be found."
    )
    assert check_not_found(caller.delete(f"/cgsnapshots/{unknown}")).startswith(
        "Cgsnapshot could not be found"
    )


def test_a_failure_leaves_a_record_that_says_why(caller: Caller, group: str, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("cut", "final"))
    answer = caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group}})
    flow = caller.flow(answer)
    assert flow["state"] == "reverted"
    (left,) = caller.get("/cgsnapshots/detail").json["cgsnapshots"]
    assert left["status"] == "error"
    assert left["cgflow:reason"]
    assert caller.get("/snapshots").json == {"snapshots": []}
    caller.done(caller.delete(f"/cgsnapshots/{left['id']}"))


def test_snapshots_are_shown_with_their_cgsnapshot(caller: Caller, group: str) -> None:
    """S60, S128."""
    cgsnapshot_id = caller.cgsnapshot(group, name="nightly", description="d")
    later = caller.at(14)
    snapshots = later.get(f"/snapshots/detail?cgsnapshot_id={cgsnapshot_id}").json["snapshots"]
    volumes = {volume["id"] for volume in caller.get("/volumes").json["volumes"]}
    assert {snapshot["volume_id"] for snapshot in snapshots} == volumes
    for snapshot in snapshots:
        assert snapshot["group_snapshot_id"] == cgsnapshot_id
        assert (snapshot["name"], snapshot["description"]) == ("nightly", "d")
        assert (snapshot["status"], snapshot["size"], snapshot["metadata"]) == ("available", 1, {})
        assert snapshot["os-extended-snapshot-attributes:progress"] == "100%"
        assert snapshot["os-extended-snapshot-attributes:project_id"] == caller.project
        assert later.get(f"/snapshots/{snapshot['id']}").json == {"snapshot": snapshot}
    short = caller.get(f"/snapshots?volume_id={snapshots[0]['volume_id']}").json["snapshots"]
    assert [snapshot["id"] for snapshot in short] == [snapshots[0]["id"]]
    assert set(short[0]) == {
        *("id", "name", "description", "status", "created_at", "updated_at", "volume_id", "size", "metadata")
    }


def test_a_snapshot_can_be_read_by_itself_and_not_deleted(caller: Caller, group: str) -> None:
    """S57."""
    cgsnapshot_id = caller.cgsnapshot(group)
    snapshot_id = caller.get("/snapshots").json["snapshots"][0]["id"]
    connect = {"os-initialize_connection": {"connector": {"host": "here"}}}
    for _ in range(2):
        answer = caller.post(f"/snapshots/{snapshot_id}/action", connect)
        assert answer.status_code == 200
        assert answer.json["connection_info"]["data"]["read_only"] is True
    for _ in range(2):
        answer = caller.post(
            f"/snapshots/{snapshot_id}/action", {"os-terminate_connection": {"connector": {}}}
        )
        assert (answer.status_code, answer.data) == (202, b"")
    message = check_fault(caller.delete(f"/snapshots/{snapshot_id}"), 400, "badRequest")
    assert message == (
        f"Invalid snapshot: Snapshot {snapshot_id} is part of a cgsnapshot "
        "and has to be deleted together with the cgsnapshot."
    )
    caller.done(caller.delete(f"/cgsnapshots/{cgsnapshot_id}"))


def test_unknown_snapshots(caller: Caller) -> None:
    unknown = str(uuid.uuid4())
    for answer in (
        caller.get(f"/snapshots/{unknown}"),
        caller.delete(f"/snapshots/{unknown}"),
        caller.post(f"/snapshots/{unknown}/action", {"os-initialize_connection": {"connector": {}}}),
        caller.post(f"/snapshots/{unknown}/action", {"os-terminate_connection": {"connector": {}}}),
    ):
        assert check_not_found(answer) == f"Snapshot {unknown} could not be found."
