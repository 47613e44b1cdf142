"""Volumes created from other volumes and snapshots, and changes of volumes, over HTTP."""

from __future__ import annotations

import uuid

from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found


def test_from_a_snapshot(caller: Caller) -> None:
    name = caller.type()
    snapshot_id = caller.snapshot(caller.volume(size=2, volume_type=name))
    assert "cannot be smaller" in check_bad_request(
        caller.post("/volumes", {"volume": {"size": 1, "snapshot_id": snapshot_id}}), "size"
    )
    for size in (None, 3):
        made = caller.volume(size=size, snapshot_id=snapshot_id)
        volume = caller.get(f"/volumes/{made}").json["volume"]
        assert (volume["size"], volume["snapshot_id"]) == (size or 2, snapshot_id)
        assert (volume["volume_type"], volume["source_volid"]) == (name, None)
    unknown = str(uuid.uuid4())
    assert unknown in check_not_found(caller.post("/volumes", {"volume": {"snapshot_id": unknown}}))


def test_from_another_volume(caller: Caller) -> None:
    source = caller.volume(size=2)
    made = caller.volume(size=None, source_volid=source)
    volume = caller.get(f"/volumes/{made}").json["volume"]
    assert (volume["size"], volume["source_volid"], volume["snapshot_id"]) == (2, source, None)
    assert caller.get("/snapshots").json == {"snapshots": []}, "the cut in between is nobody's"
    both = {"source_volid": source, "snapshot_id": caller.snapshot(source)}
    assert "not both" in check_bad_request(caller.post("/volumes", {"volume": both}))
    caller.done(caller.delete(f"/volumes/{source}?cascade=True"))
    assert caller.get(f"/volumes/{made}").json["volume"]["status"] == "available"


def test_what_boots_is_carried_along(caller: Caller) -> None:
    source = caller.volume()
    for body in (
        {"os-set_bootable": {"bootable": True}},
        {"os-set_image_metadata": {"metadata": {"os": "debian"}}},
    ):
        assert caller.post(f"/volumes/{source}/action", body).status_code in (200, 202)
    for origin in ({"source_volid": source}, {"snapshot_id": caller.snapshot(source)}):
        made = caller.get(f"/volumes/{caller.volume(size=None, **origin)}").json["volume"]
        assert made["bootable"] == "true"
        assert made["volume_image_metadata"] == {"os": "debian"}


def test_from_a_source_into_a_group(caller: Caller) -> None:
    name = caller.type()
    group_id = caller.group(name)
    source = caller.volume(volume_type=name)
    made = caller.volume(size=None, source_volid=source, consistencygroup_id=group_id, volume_type=name)
    assert caller.get(f"/volumes/{made}").json["volume"]["consistencygroup_id"] == group_id


def test_retype(caller: Caller) -> None:
    old, new = caller.type(), caller.type()
    volume_id = caller.volume(size=2, volume_type=old)
    body = {"os-retype": {"new_type": new, "migration_policy": "never"}}
    caller.done(caller.post(f"/volumes/{volume_id}/action", body))
    assert caller.get(f"/volumes/{volume_id}").json["volume"]["volume_type"] == new
    assert {key: value for key, value in caller.in_use().items() if "_" in key} == {
        f"volumes_{new}": 1,
        f"gigabytes_{new}": 2,
    }
    assert "has type" in check_bad_request(caller.post(f"/volumes/{volume_id}/action", body), "new_type")
    unfit = caller.type(volume_backend_name="elsewhere")
    flow = caller.flow(caller.post(f"/volumes/{volume_id}/action", {"os-retype": {"new_type": unfit}}))
    assert flow["state"] == "reverted"
    volume = caller.get(f"/volumes/{volume_id}").json["volume"]
    assert (volume["status"], volume["volume_type"]) == ("available", new)
    assert "volume_backend_name" in volume["cgflow:reason"]


def test_revert(caller: Caller) -> None:
    caller = caller.at(40)
    volume_id = caller.volume()
    snapshot_id = caller.snapshot(volume_id)
    body = {"revert": {"snapshot_id": snapshot_id}}
    caller.done(caller.post(f"/volumes/{volume_id}/action", body))
    assert caller.get(f"/volumes/{volume_id}").json["volume"]["status"] == "available"
    other = caller.volume()
    assert "not belong to volume" in check_bad_request(
        caller.post(f"/volumes/{other}/action", body), "snapshot_id"
    )


def test_members_stay_in_step(caller: Caller) -> None:
    """S56: changes that would make a member differ from its group are refused."""
    caller = caller.at(40)
    name = caller.type()
    volume_id = caller.member(caller.group(name), name)
    snapshot_id = caller.snapshot(volume_id)
    for body in (
        {"os-retype": {"new_type": caller.type(), "migration_policy": "never"}},
        {"os-migrate_volume": {"host": "there@memory#memory"}},
        {"revert": {"snapshot_id": snapshot_id}},
    ):
        message = check_fault(caller.post(f"/volumes/{volume_id}/action", body), 400, "badRequest")
        assert message.startswith("Invalid volume: Volume must not be part of a consistency group.")


def test_migration_is_not_offered(caller: Caller) -> None:
    """S36."""
    body = {"os-migrate_volume": {"host": "there@memory#memory"}}
    message = check_fault(caller.post(f"/volumes/{caller.volume()}/action", body), 400, "badRequest")
    assert "Migration between backends is not supported" in message


def test_force_delete_is_for_administrators(caller: Caller) -> None:
    volume_id = caller.volume()
    check_fault(
        caller.as_member().post(f"/volumes/{volume_id}/action", {"os-force_delete": {}}), 403, "forbidden"
    )
    caller.done(caller.post(f"/volumes/{volume_id}/action", {"os-force_delete": {}}))
    check_not_found(caller.get(f"/volumes/{volume_id}"))


def test_force_delete_ends_the_offer_of_a_volume(caller: Caller) -> None:
    volume_id = caller.volume()
    offer = caller.post("/os-volume-transfer", {"transfer": {"volume_id": volume_id}}).json["transfer"]
    check_fault(caller.delete(f"/volumes/{volume_id}"), 400, "badRequest")
    caller.done(caller.post(f"/volumes/{volume_id}/action", {"os-force_delete": {}}))
    check_not_found(caller.get(f"/volumes/{volume_id}"))
    check_not_found(caller.get(f"/os-volume-transfer/{offer['id']}"))
    assert caller.in_use() == {}
