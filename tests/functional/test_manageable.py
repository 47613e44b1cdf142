"""Objects of a backend without a record are listed, and cannot be managed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from cgflow.drivers.contract import GroupSnapshots, SnapshotSpec, VolumeSpec
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import HOST, World

AT = f"?host={HOST}%23memory"


@pytest.fixture
def admin(caller: Caller) -> Caller:
    return caller.at(17)


@pytest.fixture
def strangers(served: World) -> Iterator[list[str]]:
    """Two volumes without a record, of 3 GiB alone and of 2 GiB in a group, and a snapshot of the first."""
    driver = served.driver
    assert isinstance(driver, GroupSnapshots)
    group_id, alone, member, copy = (str(uuid.uuid4()) for _ in range(4))
    volumes = [VolumeSpec(alone, 3), VolumeSpec(member, 2, group_id)]
    driver.create_group(group_id)
    for volume in volumes:
        driver.create_volume(volume)
    snapshot = SnapshotSpec(copy, alone, copy, None)
    driver.prepare(snapshot)
    driver.cut(copy, None, [snapshot])
    yield [alone, member, copy]
    driver.delete_snapshot(snapshot)
    for volume in volumes:
        driver.delete_volume(volume)
    driver.delete_group(group_id)


def ids(caller: Caller, path: str, key: str = "manageable-volumes") -> list[str]:
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    return [one["reference"]["source-id"] for one in answer.json[key]]


def test_what_has_a_record_is_not_listed(caller: Caller, admin: Caller) -> None:
    volume_id = caller.volume()
    snapshot_id = caller.snapshot(volume_id)
    assert ids(admin, f"/manageable_volumes{AT}") == []
    assert ids(admin, f"/manageable_snapshots{AT}", "manageable-snapshots") == []
    for path in (f"/snapshots/{snapshot_id}", f"/volumes/{volume_id}"):
        caller.done(caller.delete(path))


def test_what_has_none_is(admin: Caller, strangers: list[str]) -> None:
    alone, member, copy = strangers
    found = admin.get(f"/manageable_volumes/detail{AT}&sort=size:asc").json["manageable-volumes"]
    assert [(one["reference"]["source-id"], one["size"]) for one in found] == [(member, 2), (alone, 3)]
    for one in found:
        assert one["safe_to_manage"] is False
        assert "a driver cannot change this id" in one["reason_not_safe"]
    (short, _) = admin.get(f"/manageable_volumes{AT}&sort=size:asc").json["manageable-volumes"]
    assert short == {"reference": {"source-id": member}, "size": 2, "safe_to_manage": False}
    (snapshot,) = admin.get(f"/manageable_snapshots/detail{AT}").json["manageable-snapshots"]
    assert snapshot["reference"] == {"source-id": copy}


def test_lists_are_ordered_and_cut(admin: Caller, strangers: list[str]) -> None:
    names = sorted(strangers[:2])
    path = f"/manageable_volumes{AT}"
    assert ids(admin, path) == ids(admin, f"{path}&sort=reference:asc") == names
    assert ids(admin, f"{path}&sort_key=reference&sort_dir=desc") == names[::-1]
    assert ids(admin, f"{path}&limit=1") == ids(admin, f"{path}&limit=1&offset=0") == names[:1]
    assert ids(admin, f"{path}&offset=1") == ids(admin, f"{path}&marker={names[0]}") == names[1:]
    check_bad_request(admin.get(f"{path}&marker=gone"), "marker")
    for query, field in (("sort=colour", "sort"), ("sort_dir=up", "sort_dir"), ("limit=x", "limit")):
        check_bad_request(admin.get(f"{path}&{query}"), field)


def test_what_an_operation_is_at_work_on_is_not_listed(
    caller: Caller, admin: Caller, served: World, faults: FaultSchedule
) -> None:
    """A snapshot that is cut to clone a volume has no record while it exists."""
    source = caller.volume()
    faults.add_fault(Fault("clone_volume", "hang", when="after"))
    accepted = caller.post("/volumes", {"volume": {"source_volid": source}})
    assert faults.await_firings(1, 20)
    assert len(served.driver.inventory().snapshots) == 1
    assert ids(admin, f"/manageable_snapshots{AT}", "manageable-snapshots") == []
    assert ids(admin, f"/manageable_volumes{AT}") == []
    faults.release_hanging_calls()
    caller.done(accepted)


def test_nothing_is_taken_over(admin: Caller, served: World, strangers: list[str]) -> None:
    alone, _, copy = strangers
    wish = {"volume": {"host": HOST, "ref": {"source-id": alone}, "name": "n", "bootable": False}}
    check_fault(admin.post("/manageable_volumes", wish), 400, "badRequest")
    volume_id = admin.volume()
    wish = {"snapshot": {"volume_id": volume_id, "ref": {"source-id": copy}, "name": "n"}}
    check_fault(admin.post("/manageable_snapshots", wish), 400, "badRequest")
    assert {alone, copy} <= served.driver.inventory().volumes | served.driver.inventory().snapshots
    assert admin.get("/snapshots").json["snapshots"] == []


def test_unknown_ones(admin: Caller) -> None:
    check_not_found(admin.get("/manageable_volumes?host=nowhere@nothing"))
    check_bad_request(admin.get("/manageable_volumes"), "host")
    check_bad_request(
        admin.post("/manageable_volumes", {"volume": {"host": "nowhere@nothing", "ref": {}}}), "host"
    )
    check_bad_request(admin.post("/manageable_volumes", {"volume": {"ref": {}}}), "host")
    check_not_found(admin.post("/manageable_snapshots", {"snapshot": {"volume_id": "none", "ref": {}}}))
