"""Consistency groups over HTTP: bodies, statuses and texts as clients know them."""

from __future__ import annotations

import re
import uuid

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import World

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")


def test_create_answers_in_short_and_leads_to_the_flow(caller: Caller) -> None:
    """S2."""
    body = {
        "consistencygroup": {
            "name": "db",
            "description": None,
            "volume_types": caller.type(),
            "user_id": None,
            "project_id": None,
            "availability_zone": None,
            "status": "creating",
        }
    }
    answer = caller.post("/consistencygroups", body)
    assert answer.status_code == 202
    group = answer.json["consistencygroup"]
    assert group == {"id": group["id"], "name": "db"}
    assert answer.headers["Location"] == f"{caller.prefix}/flows/{answer.headers['X-Cgflow-Flow-Id']}"
    assert caller.done(answer) == group["id"]


def test_show(caller: Caller) -> None:
    """S8, S10."""
    name = caller.type()
    type_id = caller.get(f"/types?name={name}").json["volume_types"][0]["id"]
    created = caller.post(
        "/consistencygroups", {"consistencygroup": {"name": "db", "description": "d", "volume_types": name}}
    )
    group_id = caller.done(created)
    group = caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]
    assert MOMENT.fullmatch(group.pop("created_at"))
    assert group == {
        "id": group_id,
        "name": "db",
        "description": "d",
        "status": "available",
        "availability_zone": "nova",
        "volume_types": [type_id],
        "cgflow:reason": None,
        "cgflow:flow_id": created.headers["X-Cgflow-Flow-Id"],
    }


def test_lists_in_short_and_in_full(caller: Caller) -> None:
    """S12."""
    group_id = caller.group(caller.type(), name="db")
    assert caller.get("/consistencygroups").json == {"consistencygroups": [{"id": group_id, "name": "db"}]}
    (group,) = caller.get("/consistencygroups/detail").json["consistencygroups"]
    assert group == caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]


def test_types_are_names_or_ids_in_a_string_or_a_list(caller: Caller) -> None:
    """S4, S5."""
    first, second = caller.type(), caller.type()
    ids = [caller.get(f"/types?name={name}").json["volume_types"][0]["id"] for name in (first, second)]
    for types in (f"{first},{second}", f" {first} , {ids[1]},,{first},", [first, ids[1]], ids):
        group_id = caller.group(types)  # type: ignore[arg-type]
        shown = caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]
        assert shown["volume_types"] == ids
        caller.done(caller.delete(f"/consistencygroups/{group_id}"))


@pytest.mark.parametrize("types", [None, "", " , ", []])
def test_without_types(caller: Caller, types: object) -> None:
    """S6."""
    body = {"consistencygroup": {"name": "db", "volume_types": types}}
    message = check_bad_request(caller.post("/consistencygroups", body), "volume_types")
    assert message == "volume_types must be provided to create consistency group db."


def test_of_an_unknown_type(caller: Caller) -> None:
    """S7."""
    for types in ("nope", str(uuid.uuid4())):
        answer = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": types}})
        assert f"{types} could not be found." in check_not_found(answer)


def test_in_an_unknown_zone(caller: Caller) -> None:
    """S8."""
    body = {"consistencygroup": {"volume_types": caller.type(), "availability_zone": "moon"}}
    message = check_bad_request(caller.post("/consistencygroups", body), "availability_zone")
    assert message.startswith("Invalid input received: Availability zone 'moon' is invalid")


def test_unknown_ones(caller: Caller) -> None:
    """S11, S18."""
    unknown = str(uuid.uuid4())
    shown = check_not_found(caller.get(f"/consistencygroups/{unknown}"))
    assert shown == f"ConsistencyGroup {unknown} could not be found."
    for answer in (
        caller.post(f"/consistencygroups/{unknown}/delete", {"consistencygroup": {"force": True}}),
        caller.delete(f"/consistencygroups/{unknown}"),
    ):
        assert check_not_found(answer).startswith("Consistency group could not be found")
    check_not_found(caller.get("/consistencygroups/a-name-that-is-no-id"))


def test_over_quota(caller: Caller) -> None:
    """S92."""
    name = caller.type()
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"consistencygroups": 0}})
    answer = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": name}})
    assert check_fault(answer, 413, "overLimit").startswith("Maximum number of groups allowed (0) exceeded")
    assert answer.headers["Retry-After"] == "0"
    assert answer.json["overLimit"]["retryAfter"] == "0"
    assert caller.get("/consistencygroups").json["consistencygroups"] == []


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"data": "null"},
        {"json": {"consistencygroup": {}}},
        {"json": {"consistencygroup": {"force": False}}},
        {"json": {"consistencygroup": {"force": "False"}}},
        {"json": {"consistency_group": {"force": False}}},
    ],
)
def test_delete_without_force(caller: Caller, sent: dict[str, object]) -> None:
    """S16."""
    group_id = caller.group(caller.type())
    answer = caller.call("POST", f"/consistencygroups/{group_id}/delete", **sent)
    assert (answer.status_code, answer.data) == (202, b"")
    caller.done(answer)
    check_not_found(caller.get(f"/consistencygroups/{group_id}"))


def test_delete_of_a_group_with_volumes(caller: Caller) -> None:
    """S19, S22, S24."""
    name = caller.type()
    group_id = caller.group(name)
    volume_id = caller.member(group_id, name)
    message = check_fault(caller.delete(f"/consistencygroups/{group_id}"), 400, "badRequest")
    assert (
        f"Consistency group {group_id} still contains volumes. The force flag is required to delete it."
        in message
    )
    forced = caller.post(f"/consistencygroups/{group_id}/delete", {"consistency_group": {"force": "true"}})
    caller.done(forced)
    check_not_found(caller.get(f"/volumes/{volume_id}"))


def test_delete_of_a_group_with_cgsnapshots(caller: Caller) -> None:
    """S19, S21."""
    name = caller.type()
    group_id = caller.group(name)
    caller.member(group_id, name)
    caller.cgsnapshot(group_id)
    for force in (False, True):
        body = {"consistencygroup": {"force": force}}
        message = check_fault(caller.post(f"/consistencygroups/{group_id}/delete", body), 400, "badRequest")
        assert f"Consistency group {group_id} still has dependent cgsnapshots." in message


@pytest.mark.parametrize("force", ["maybe", 1, 0, [], {}, "", 1.5])
def test_a_force_that_is_neither_true_nor_false(caller: Caller, force: object) -> None:
    """S17."""
    answer = caller.post("/consistencygroups/x/delete", {"consistencygroup": {"force": force}})
    assert check_bad_request(answer, "force") == f"Invalid value '{force}' for force."


@pytest.mark.parametrize("body", [{}, {"force": True}, {"consistencygroup": None}, {"group": {}}, [], "x", 0])
def test_a_deletion_without_its_root(caller: Caller, body: object) -> None:
    """S17."""
    message = check_fault(caller.post("/consistencygroups/x/delete", body), 400, "badRequest")
    assert message.startswith("The server could not comply with the request")


def test_an_error_tells_its_reason(caller: Caller, faults: FaultSchedule) -> None:
    name = caller.type()
    faults.add_fault(Fault("create_group", "final"))
    answer = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": name}})
    assert caller.flow(answer)["state"] == "reverted"
    group_id = answer.json["consistencygroup"]["id"]
    group = caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]
    assert group["status"] == "error"
    assert group["cgflow:reason"]
    caller.done(caller.delete(f"/consistencygroups/{group_id}"))


def test_one_at_work_is_busy_or_not_ready(caller: Caller, faults: FaultSchedule, served: World) -> None:
    name = caller.type()
    faults.add_fault(Fault("create_group", "hang"))
    answer = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": name}})
    group_id = answer.json["consistencygroup"]["id"]
    message = check_fault(caller.delete(f"/consistencygroups/{group_id}"), 400, "badRequest")
    assert "Consistency group status must be available or error, but current status is: creating" in message
    assert faults.await_firings(1, 10)
    faults.release_hanging_calls()
    caller.done(answer)


def test_busy_names_the_flow(caller: Caller, faults: FaultSchedule) -> None:
    """S116."""
    name = caller.type()
    group_id = caller.group(name)
    caller.member(group_id, name)
    faults.add_fault(Fault("cut", "hang"))
    cutting = caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group_id}})
    assert faults.await_firings(1, 10)
    again = caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group_id}})
    assert cutting.headers["X-Cgflow-Flow-Id"] in check_fault(again, 409, "conflictingRequest")
    faults.release_hanging_calls()
    caller.done(cutting)


def test_delete_verb(caller: Caller) -> None:
    """S24."""
    group_id = caller.group(caller.type())
    answer = caller.delete(f"/consistencygroups/{group_id}")
    assert (answer.status_code, answer.data) == (202, b"")
    caller.done(answer)
    check_not_found(caller.get(f"/consistencygroups/{group_id}"))
