"""The seed patch's statements about backends' responses (S121 to S131), as clients see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_fault, check_not_found
from tests.functional.volume_actions import act
from tests.support.driver_faults import no_retry_pauses
from tests.support.world import World


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with no_retry_pauses(monkeypatch):
        yield


class Scene:
    """A group of two members."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        kind = caller.type()
        self.group = caller.group(kind)
        self.members = [caller.member(self.group, kind, size=size) for size in (1, 2)]

    def delete(self) -> Any:
        return self.caller.post(
            f"/consistencygroups/{self.group}/delete", {"consistencygroup": {"force": True}}
        )

    def shown(self, noun: str, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = self.caller.get(f"/{noun}s/{id_}").json[noun]
        return found


@pytest.fixture
def scene(caller: Caller) -> Scene:
    return Scene(caller)


def test_a_member_that_stays_keeps_its_group_and_its_quota_s125_s126(
    scene: Scene, faults: FaultSchedule
) -> None:
    gone, stays = scene.members
    faults.add_fault(Fault("delete_volume", "final", target=stays, times=None))
    assert scene.caller.flow(scene.delete())["state"] == "reverted"
    check_not_found(scene.caller.get(f"/volumes/{gone}"))
    for noun, id_ in (("volume", stays), ("consistencygroup", scene.group)):
        left = scene.shown(noun, id_)
        assert left["status"] == "error_deleting"
        assert "delete_volume failed by order" in left["cgflow:reason"]
    used = scene.caller.in_use()
    assert (used["consistencygroups"], used["volumes"], used["gigabytes"]) == (1, 1, 2)
    faults.clear()
    scene.caller.done(scene.delete())
    assert scene.caller.in_use() == {}


def test_members_are_those_on_record_whatever_the_backend_says_s127(
    scene: Scene, faults: FaultSchedule, served: World
) -> None:
    faults.add_fault(Fault("delete_volume", "lie", times=None))
    assert scene.caller.flow(scene.delete())["state"] == "reverted"
    assert served.driver.inventory(scene.group).volumes == set(scene.members)
    assert {scene.shown("volume", id_)["status"] for id_ in scene.members} == {"error_deleting"}
    assert scene.caller.in_use()["volumes"] == 2
    faults.clear()
    scene.caller.done(scene.delete())
    assert served.driver.inventory(scene.group).volumes == frozenset()
    for id_ in scene.members:
        check_not_found(scene.caller.get(f"/volumes/{id_}"))


def test_members_are_not_attached_while_their_group_goes_s124(scene: Scene, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("delete_volume", "hang", times=None))
    answer = scene.delete()
    assert faults.await_firings(1, 10)
    for id_ in scene.members:
        message = check_fault(act(scene.caller, id_, "os-reserve"), 409, "conflictingRequest")
        assert answer.headers["X-Cgflow-Flow-Id"] in message
    faults.clear()
    faults.release_hanging_calls()
    scene.caller.done(answer)


def test_what_is_being_deleted_says_so_s16_s42(scene: Scene, faults: FaultSchedule) -> None:
    taken = scene.caller.cgsnapshot(scene.group)
    for call, noun, id_, delete in (
        ("delete_snapshot", "cgsnapshot", taken, lambda: scene.caller.delete(f"/cgsnapshots/{taken}")),
        ("delete_group", "consistencygroup", scene.group, scene.delete),
    ):
        faults.add_fault(Fault(call, "hang"))
        answer = delete()
        assert (answer.status_code, answer.data) == (202, b"")
        assert faults.await_firings(1, 10)
        assert scene.shown(noun, id_)["status"] == "deleting"
        faults.release_hanging_calls()
        scene.caller.done(answer)
        check_not_found(scene.caller.get(f"/{noun}s/{id_}"))
        faults.clear()


def test_room_on_the_backend_comes_back_with_the_group_s126(scene: Scene, served: World) -> None:
    full = served.driver.report().provisioned_gib
    scene.caller.done(scene.delete())
    assert served.driver.report().provisioned_gib == full - 3


@pytest.mark.parametrize("call", ["prepare", "cut", "snapshot"])
def test_one_member_that_fails_undoes_them_all_s128_s129(
    scene: Scene, faults: FaultSchedule, served: World, call: Any
) -> None:
    used = scene.caller.in_use()
    faults.add_fault(Fault(call, "final", nth=1 if call == "cut" else 2))
    taken = scene.caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": scene.group}})
    assert scene.caller.flow(taken)["state"] == "reverted"
    left = scene.shown("cgsnapshot", taken.json["cgsnapshot"]["id"])
    assert left["status"] == "error"
    assert f"{call} failed by order" in left["cgflow:reason"]
    assert scene.caller.get("/snapshots").json["snapshots"] == []
    assert served.driver.inventory(scene.group).snapshots == frozenset()
    assert scene.caller.in_use() == used
    assert scene.shown("consistencygroup", scene.group)["status"] == "available"


def test_a_copy_that_stays_keeps_its_cgsnapshot_s131(scene: Scene, faults: FaultSchedule) -> None:
    taken = scene.caller.cgsnapshot(scene.group)
    copies = scene.caller.get(f"/snapshots?cgsnapshot_id={taken}&sort=size:asc").json["snapshots"]
    gone, stays = (copy["id"] for copy in copies)
    faults.add_fault(Fault("delete_snapshot", "final", target=stays, times=None))
    assert scene.caller.flow(scene.caller.delete(f"/cgsnapshots/{taken}"))["state"] == "reverted"
    check_not_found(scene.caller.get(f"/snapshots/{gone}"))
    assert scene.shown("snapshot", stays)["status"] == "error_deleting"
    assert scene.shown("cgsnapshot", taken)["status"] == "error_deleting"
    assert scene.caller.in_use()["snapshots"] == 1
    faults.clear()
    scene.caller.done(scene.caller.delete(f"/cgsnapshots/{taken}"))
    assert "snapshots" not in scene.caller.in_use()
