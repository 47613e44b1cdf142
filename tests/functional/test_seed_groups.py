"""The seed patch's statements about consistency groups (S3 to S25) that no other test covers."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from api.app import create_app
from cgflow.config import Settings
from cgflow.db.repositories import consistencygroup, volume
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.status import Status
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import World


def deleted(caller: Caller, group_id: str, *, force: bool) -> Any:
    return caller.post(f"/consistencygroups/{group_id}/delete", {"consistencygroup": {"force": force}})


def set_status(world: World, group_id: str, status: Status) -> None:
    with world.database.write() as session:
        consistencygroup.REPOSITORY.update_unclaimed(session, group_id, status=status.value)


def test_a_group_has_types_whatever_the_default_is_s6(caller: Caller, served: World) -> None:
    name = caller.type()
    runtime = type(served.runtime)(**{**vars(served.runtime), "settings": Settings(default_volume_type=name)})
    other = Caller(create_app(runtime).test_client(), caller.project)
    for types in ({}, {"volume_types": None}, {"volume_types": ""}):
        answer = other.post("/consistencygroups", {"consistencygroup": {"name": "g", **types}})
        assert check_bad_request(answer, "volume_types").endswith("create consistency group g.")


def test_it_is_there_before_a_backend_is_chosen_s9(caller: Caller, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("create_group", "hang"))
    answer = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": caller.type()}})
    group_id = answer.json["consistencygroup"]["id"]
    shown = caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]
    assert shown["status"] == "creating"
    assert faults.await_firings(1, 10)
    faults.release_hanging_calls()
    caller.done(answer)


def test_another_projects_group_is_not_there_s11(caller: Caller, stranger: Caller) -> None:
    group_id = caller.group(caller.type())
    message = check_not_found(stranger.get(f"/consistencygroups/{group_id}"))
    assert message == f"ConsistencyGroup {group_id} could not be found."
    check_not_found(deleted(stranger, group_id, force=True))


@pytest.mark.parametrize("noun", ["consistencygroups", "cgsnapshots"])
@pytest.mark.parametrize("part", ["limit", "offset"])
@pytest.mark.parametrize(("value", "words"), [("x", "an integer"), ("-1", "positive")])
def test_limits_that_are_none_s13_s40(caller: Caller, noun: str, part: str, value: str, words: str) -> None:
    for path in (f"/{noun}", f"/{noun}/detail"):
        assert (
            check_bad_request(caller.get(f"{path}?{part}={value}"), part) == f"{part} param must be {words}"
        )


@pytest.mark.parametrize("path", ["/consistencygroups", "/consistencygroups/detail"])
def test_all_projects_for_administrators_alone_s14(caller: Caller, app: Flask, path: str) -> None:
    """S12."""
    mine = caller.group(caller.type())
    other = Caller(app.test_client())
    theirs = other.group(other.type())

    def ids(who: Caller, query: str) -> set[str]:
        return {one["id"] for one in who.get(path + query).json["consistencygroups"]}

    assert ids(caller, "") == {mine}
    assert {mine, theirs} <= ids(caller, "?all_tenants=1")
    assert ids(caller.as_member(), "?all_tenants=1") == {mine}


def test_order_and_pages_s15(caller: Caller) -> None:
    kind = caller.type()
    made = [caller.group(kind, name=name) for name in "cab"]

    def ids(query: str) -> list[str]:
        found = caller.get(f"/consistencygroups{query}").json["consistencygroups"]
        return [one["id"] for one in found]

    assert ids("") == made[::-1]
    assert ids("?sort=name:asc") == ids("?sort_key=name&sort_dir=asc") == [made[1], made[2], made[0]]
    assert ids(f"?marker={made[1]}") == [made[0]]
    assert ids("?limit=1&offset=1") == [made[1]]


def test_what_is_not_at_rest_is_not_deleted_without_force_s20_s25(caller: Caller, served: World) -> None:
    group_id = caller.group(caller.type())
    for status in (Status.CREATING, Status.UPDATING, Status.DELETING):
        set_status(served, group_id, status)
        message = check_fault(deleted(caller, group_id, force=False), 400, "badRequest")
        assert f"status must be available or error, but current status is: {status}" in message
    set_status(served, group_id, Status.ERROR_DELETING)
    check_fault(deleted(caller, group_id, force=False), 400, "badRequest")
    caller.done(deleted(caller, group_id, force=True))


def test_force_does_not_override_what_depends_on_the_group_s23(caller: Caller, served: World) -> None:
    """S124."""
    kind = caller.type()
    group_id = caller.group(kind)
    volume_id = caller.member(group_id, kind)
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, volume_id, status=Status.IN_USE.value)
    message = check_fault(deleted(caller, group_id, force=True), 400, "badRequest")
    assert f"Volume in consistency group {group_id} is attached. Need to detach first." in message
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, volume_id, status=Status.AVAILABLE.value)
    copy = caller.done(caller.post("/snapshots", {"snapshot": {"volume_id": volume_id}}))
    message = check_fault(deleted(caller, group_id, force=True), 400, "badRequest")
    assert "Volume in consistency group still has dependent snapshots." in message
    caller.done(caller.delete(f"/snapshots/{copy}"))
    caller.done(deleted(caller, group_id, force=True))
    check_not_found(caller.get(f"/volumes/{volume_id}"))
