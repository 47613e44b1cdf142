"""Transferring a volume to another project: offered, accepted with the key, or taken back."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select, update

from cgflow.db.models import Transfer
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.functional.volume_actions import act, act_and_read, read_volume
from tests.support.world import World

PATHS = ("/os-volume-transfer", "/volume-transfers")


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def other(modern: Caller) -> Caller:
    """A member of the project that is to receive the volume."""
    return Caller(modern._client, user="bea", roles="member").at(71)


def offered(caller: Caller, path: str = PATHS[0], **body: Any) -> dict[str, Any]:
    answer = caller.post(path, {"transfer": body})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json["transfer"]
    return found


def usage(caller: Caller) -> dict[str, int]:
    lines = caller.get(f"/os-quota-sets/{caller.project}?usage=True").json["quota_set"]
    lines.pop("id")
    assert all(line["reserved"] == 0 for line in lines.values())
    return {name: line["in_use"] for name, line in lines.items() if line["in_use"]}


def take(caller: Caller, transfer: dict[str, Any], key: str | None = None, path: str = PATHS[0]) -> Any:
    body = {"accept": {"auth_key": key or transfer["auth_key"]}}
    return caller.post(f"{path}/{transfer['id']}/accept", body)


def test_a_volume_changes_hands(modern: Caller, other: Caller, path: str, served: World) -> None:
    name = modern.type()
    volume_id = modern.volume(size=2, volume_type=name)
    transfer = offered(modern, path, volume_id=volume_id, name="gift")
    assert transfer == {
        "id": transfer["id"],
        "volume_id": volume_id,
        "name": "gift",
        "auth_key": transfer["auth_key"],
        "created_at": transfer["created_at"],
        "links": transfer["links"],
        "no_snapshots": False,
        "source_project_id": modern.project,
        "destination_project_id": None,
        "accepted": False,
    }
    assert read_volume(modern, volume_id)["status"] == "awaiting-transfer"
    public = {key: value for key, value in transfer.items() if key != "auth_key"}
    assert modern.get(f"{path}/{transfer['id']}").json == {"transfer": public}
    assert modern.get(f"{path}/detail").json == {"transfers": [public]}
    short = {key: public[key] for key in ("id", "volume_id", "name", "links")}
    assert modern.get(path).json == {"transfers": [short]}
    with served.database.read() as session:
        row = session.scalars(select(Transfer).where(Transfer.id == transfer["id"])).one()
        assert transfer["auth_key"] not in str(vars(row))

    before = usage(modern)
    assert (before["volumes"], before["gigabytes"], before[f"volumes_{name}"]) == (1, 2, 1)
    taken = take(other, transfer, path=path)
    assert taken.status_code == 202
    # The address is within the new owner's project.
    assert taken.json["transfer"] | {"links": short["links"]} == short
    check_not_found(modern.get(f"/volumes/{volume_id}"))
    volume = read_volume(other, volume_id)
    assert (volume["status"], volume["user_id"]) == ("available", "bea")
    assert volume["os-vol-tenant-attr:tenant_id"] == other.project
    assert usage(modern) == {}
    assert usage(other) == before
    check_not_found(take(other, transfer, path=path))
    assert modern.get(path).json == {"transfers": []}
    other.done(other.delete(f"/volumes/{volume_id}"))
    assert usage(other) == {}


def test_what_came_later_is_not_told_before(modern: Caller, other: Caller) -> None:
    transfer = offered(modern.at(0), volume_id=modern.volume())
    assert set(transfer) == {"id", "volume_id", "name", "auth_key", "created_at", "links"}
    # The newer address responds at every microversion, as in Cinder.
    assert "no_snapshots" not in modern.at(54).get(f"/volume-transfers/{transfer['id']}").json["transfer"]
    assert "no_snapshots" in modern.at(55).get(f"/volume-transfers/{transfer['id']}").json["transfer"]


def test_an_offer_is_taken_back(modern: Caller, other: Caller, path: str) -> None:
    volume_id = modern.volume()
    transfer = offered(modern, path, volume_id=volume_id)
    check_not_found(other.delete(f"{path}/{transfer['id']}"))
    check_not_found(other.get(f"{path}/{transfer['id']}"))
    answer = modern.delete(f"{path}/{transfer['id']}")
    assert (answer.status_code, answer.data) == (202, b"")
    assert read_volume(modern, volume_id)["status"] == "available"
    check_not_found(take(other, transfer))
    check_not_found(modern.delete(f"{path}/{transfer['id']}"))


def test_no_key_outlives_its_offer(modern: Caller, other: Caller, path: str) -> None:
    volume_id = modern.volume()
    stale = offered(modern, path, volume_id=volume_id)
    act_and_read(modern, volume_id, "os-reset_status", {"status": "available"})
    assert modern.get(path).json == {"transfers": []}
    standing = offered(modern, path, volume_id=volume_id)
    assert [one["id"] for one in modern.get(path).json["transfers"]] == [standing["id"]]
    # An offer that ended with the reset does not withdraw a later one.
    check_not_found(modern.delete(f"{path}/{stale['id']}"))
    assert read_volume(modern, volume_id)["status"] == "awaiting-transfer"
    third = Caller(modern._client, user="cy", roles="member").at(71)
    check_not_found(take(third, stale, path=path))
    assert take(other, standing, path=path).status_code == 202
    # The old keys also fail while the new owner offers the volume again.
    offered(other, path, volume_id=volume_id)
    check_not_found(take(third, stale, path=path))
    check_not_found(take(third, standing, path=path))
    assert read_volume(other, volume_id)["status"] == "awaiting-transfer"


def stand_again(served: World, transfer: dict[str, Any]) -> None:
    """Make an ended offer valid again, as if its end had been missed."""
    with served.database.write() as session:
        again = update(Transfer).where(Transfer.id == transfer["id"])
        session.execute(again.values(deleted=False, deleted_at=None))


def test_an_offer_is_its_owners_alone(modern: Caller, other: Caller, served: World) -> None:
    volume_id = modern.volume()
    stale = offered(modern, volume_id=volume_id)
    assert take(other, stale).status_code == 202
    stand_again(served, stale)
    third = Caller(modern._client, user="cy", roles="member").at(71)
    message = check_fault(take(third, stale), 400, "badRequest")
    assert f"does not belong to project {modern.project}" in message
    assert modern.delete(f"{PATHS[0]}/{stale['id']}").status_code == 202
    assert read_volume(other, volume_id)["status"] == "available"
    assert take(third, offered(other, volume_id=volume_id)).status_code == 202


def test_an_offer_ends_with_its_volume(modern: Caller, other: Caller, path: str, served: World) -> None:
    volume_id = modern.volume()
    transfer = offered(modern, path, volume_id=volume_id)
    act_and_read(modern, volume_id, "os-reset_status", {"status": "error"})
    stand_again(served, transfer)
    modern.done(act(modern, volume_id, "os-force_delete"))
    assert modern.get(path).json == {"transfers": []}
    check_not_found(take(other, transfer, path=path))
    stand_again(served, transfer)
    check_fault(take(other, transfer, path=path), 400, "badRequest")
    assert modern.delete(f"{path}/{transfer['id']}").status_code == 202
    check_not_found(modern.delete(f"{path}/{transfer['id']}"))


def test_another_key_moves_nothing(modern: Caller, other: Caller) -> None:
    transfer = offered(modern, volume_id=modern.volume())
    for key in ("x", "0" * 32, transfer["auth_key"][:-1], transfer["auth_key"] + "0", "ä"):
        assert "invalid auth key" in check_bad_request(take(other, transfer, key), "auth_key")
    assert usage(other) == {}
    assert take(other, transfer).status_code == 202


def test_over_quota_moves_nothing(modern: Caller, other: Caller) -> None:
    volume_id = modern.volume(size=3)
    transfer = offered(modern, volume_id=volume_id)
    admin = Caller(modern._client, other.project)
    admin.put(f"/os-quota-sets/{other.project}", {"quota_set": {"gigabytes": 2}})
    message = check_fault(take(other, transfer), 413, "overLimit")
    assert "Requested 3G, quota is 2G" in message
    assert read_volume(modern, volume_id)["status"] == "awaiting-transfer"
    assert usage(other) == {}
    assert usage(modern)["gigabytes"] == 3
    admin.put(f"/os-quota-sets/{other.project}", {"quota_set": {"gigabytes": 3}})
    assert take(other, transfer).status_code == 202


def test_a_member_of_a_group_is_not_transferred(modern: Caller) -> None:
    """S59."""
    name = modern.type()
    group_id = modern.group(name)
    volume_id = modern.member(group_id, name)
    answer = modern.post(PATHS[0], {"transfer": {"volume_id": volume_id}})
    assert "must not be part of a consistency group" in check_fault(answer, 400, "badRequest")
    assert read_volume(modern, volume_id)["status"] == "available"


def test_only_what_is_at_rest_is_offered_and_it_rests_until_then(modern: Caller) -> None:
    volume_id = modern.volume()
    act_and_read(modern, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"})
    answer = modern.post(PATHS[0], {"transfer": {"volume_id": volume_id}})
    assert "must be available" in check_fault(answer, 400, "badRequest")
    act_and_read(modern, volume_id, "os-detach")
    offered(modern, volume_id=volume_id)
    for answer in (
        modern.post(PATHS[0], {"transfer": {"volume_id": volume_id}}),
        modern.delete(f"/volumes/{volume_id}"),
        act(modern, volume_id, "os-extend", {"new_size": 2}),
        act(modern, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"}),
    ):
        check_fault(answer, 400, "badRequest")


def test_its_snapshots_go_with_it(modern: Caller, other: Caller) -> None:
    volume_id = modern.volume(size=2)
    snapshot_id = modern.done(modern.post("/snapshots", {"snapshot": {"volume_id": volume_id}}))
    behind = modern.post(PATHS[1], {"transfer": {"volume_id": volume_id, "no_snapshots": True}})
    assert "which must have the same project" in check_fault(behind, 400, "badRequest")
    transfer = offered(modern, volume_id=volume_id)
    before = usage(modern)
    assert (before["snapshots"], before["gigabytes"]) == (1, 4)
    assert take(other, transfer).status_code == 202
    assert usage(modern) == {}
    assert usage(other) == before
    check_not_found(modern.get(f"/snapshots/{snapshot_id}"))
    snapshot = other.get(f"/snapshots/{snapshot_id}").json["snapshot"]
    assert snapshot["os-extended-snapshot-attributes:project_id"] == other.project
    other.done(other.delete(f"/snapshots/{snapshot_id}"))
    other.done(other.delete(f"/volumes/{volume_id}"))
    assert usage(other) == {}


def test_a_private_type_is_taken_by_those_who_may_use_it(modern: Caller, other: Caller) -> None:
    body = {"name": f"type-{uuid.uuid4().hex[:8]}", "os-volume-type-access:is_public": False}
    kind = modern.post("/types", {"volume_type": body}).json["volume_type"]
    transfer = offered(modern, volume_id=modern.volume(volume_type=kind["id"]))
    assert "may not use the private volume type" in check_fault(take(other, transfer), 400, "badRequest")
    modern.post(f"/types/{kind['id']}/action", {"addProjectAccess": {"project": other.project}})
    assert take(other, transfer).status_code == 202


def test_a_snapshot_keeps_its_private_type(modern: Caller, other: Caller) -> None:
    """The volume has been retyped to a public type since."""
    body = {"name": f"type-{uuid.uuid4().hex[:8]}", "os-volume-type-access:is_public": False}
    kind = modern.post("/types", {"volume_type": body}).json["volume_type"]
    volume_id = modern.volume(volume_type=kind["id"])
    snapshot_id = modern.snapshot(volume_id)
    modern.done(modern.post(f"/volumes/{volume_id}/action", {"os-retype": {"new_type": modern.type()}}))
    transfer = offered(modern, volume_id=volume_id)
    message = check_fault(take(other, transfer), 400, "badRequest")
    assert f"may not use the private volume type of snapshot {snapshot_id}" in message
    assert usage(other) == {}
    modern.post(f"/types/{kind['id']}/action", {"addProjectAccess": {"project": other.project}})
    assert take(other, transfer).status_code == 202


@pytest.mark.parametrize(
    "body", [{}, {"volume_id": None}, {"volume_id": ""}, {"volume_id": 1}, {"volume_id": "x", "name": 1},
             {"volume_id": "x", "no_snapshots": "maybe"}, {"volume_id": "x", "colour": "red"}]
)  # fmt: skip
def test_offers_that_are_none(modern: Caller, body: object) -> None:
    check_fault(modern.post(PATHS[0], {"transfer": body}), 400, "badRequest")


def test_unknown_ones(modern: Caller, other: Caller) -> None:
    check_not_found(modern.post(PATHS[0], {"transfer": {"volume_id": str(uuid.uuid4())}}))
    check_not_found(other.post(PATHS[0], {"transfer": {"volume_id": modern.volume()}}))
    check_not_found(take(modern, {"id": str(uuid.uuid4()), "auth_key": "x"}))
    transfer = offered(modern, volume_id=modern.volume())
    for accept in ({}, {"auth_key": None}, {"auth_key": 1}, {"auth_key": ""}, None):
        check_fault(modern.post(f"{PATHS[0]}/{transfer['id']}/accept", {"accept": accept}), 400, "badRequest")


def test_the_key_is_shown_once_also_under_an_idempotency_key(modern: Caller, path: str) -> None:
    body = {"transfer": {"volume_id": modern.volume(), "name": "password=kept"}}
    headers = {"Idempotency-Key": "offer"}
    first = modern.post(path, body, headers=headers)
    again = modern.post(path, body, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["transfer"] == {**first.json["transfer"], "auth_key": "***"}
    assert again.json["transfer"]["name"] == "password=kept"


def test_an_offer_heeds_what_its_sender_saw_of_it(modern: Caller, path: str) -> None:
    volume_id = modern.volume()
    one = f"{path}/{offered(modern, path, volume_id=volume_id)['id']}"
    tag = modern.get(one).headers["ETag"]
    assert modern.delete(one, headers={"If-Match": '"another"'}).status_code == 412
    assert modern.delete(one, headers={"If-Match": tag}).status_code == 202
    assert read_volume(modern, volume_id)["status"] == "available"
