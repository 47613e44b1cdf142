"""Restoring a consistency group to one of its cgsnapshots, over HTTP: all members, or none."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cgflow.db.repositories import cgsnapshot as cgsnapshots
from cgflow.db.repositories import consistencygroup, snapshot, volume
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.engine import backoff
from cgflow.status import Status
from flows.subflows import PERSISTENCE_ATTEMPTS
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support import volume_content
from tests.support.world import World

OLD, NEW = ["old 0", "old 1"], ["new 0", "new 1"]


class Scene:
    """A group of two members, and a cgsnapshot of their previous volume_content."""

    def __init__(self, caller: Caller, world: World) -> None:
        self.caller, self.world = caller, world
        self.kind = caller.type()
        self.group = caller.group(self.kind)
        self.members = [caller.member(self.group, self.kind) for _ in range(2)]
        volume_content.write_to_volumes(world.driver, self.members, "old")
        self.cgsnapshot = caller.cgsnapshot(self.group, name="then")
        volume_content.write_to_volumes(world.driver, self.members, "new")

    def revert(self, **how: Any) -> TestResponse:
        path = f"/consistencygroups/{self.group}/action"
        return self.caller.post(path, {"revert_to_cgsnapshot": {"cgsnapshot_id": self.cgsnapshot, **how}})

    def held(self) -> list[str]:
        found = volume_content.read_all_volumes(self.world.driver)
        return [found[id_].strip() for id_ in self.members]

    def statuses(self) -> set[str]:
        things = [self.caller.get(f"/volumes/{id_}").json["volume"] for id_ in self.members]
        things.append(self.caller.get(f"/consistencygroups/{self.group}").json["consistencygroup"])
        return {thing["status"] for thing in things}

    def cgsnapshots(self) -> dict[str, dict[str, Any]]:
        found = self.caller.get("/cgsnapshots/detail").json["cgsnapshots"]
        return {one["name"]: one for one in found}


@pytest.fixture
def scene(caller: Caller, served: World) -> Scene:
    return Scene(caller, served)


def test_every_member_is_put_back(scene: Scene, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("restore", "hang"))
    answer = scene.revert()
    assert (answer.status_code, answer.data) == (202, b"")
    assert faults.await_firings(1, 10)
    assert scene.statuses() == {"reverting"}
    faults.release_hanging_calls()
    scene.caller.done(answer)
    assert (scene.held(), scene.statuses()) == (OLD, {"available"})
    assert scene.cgsnapshots().keys() == {"then"}


def test_a_safety_cgsnapshot_holds_what_was_there_and_leads_back_to_it(scene: Scene) -> None:
    counted = scene.caller.in_use()
    answer = scene.revert(safety={"name": "before", "description": "d"})
    scene.caller.done(answer)
    assert scene.held() == OLD
    safety = scene.cgsnapshots()["before"]
    assert (safety["status"], safety["description"]) == ("available", "d")
    assert safety["cgflow:flow_id"] == answer.headers["X-Cgflow-Flow-Id"]
    assert (safety["cgflow:evidence"]["level"], safety["cgflow:evidence"]["members"]) == ("crash", 2)
    now = scene.caller.in_use()
    assert (now["snapshots"], now["gigabytes"]) == (counted["snapshots"] + 2, counted["gigabytes"] + 2)
    scene.caller.done(scene.revert(cgsnapshot_id=safety["id"]))
    assert scene.held() == NEW
    scene.caller.done(scene.caller.delete(f"/cgsnapshots/{safety['id']}"))
    assert scene.caller.in_use() == counted


@pytest.mark.parametrize(("call", "safety"), [("restore", None), ("restore", {}), ("cut", {})])
def test_one_that_fails_leaves_everything_as_it_was(
    scene: Scene, faults: FaultSchedule, call: str, safety: dict[str, str] | None
) -> None:
    counted = scene.caller.in_use()
    faults.add_fault(Fault(call, "ambiguous", when="after"))
    flow = scene.caller.flow(scene.revert(safety=safety))
    assert flow["state"] == "reverted"
    assert (scene.held(), scene.statuses(), scene.caller.in_use()) == (NEW, {"available"}, counted)
    assert scene.cgsnapshots().keys() == {"then"}, "the safety cgsnapshot has gone with the rest"
    group = scene.caller.get(f"/consistencygroups/{scene.group}").json["consistencygroup"]
    assert f"{call} failed by order" in group["cgflow:reason"]
    scene.caller.done(scene.revert())
    assert scene.held() == OLD


def test_a_safety_cgsnapshot_outlives_what_fails_after_the_point_of_no_return(
    scene: Scene, faults: FaultSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(backoff, "LONGEST_PAUSE_S", 0.1)
    faults.add_fault(Fault("finish_restore", "final", times=None))
    answer = scene.revert(safety={"name": "before"})
    assert faults.await_firings(PERSISTENCE_ATTEMPTS + 1, 30)
    flow = scene.caller.get(f"/flows/{answer.headers['X-Cgflow-Flow-Id']}").json["flow"]
    assert flow["state"] == "running"
    assert "Its change is committed" in flow["reason"]
    assert scene.cgsnapshots()["before"]["status"] == "available"
    assert scene.caller.in_use()["snapshots"] == 4
    faults.clear()
    scene.caller.done(answer)
    assert (scene.held(), scene.statuses()) == (OLD, {"available"})
    assert [fault for fault in scene.world.faults() if scene.caller.project in fault] == []
    scene.caller.done(scene.revert(cgsnapshot_id=scene.cgsnapshots()["before"]["id"]))
    assert scene.held() == NEW


def test_the_later_words(scene: Scene) -> None:
    later = scene.caller.at(60)
    how = {"group_snapshot_id": scene.cgsnapshot, "safety": {"name": "before"}}
    answer = later.post(f"/groups/{scene.group}/action", {"revert_to_group_snapshot": how})
    later.done(answer)
    assert (scene.held(), "before" in scene.cgsnapshots()) == (OLD, True)


def test_a_member_that_has_grown_keeps_its_size(scene: Scene) -> None:
    grow = {"os-extend": {"new_size": 2}}
    scene.caller.done(scene.caller.post(f"/volumes/{scene.members[0]}/action", grow))
    scene.caller.done(scene.revert())
    assert scene.held() == OLD
    assert scene.caller.get(f"/volumes/{scene.members[0]}").json["volume"]["size"] == 2


def test_a_member_that_came_later_is_told_of(scene: Scene) -> None:
    added = scene.caller.member(scene.group, scene.kind)
    message = check_bad_request(scene.revert())
    assert f"has no snapshot of {added}, which was added to the group later" in message
    assert "Remove it from the group first" in message
    out = scene.caller.put(
        f"/consistencygroups/{scene.group}", {"consistencygroup": {"remove_volumes": added}}
    )
    scene.caller.done(out)
    scene.caller.done(scene.revert())
    assert scene.held() == OLD


def test_a_member_that_is_gone_is_told_of(scene: Scene, served: World) -> None:
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, scene.members[0], consistencygroup_id=None)
    assert f"has a snapshot of {scene.members[0]}, which is no longer in the group" in check_bad_request(
        scene.revert()
    )


@pytest.mark.parametrize("status", ["in-use", "reserved", "error"])
def test_a_member_that_is_used_or_broken(scene: Scene, served: World, status: str) -> None:
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, scene.members[1], status=status)
    message = check_bad_request(scene.revert())
    assert scene.members[1] in message
    assert ("Detach it first" in message) == (status == "in-use")
    assert scene.held() == NEW


def test_an_attachment_is_in_the_way(scene: Scene) -> None:
    later = scene.caller.at(60)
    attached = {"attachment": {"volume_uuid": scene.members[0], "connector": {"host": "h"}}}
    assert later.post("/attachments", attached).status_code == 200
    check_bad_request(scene.revert())


def test_only_a_cgsnapshot_of_the_group_that_is_whole(scene: Scene, served: World) -> None:
    other = Scene(scene.caller, served)
    message = check_bad_request(scene.revert(cgsnapshot_id=other.cgsnapshot), "cgsnapshot_id")
    assert f"belongs to consistency group {other.group}" in message
    check_not_found(scene.revert(cgsnapshot_id=str(uuid.uuid4())))
    with served.database.write() as session:
        cgsnapshots.REPOSITORY.update_unclaimed(session, scene.cgsnapshot, status="error")
    assert "must be available to restore the group to it" in check_bad_request(scene.revert())
    with served.database.write() as session:
        cgsnapshots.REPOSITORY.update_unclaimed(session, scene.cgsnapshot, status="available")
        (first, *_) = snapshot.of_cgsnapshot(session, scene.cgsnapshot)
        snapshot.REPOSITORY.update_unclaimed(session, first.id, status="error")
    assert f"Snapshot {first.id} must be available" in check_bad_request(scene.revert())


def test_one_operation_at_a_time(scene: Scene, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("cut", "hang"))
    taking = scene.caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": scene.group}})
    assert faults.await_firings(1, 10)
    check_fault(scene.revert(), 409, "conflictingRequest")
    faults.release_hanging_calls()
    scene.caller.done(taking)
    faults.add_fault(Fault("restore", "hang"))
    answer = scene.revert()
    assert faults.await_firings(2, 10)
    for busy in (
        scene.caller.delete(f"/cgsnapshots/{scene.cgsnapshot}"),
        scene.caller.post(f"/volumes/{scene.members[0]}/action", {"os-extend": {"new_size": 2}}),
        scene.revert(),
    ):
        assert busy.status_code in (400, 409), busy.text
    assert scene.statuses() == {"reverting"}
    faults.release_hanging_calls()
    scene.caller.done(answer)


def test_an_empty_group_and_one_in_error(scene: Scene, served: World) -> None:
    scene.group, full = scene.caller.group(scene.kind), scene.group
    assert "is empty" in check_bad_request(scene.revert())
    scene.group = full
    with served.database.write() as session:
        consistencygroup.REPOSITORY.update_unclaimed(session, full, status=Status.ERROR.value)
    assert "must be available" in check_bad_request(scene.revert())


def test_a_safety_cgsnapshot_counts_from_the_first(scene: Scene) -> None:
    limit = {"quota_set": {"snapshots": 3}}
    assert scene.caller.put(f"/os-quota-sets/{scene.caller.project}", limit).status_code == 200
    assert "Maximum number of snapshots allowed (3)" in check_fault(scene.revert(safety={}), 413, "overLimit")
    assert scene.statuses() == {"available"}
    scene.caller.done(scene.revert())


def test_what_is_another_projects_does_not_exist(scene: Scene, stranger: Caller) -> None:
    scene.caller = stranger
    check_not_found(scene.revert())
    check_not_found(scene.revert(safety={}))
    theirs = {"cgsnapshot": {"consistencygroup_id": scene.group}}
    check_not_found(stranger.post("/cgsnapshots", theirs))
