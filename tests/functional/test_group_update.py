"""Changes of consistency groups over HTTP (M1 to M11): names, members, and the text of every refusal."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cgflow.db.repositories import volume
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import World


class Scene:
    """A group with one member, and a volume outside that could become one."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.kind = caller.type()
        self.group = caller.group(self.kind, name="db")
        self.member = caller.member(self.group, self.kind, name="in")
        self.outside = caller.volume(volume_type=self.kind, name="out")

    def put(self, *, path: str = "", **body: Any) -> Any:
        return self.caller.put(f"/consistencygroups/{self.group}{path}", {"consistencygroup": body})

    def group_of(self, volume_id: str) -> str | None:
        shown: str | None = self.caller.get(f"/volumes/{volume_id}").json["volume"]["consistencygroup_id"]
        return shown

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.caller.get(f"/consistencygroups/{self.group}").json["consistencygroup"]
        return shown

    def quota(self) -> Any:
        path = f"/os-quota-sets/{self.caller.project}?usage=True"
        return self.caller.get(path).json["quota_set"]


@pytest.fixture
def scene(caller: Caller) -> Scene:
    return Scene(caller)


@pytest.mark.parametrize("path", ["", "/update"])
def test_a_new_name_is_written_at_once_m1_m9(scene: Scene, path: str) -> None:
    answer = scene.put(path=path, name="orders", description="of today")
    assert (answer.status_code, answer.data) == (202, b"")
    assert "X-Cgflow-Flow-Id" not in answer.headers
    shown = scene.shown()
    assert (shown["name"], shown["description"], shown["status"]) == ("orders", "of today", "available")
    assert scene.put(path=path, name="orders").status_code == 202


@pytest.mark.parametrize("path", ["", "/update"])
def test_members_come_and_go_m1_m9(scene: Scene, path: str) -> None:
    before = scene.quota()
    answer = scene.put(path=path, name="new", add_volumes=scene.outside, remove_volumes=scene.member)
    assert (answer.status_code, answer.data) == (202, b"")
    scene.caller.done(answer)
    assert (scene.group_of(scene.outside), scene.group_of(scene.member)) == (scene.group, None)
    assert (scene.shown()["status"], scene.shown()["name"]) == ("available", "new")
    assert scene.quota() == before


def test_volumes_are_named_in_a_string_or_a_list(scene: Scene) -> None:
    other = scene.caller.volume(volume_type=scene.kind)
    scene.caller.done(scene.put(add_volumes=f" {scene.outside} ,,{other},{other}"))
    scene.caller.done(scene.put(remove_volumes=[scene.outside, other]))
    assert scene.group_of(other) is None


@pytest.mark.parametrize("raw", [b"", b"null"])
def test_no_body_m2(scene: Scene, raw: bytes) -> None:
    path = f"/consistencygroups/{scene.group}/update"
    assert check_bad_request(scene.caller.put(path, data=raw)) == "Missing request body."


@pytest.mark.parametrize("body", [{}, {"group": {"name": "x"}}, {"consistencygroup": None}, [], "x"])
def test_a_wrong_root_m2(scene: Scene, body: object) -> None:
    answer = scene.caller.call("PUT", f"/consistencygroups/{scene.group}", json=body)
    assert check_bad_request(answer, "consistencygroup") == (
        "Incorrect request body format. 'consistencygroup' must be an object."
    )


@pytest.mark.parametrize(
    "body", [{}, {"name": None}, {"name": "", "description": "", "add_volumes": "", "remove_volumes": " ,"}]
)
def test_nothing_to_change_m2(scene: Scene, body: dict[str, Any]) -> None:
    assert check_bad_request(scene.put(**body)) == (
        "Name, description, add_volumes, and remove_volumes can not be all empty in the request body."
    )


def test_unknown_groups_m3(scene: Scene, stranger: Caller) -> None:
    unknown = str(uuid.uuid4())
    body = {"consistencygroup": {"name": "x"}}
    for caller, group_id in ((scene.caller, unknown), (stranger, scene.group)):
        message = check_not_found(caller.put(f"/consistencygroups/{group_id}", body))
        assert message == f"Consistency group {group_id} could not be found."


def test_a_group_that_is_not_available_m4(scene: Scene, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("create_group", "final"))
    made = scene.caller.post("/consistencygroups", {"consistencygroup": {"volume_types": scene.kind}})
    assert scene.caller.flow(made)["state"] == "reverted"
    scene.group = made.json["consistencygroup"]["id"]
    for body in ({"name": "x"}, {"add_volumes": scene.outside}):
        assert check_fault(scene.put(**body), 400, "badRequest") == (
            "Invalid ConsistencyGroup: Consistency group status must be available, "
            "but current status is: error."
        )


def test_in_both_lists_m5(scene: Scene) -> None:
    message = check_bad_request(
        scene.put(add_volumes=scene.member, remove_volumes=scene.member), "add_volumes"
    )
    assert message == f"UUIDs {scene.member} are in both add and remove volume list."


def cannot(verb: str, volume_id: str, scene: Scene) -> str:
    to = "to" if verb == "add" else "from"
    return f"Invalid volume: Cannot {verb} volume {volume_id} {to} consistency group {scene.group} because "


def test_what_cannot_be_added_m6(scene: Scene, faults: FaultSchedule, served: World) -> None:
    caller = scene.caller
    unknown, other_kind = str(uuid.uuid4()), caller.type()
    untyped, foreign = caller.volume(), caller.volume(volume_type=other_kind)
    faults.add_fault(Fault("create_volume", "final"))
    failed = caller.post("/volumes", {"volume": {"size": 1, "volume_type": scene.kind}})
    assert caller.flow(failed)["state"] == "reverted"
    for volume_id, why in (
        (unknown, "volume cannot be found"),
        (Caller(caller._client).volume(), "volume cannot be found"),
        (untyped, "it has no volume type"),
        (foreign, f"volume type {other_kind} is not supported by the group"),
        (
            failed.json["volume"]["id"],
            "volume is in an invalid state: error. Valid states are: ('available', 'in-use')",
        ),
    ):
        message = check_bad_request(scene.put(add_volumes=f"{scene.outside},{volume_id}"), "add_volumes")
        assert message == f"{cannot('add', volume_id, scene)}{why}."
    assert scene.group_of(scene.outside) is None


def test_a_volume_on_another_backend_m6(scene: Scene, served: World) -> None:
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, scene.outside, host="there@memory")
    message = check_bad_request(scene.put(add_volumes=scene.outside), "add_volumes")
    assert message.startswith(cannot("add", scene.outside, scene) + "Volume is not local to this node.")
    with served.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, scene.outside, host="here@memory")


def test_a_member_is_not_added_again_and_not_taken_from_another_group_m7(scene: Scene) -> None:
    assert check_bad_request(scene.put(add_volumes=scene.member)) == (
        f"Cannot update consistency group {scene.group} because no valid name, description, "
        "add_volumes, or remove_volumes were provided."
    )
    assert scene.put(add_volumes=scene.member, name="x").status_code == 202
    other = scene.caller.group(scene.kind)
    theirs = scene.caller.member(other, scene.kind)
    message = check_bad_request(scene.put(add_volumes=theirs), "add_volumes")
    assert message.startswith(cannot("add", theirs, scene) + f"it is already in consistency group {other}.")
    assert scene.group_of(theirs) == other


def test_what_cannot_be_removed_m8(scene: Scene, faults: FaultSchedule) -> None:
    for volume_id in (scene.outside, str(uuid.uuid4())):
        message = check_bad_request(scene.put(remove_volumes=volume_id), "remove_volumes")
        assert message == cannot("remove", volume_id, scene) + "it is not in the group."
    faults.add_fault(Fault("create_volume", "hang"))
    body = {"size": 1, "volume_type": scene.kind, "consistencygroup_id": scene.group}
    made = scene.caller.post("/volumes", {"volume": body})
    volume_id = made.json["volume"]["id"]
    assert faults.await_firings(1, 10)
    message = check_bad_request(scene.put(remove_volumes=volume_id), "remove_volumes")
    assert message.startswith(
        cannot("remove", volume_id, scene) + "volume is in an invalid state: creating. Valid states are: "
    )
    faults.release_hanging_calls()
    scene.caller.done(made)


def test_members_in_error_can_leave_m8(scene: Scene, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("create_volume", "final"))
    body = {"size": 1, "volume_type": scene.kind, "consistencygroup_id": scene.group}
    failed = scene.caller.post("/volumes", {"volume": body})
    assert scene.caller.flow(failed)["state"] == "reverted"
    volume_id = failed.json["volume"]["id"]
    scene.caller.done(scene.put(remove_volumes=volume_id))
    assert scene.group_of(volume_id) is None
    assert scene.caller.get(f"/volumes/{volume_id}").json["volume"]["status"] == "error"


def test_a_member_with_a_copy_in_a_cgsnapshot_stays(scene: Scene) -> None:
    cgsnapshot_id = scene.caller.cgsnapshot(scene.group)
    message = check_bad_request(scene.put(remove_volumes=scene.member), "remove_volumes")
    assert f"cgsnapshot {cgsnapshot_id} contains a snapshot of it" in message
    scene.caller.done(scene.caller.delete(f"/cgsnapshots/{cgsnapshot_id}"))
    scene.caller.done(scene.put(remove_volumes=scene.member))


def test_a_failure_changes_nothing_m11(scene: Scene, faults: FaultSchedule, served: World) -> None:
    """M10."""
    other = scene.caller.volume(volume_type=scene.kind)
    before = scene.shown()
    faults.add_fault(Fault("move_volume", "final", nth=2))
    answer = scene.put(name="never", add_volumes=[scene.outside, other], remove_volumes=scene.member)
    assert scene.caller.flow(answer)["state"] == "reverted"
    after = scene.shown()
    assert after["cgflow:reason"]
    for changing in ("cgflow:reason", "cgflow:flow_id"):
        del before[changing], after[changing]
    assert after == before
    assert [scene.group_of(one) for one in (scene.member, scene.outside, other)] == [scene.group, None, None]
    for volume_id in (scene.member, scene.outside, other):
        assert scene.caller.get(f"/volumes/{volume_id}").json["volume"]["status"] == "available"
    assert served.driver.inventory(scene.group).volumes == {scene.member}


def test_one_change_at_a_time_m11(scene: Scene, faults: FaultSchedule) -> None:
    """M9."""
    faults.add_fault(Fault("move_volume", "hang"))
    changing = scene.put(add_volumes=scene.outside)
    assert faults.await_firings(1, 10)
    assert scene.shown()["status"] == "updating"
    flow_id = changing.headers["X-Cgflow-Flow-Id"]
    check_fault(scene.put(remove_volumes=scene.member), 400, "badRequest")
    other = scene.caller.group(scene.kind)
    theirs = scene.caller.put(
        f"/consistencygroups/{other}", {"consistencygroup": {"add_volumes": scene.outside}}
    )
    assert flow_id in check_fault(theirs, 409, "conflictingRequest")
    extend = scene.caller.post(f"/volumes/{scene.member}/action", {"os-extend": {"new_size": 2}})
    assert flow_id in check_fault(extend, 409, "conflictingRequest")
    faults.release_hanging_calls()
    scene.caller.done(changing)


def test_copies_made_alone_go_along_and_are_held_meanwhile(scene: Scene, faults: FaultSchedule) -> None:
    copy = scene.caller.done(scene.caller.post("/snapshots", {"snapshot": {"volume_id": scene.outside}}))
    faults.add_fault(Fault("move_volume", "hang"))
    changing = scene.put(add_volumes=scene.outside)
    assert faults.await_firings(1, 10)
    body = {"volume": {"size": 1, "snapshot_id": copy}}
    for answer in (scene.caller.post("/volumes", body), scene.caller.delete(f"/snapshots/{copy}")):
        message = check_fault(answer, 409, "conflictingRequest")
        assert changing.headers["X-Cgflow-Flow-Id"] in message
    faults.release_hanging_calls()
    scene.caller.done(changing)
    scene.caller.done(scene.caller.post("/volumes", body))
    scene.caller.done(scene.put(remove_volumes=scene.outside))
    scene.caller.done(scene.caller.delete(f"/snapshots/{copy}"))
