"""Consistency groups created from a cgsnapshot or another group, over HTTP (C1 to C8, S45)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cgflow.db.repositories import consistencygroup, snapshot
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import Status
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import World


class Source:
    """A group of two members of different sizes, with data."""

    def __init__(self, caller: Caller, world: World) -> None:
        self.caller = caller
        self.driver: MemoryDriver = world.driver.driver  # type: ignore[attr-defined]
        self.kinds = [caller.type(), caller.type()]
        self.group = caller.group(",".join(self.kinds), name="db", description="d")
        self.members = [
            caller.member(self.group, kind, size=size, name=f"m{size}", metadata={"role": f"r{size}"})
            for size, kind in enumerate(self.kinds, 1)
        ]
        act = f"/volumes/{self.members[0]}/action"
        for action in (
            {"os-set_bootable": {"bootable": True}},
            {"os-set_image_metadata": {"metadata": {"image_id": "i"}}},
        ):
            assert caller.post(act, action).status_code in (200, 202)
        self.write(b"then")

    def write(self, data: bytes) -> None:
        for number, volume_id in enumerate(self.members):
            self.driver.write(volume_id, 4096, data + b"%d" % number)

    def create(self, **body: Any) -> TestResponse:
        return self.caller.post("/consistencygroups/create_from_src", {"consistencygroup-from-src": body})

    def volumes_of(self, group_id: str) -> list[dict[str, Any]]:
        found = self.caller.get(f"/volumes/detail?consistencygroup_id={group_id}&sort=size:asc")
        volumes: list[dict[str, Any]] = found.json["volumes"]
        return volumes

    def quota(self) -> Any:
        path = f"/os-quota-sets/{self.caller.project}?usage=True"
        return self.caller.get(path).json["quota_set"]


@pytest.fixture
def source(caller: Caller, served: World) -> Source:
    return Source(caller, served)


def check_copy(source: Source, group_id: str, data: bytes) -> list[dict[str, Any]]:
    """Check that a group has the source's content, independently of the source, and return its volumes."""
    old, new = (
        source.caller.get(f"/consistencygroups/{id_}").json["consistencygroup"]
        for id_ in (source.group, group_id)
    )
    assert new["status"] == "available"
    assert [new[name] for name in ("volume_types", "availability_zone")] == [
        old[name] for name in ("volume_types", "availability_zone")
    ]
    volumes = source.volumes_of(group_id)
    was = [source.caller.get(f"/volumes/{id_}").json["volume"] for id_ in source.members]
    kept = (
        *("name", "size", "volume_type", "metadata", "availability_zone", "os-vol-host-attr:host"),
        *("bootable", "volume_image_metadata"),
    )
    assert (was[0]["bootable"], was[0]["volume_image_metadata"]) == ("true", {"image_id": "i"})
    assert [[one.get(name) for name in kept] for one in volumes] == [
        [one.get(name) for name in kept] for one in was
    ]
    for number, one in enumerate(volumes):
        assert one["status"] == "available"
        assert source.driver.read(one["id"], 4096, len(data) + 1) == data + b"%d" % number
        source.driver.write(one["id"], 4096, b"copy")
        assert source.driver.read(source.members[number], 4096, 4) != b"copy"
    return volumes


def test_from_a_cgsnapshot_c1_c3_c6_c8(source: Source) -> None:
    """S130."""
    cgsnapshot_id = source.caller.cgsnapshot(source.group)
    source.write(b"else")
    answer = source.create(name="copy", cgsnapshot_id=cgsnapshot_id)
    group = answer.json["consistencygroup"]
    assert (answer.status_code, group) == (202, {"id": group["id"], "name": "copy"})
    assert source.caller.done(answer) == group["id"]
    volumes = check_copy(source, group["id"], b"then")
    copies = source.caller.get(f"/snapshots/detail?cgsnapshot_id={cgsnapshot_id}").json["snapshots"]
    of_volume = {copy["volume_id"]: copy["id"] for copy in copies}
    assert [one["snapshot_id"] for one in volumes] == [of_volume[id_] for id_ in source.members]
    # The source can be deleted, and the new group remains.
    source.caller.done(source.caller.delete(f"/cgsnapshots/{cgsnapshot_id}"))
    source.caller.done(
        source.caller.post(f"/consistencygroups/{source.group}/delete", {"consistencygroup": {"force": True}})
    )
    assert len(source.volumes_of(group["id"])) == 2


def test_from_a_group_c1_c3_c6_c8(source: Source) -> None:
    answer = source.create(name="copy", source_cgid=source.group)
    group_id = source.caller.done(answer)
    volumes = check_copy(source, group_id, b"then")
    assert [one["source_volid"] for one in volumes] == source.members
    assert [one["snapshot_id"] for one in volumes] == [None, None]
    # The cgsnapshot that the group was created from is gone, with everything created for it.
    assert source.driver.inventory(source.group).snapshots == frozenset()
    assert source.caller.get("/cgsnapshots").json["cgsnapshots"] == []


def test_what_clients_send_along_is_taken(source: Source) -> None:
    body = {
        "name": "copy",
        "description": None,
        "cgsnapshot_id": None,
        "source_cgid": source.group,
        "user_id": None,
        "project_id": None,
        "status": "creating",
    }
    group_id = source.caller.done(source.create(**body))
    shown = source.caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]
    assert shown["description"] is None


def test_exactly_one_source_c1_c2(source: Source) -> None:
    for body in ({"name": "x"}, {"name": "x", "cgsnapshot_id": None, "source_cgid": ""}):
        assert check_bad_request(source.create(**body), "cgsnapshot_id") == (
            "Either 'cgsnapshot_id' or 'source_cgid' must be provided to create consistency group x "
            "from source."
        )
    both = source.create(name="x", cgsnapshot_id="a", source_cgid="b")
    assert check_bad_request(both, "source_cgid") == (
        "Cannot provide both 'cgsnapshot_id' and 'source_cgid' to create consistency group x from source."
    )


def test_unknown_sources_c2(source: Source, stranger: Caller) -> None:
    unknown = str(uuid.uuid4())
    assert (
        check_not_found(source.create(cgsnapshot_id=unknown)) == f"CgSnapshot {unknown} could not be found."
    )
    assert (
        check_not_found(source.create(source_cgid=unknown))
        == f"ConsistencyGroup {unknown} could not be found."
    )
    source.caller = stranger
    check_not_found(source.create(source_cgid=source.group))


def test_sources_that_hold_nothing_c3_c4_c5(source: Source, faults: FaultSchedule) -> None:
    empty = source.caller.group(source.kinds[0])
    assert check_fault(source.create(source_cgid=empty), 400, "badRequest") == (
        "Invalid ConsistencyGroup: Source CG is empty. No consistency group will be created."
    )
    faults.add_fault(Fault("cut", "final"))
    taken = source.caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": source.group}})
    assert source.caller.flow(taken)["state"] == "reverted"
    failed = source.create(cgsnapshot_id=taken.json["cgsnapshot"]["id"])
    assert check_fault(failed, 400, "badRequest") == (
        "Invalid CgSnapshot: Originating CGSNAPSHOT status must be one of 'available' values, "
        "but current status is: error."
    )


def test_a_cgsnapshot_that_lost_copies_is_no_source_c4_c5(source: Source, served: World) -> None:
    cgsnapshot_id = source.caller.cgsnapshot(source.group)
    copies = [one["id"] for one in source.caller.get("/snapshots").json["snapshots"]]

    def message(**columns: object) -> str:
        with served.database.write() as session:
            for id_ in copies:
                snapshot.REPOSITORY.update_unclaimed(session, id_, **columns)
        return check_fault(source.create(cgsnapshot_id=cgsnapshot_id), 400, "badRequest")

    assert message(status=Status.ERROR.value).startswith(
        "Invalid snapshot: Originating snapshot status must be one of 'available' values, "
    )
    assert message(deleted=True) == (
        "Invalid ConsistencyGroup: Cgsnahost is empty. No consistency group will be created."
    )


def test_a_group_without_a_backend_is_no_source_c3(source: Source, served: World) -> None:
    host = served.get("consistencygroup", source.group).host
    with served.database.write() as session:
        consistencygroup.REPOSITORY.update_unclaimed(session, source.group, host=None)
    answer = source.create(name="copy", source_cgid=source.group)
    assert check_fault(answer, 400, "badRequest") == (
        "Invalid ConsistencyGroup: No host to create consistency group copy."
    )
    with served.database.write() as session:
        consistencygroup.REPOSITORY.update_unclaimed(session, source.group, host=host)


def test_group_volumes_and_gigabytes_are_counted_at_once_c6(source: Source) -> None:
    """C3."""
    source.caller.put(f"/os-quota-sets/{source.caller.project}", {"quota_set": {"volumes": 3}})
    before = source.quota()
    answer = source.create(source_cgid=source.group)
    assert check_fault(answer, 413, "overLimit") == "Maximum number of volumes allowed (3) exceeded"
    assert source.quota() == before
    source.caller.put(f"/os-quota-sets/{source.caller.project}", {"quota_set": {"volumes": 9}})
    source.caller.done(source.create(source_cgid=source.group))
    after = source.quota()
    grown = {name: after[name]["in_use"] - before[name]["in_use"] for name in after if name != "id"}
    first, second = source.kinds
    assert {name: number for name, number in grown.items() if number} == {
        **(
            {"consistencygroups": 1, "volumes": 2, "gigabytes": 3}
            | ({"groups": 1} if "groups" in grown else {})
        ),
        f"volumes_{first}": 1,
        f"gigabytes_{first}": 1,
        f"volumes_{second}": 1,
        f"gigabytes_{second}": 2,
    }


@pytest.mark.parametrize("call", ["create_group", "clone_volume"])
@pytest.mark.parametrize("kind", ["cgsnapshot_id", "source_cgid"])
def test_a_failure_leaves_a_record_and_nothing_else_c6(
    source: Source, faults: FaultSchedule, call: str, kind: str
) -> None:
    """C7."""
    used = source.caller.cgsnapshot(source.group) if kind == "cgsnapshot_id" else source.group
    before, there = source.quota(), source.driver.inventory()
    faults.add_fault(Fault(call, "ambiguous", when="after", nth=2 if call == "clone_volume" else 1))  # type: ignore[arg-type]
    answer = source.create(name="copy", **{kind: used})
    assert source.caller.flow(answer)["state"] == "reverted"
    group_id = answer.json["consistencygroup"]["id"]
    group = source.caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]
    assert (group["status"], source.volumes_of(group_id)) == ("error", [])
    assert "failed by order" in group["cgflow:reason"]
    assert (source.quota(), source.driver.inventory()) == (before, there)
    source.caller.done(source.caller.delete(f"/consistencygroups/{group_id}"))


def test_a_cgsnapshot_in_use_as_source_stays_and_serves_several_s45_c8(
    source: Source, faults: FaultSchedule
) -> None:
    cgsnapshot_id = source.caller.cgsnapshot(source.group)
    faults.add_fault(Fault("clone_volume", "hang", times=None))
    first, second = (source.create(name=name, cgsnapshot_id=cgsnapshot_id) for name in ("a", "b"))
    assert faults.await_firings(4, 10), "both are at work, side by side"
    first_id = first.json["consistencygroup"]["id"]
    begun = source.caller.get(f"/consistencygroups/{first_id}").json["consistencygroup"]["created_at"]
    message = check_fault(source.caller.delete(f"/cgsnapshots/{cgsnapshot_id}"), 409, "conflictingRequest")
    assert f"Cgsnapshot {cgsnapshot_id} is the source of a group that is being created" in message
    faults.clear()
    faults.release_hanging_calls()
    made = [source.caller.done(answer) for answer in (first, second)]
    done = source.caller.get(f"/consistencygroups/{first_id}").json["consistencygroup"]
    assert (done["status"], done["created_at"] > begun) == ("available", True)
    # Later operations on the new groups do not hold the source.
    source.caller.done(source.caller.delete(f"/cgsnapshots/{cgsnapshot_id}"))
    assert [len(source.volumes_of(group_id)) for group_id in made] == [2, 2]


def test_a_group_in_use_as_source_is_busy(source: Source, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("clone_volume", "hang", times=None))
    making = source.create(source_cgid=source.group)
    assert faults.await_firings(2, 10)
    for answer in (
        source.create(source_cgid=source.group),
        source.caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": source.group}}),
        source.caller.post(
            f"/consistencygroups/{source.group}/delete", {"consistencygroup": {"force": True}}
        ),
    ):
        assert making.headers["X-Cgflow-Flow-Id"] in check_fault(answer, 409, "conflictingRequest")
    faults.clear()
    faults.release_hanging_calls()
    source.caller.done(making)
