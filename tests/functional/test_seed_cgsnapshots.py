"""The seed patch's statements about cgsnapshots (S33 to S44) that no other test covers."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from cgflow.db.repositories import cgsnapshot, consistencygroup, volume
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.status import Status
from tests.functional.caller import Caller, check_fault, check_not_found
from tests.support.world import World


class Scene:
    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.kind = caller.type()
        self.group = caller.group(self.kind)
        self.members = [
            caller.volume(consistencygroup_id=self.group, volume_type=self.kind, size=size) for size in (1, 2)
        ]

    def take(self, **more: Any) -> Any:
        return self.caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": self.group, **more}})

    def ids(self, query: str = "") -> list[str]:
        return [one["id"] for one in self.caller.get(f"/cgsnapshots{query}").json["cgsnapshots"]]


@pytest.fixture
def scene(caller: Caller) -> Scene:
    return Scene(caller)


def test_a_group_that_is_not_available_is_not_cut_s34(scene: Scene, served: World) -> None:
    with served.database.write() as session:
        consistencygroup.REPOSITORY.update_unclaimed(session, scene.group, status=Status.ERROR.value)
    message = check_fault(scene.take(), 400, "badRequest")
    assert message.endswith("Consistency group status must be available, but current status is: error.")
    assert scene.ids() == []


def test_the_members_copies_are_there_while_it_is_taken_s35(scene: Scene, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("cut", "hang"))
    answer = scene.take(name="nightly", description="d")
    assert faults.await_firings(1, 10)
    taken = answer.json["cgsnapshot"]["id"]
    path = f"/snapshots/detail?cgsnapshot_id={taken}&sort=size:asc"
    of = [scene.caller.get(f"/volumes/{id_}").json["volume"] for id_ in scene.members]
    progress = "os-extended-snapshot-attributes:progress"
    for status, done in (("creating", "0%"), ("available", "100%")):
        copies = scene.caller.at(14).get(path).json["snapshots"]
        assert [one["volume_id"] for one in copies] == scene.members
        assert [one["size"] for one in copies] == [one["size"] for one in of]
        for one in copies:
            assert (one["name"], one["description"], one["group_snapshot_id"]) == ("nightly", "d", taken)
            assert (one["status"], one[progress]) == (status, done)
        if status == "creating":
            faults.release_hanging_calls()
            scene.caller.done(answer)


def test_members_in_use_are_cut_s36(scene: Scene, served: World) -> None:
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, scene.members[0], status=Status.IN_USE.value)
    scene.caller.done(scene.take())
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, scene.members[0], status=Status.AVAILABLE.value)


def test_all_members_are_looked_at_before_anything_is_made_s37(scene: Scene, served: World) -> None:
    path = f"/os-quota-sets/{scene.caller.project}?usage=True"
    before = scene.caller.get(path).json
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, scene.members[1], status=Status.ERROR.value)
    message = check_fault(scene.take(), 400, "badRequest")
    assert f"Member {scene.members[1]} must be available or in-use, but its status is: error." in message
    assert (scene.ids(), scene.caller.get("/snapshots").json["snapshots"]) == ([], [])
    assert scene.caller.get(path).json == before


def test_a_member_of_the_project_leaves_nothing_behind_either_s38(
    scene: Scene, faults: FaultSchedule
) -> None:
    scene.caller = scene.caller.as_member()
    faults.add_fault(Fault("prepare", "final", nth=2))
    answer = scene.take()
    assert scene.caller.flow(answer)["state"] == "reverted"
    assert scene.caller.get("/snapshots").json["snapshots"] == []
    (left,) = scene.caller.get("/cgsnapshots/detail").json["cgsnapshots"]
    assert left["status"] == "error"
    scene.caller.done(scene.caller.delete(f"/cgsnapshots/{left['id']}"))


def test_lists_s40_s41(scene: Scene, app: Flask) -> None:
    made = [scene.caller.done(scene.take(name=name)) for name in "ba"]
    other = Scene(Caller(app.test_client()))
    theirs = other.caller.done(other.take())
    assert scene.ids() == made[::-1]
    assert scene.ids("?sort=name:asc") == made[::-1]
    assert scene.ids(f"?marker={made[1]}") == [made[0]]
    assert scene.ids("?limit=1") == [made[1]]
    assert {*made, theirs} <= set(scene.ids("?all_tenants=1"))
    assert scene.ids(f"?all_tenants=1&consistencygroup_id={other.group}") == [theirs]
    assert scene.ids("?status=error") == []
    scene.caller = scene.caller.as_member()
    assert scene.ids("?all_tenants=1") == made[::-1]


def test_what_is_not_at_rest_is_not_deleted_s43(scene: Scene, served: World, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("cut", "hang"))
    answer = scene.take()
    taken = answer.json["cgsnapshot"]["id"]
    message = check_fault(scene.caller.delete(f"/cgsnapshots/{taken}"), 400, "badRequest")
    assert message == (
        "Invalid cgsnapshot: Cgsnapshot status must be available or error, but current status is: creating."
    )
    assert faults.await_firings(1, 10)
    faults.release_hanging_calls()
    scene.caller.done(answer)
    with served.database.write() as session:
        cgsnapshot.REPOSITORY.update_unclaimed(session, taken, status=Status.DELETING.value)
    check_fault(scene.caller.delete(f"/cgsnapshots/{taken}"), 400, "badRequest")


def test_every_refusal_of_a_deletion_keeps_its_own_status_s44(
    scene: Scene, stranger: Caller, faults: FaultSchedule
) -> None:
    taken = scene.caller.done(scene.take())
    check_not_found(stranger.delete(f"/cgsnapshots/{taken}"))
    reader = Caller(scene.caller._client, scene.caller.project, user="rita", roles="reader")
    assert check_fault(reader.delete(f"/cgsnapshots/{taken}"), 403, "forbidden") == (
        "Policy doesn't allow consistencygroup:delete_cgsnapshot to be performed."
    )
    faults.add_fault(Fault("delete_snapshot", "final", times=None))
    answer = scene.caller.delete(f"/cgsnapshots/{taken}")
    assert scene.caller.flow(answer)["state"] == "reverted"
    shown = scene.caller.get(f"/cgsnapshots/{taken}").json["cgsnapshot"]
    assert shown["status"] == "error_deleting"
    assert "delete_snapshot failed by order" in shown["cgflow:reason"]
    faults.clear()
    scene.caller.done(scene.caller.delete(f"/cgsnapshots/{taken}"))
