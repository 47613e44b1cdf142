"""Groups and group snapshots over HTTP: the records of consistency groups under their newer names."""

from __future__ import annotations

import uuid

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import ModernCaller, check_bad_request, check_fault, check_not_found, versions


def test_below_their_microversions_there_is_nothing(later: ModernCaller) -> None:
    for minor, path in (
        (10, "/group_types"),
        (12, "/groups"),
        (12, "/groups/detail"),
        (13, "/group_snapshots"),
    ):
        check_not_found(later.at(minor, path))
        assert later.at(minor + 1, path).status_code == 200


# Groups


def test_a_group_is_made_shown_listed_and_deleted(later: ModernCaller) -> None:
    kind, volume_type = later.group_type(), later.type()
    body = {"name": "g", "description": None, "group_type": kind["id"], "volume_types": [volume_type]}
    answer = later.post("/groups", {"group": body | {"availability_zone": None}})
    group_id = later.done(answer)
    assert answer.json == {"group": {"id": group_id, "name": "g"}}
    shown = later.get(f"/groups/{group_id}").json["group"]
    assert set(shown) == {
        *("id", "name", "description", "status", "availability_zone", "created_at", "group_type"),
        *("volume_types", "group_snapshot_id", "source_group_id", "project_id", "replication_status"),
        *("cgflow:reason", "cgflow:flow_id"),
    }
    assert (shown["status"], shown["group_type"]) == ("available", kind["id"])
    assert "group_snapshot_id" not in later.at(13, f"/groups/{group_id}").json["group"]
    assert later.get("/groups").json == {"groups": [{"id": group_id, "name": "g"}]}
    assert later.get("/groups/detail").json == {"groups": [shown]}
    assert later.get(f"/groups?group_type={kind['id']}").json["groups"]
    assert later.get(f"/groups?group_type={uuid.uuid4()}").json["groups"] == []
    deleted = later.post(f"/groups/{group_id}/action", {"delete": {"delete-volumes": False}})
    assert (deleted.status_code, deleted.data) == (202, b"")
    later.done(deleted)
    assert check_not_found(later.get(f"/groups/{group_id}")) == f"Group {group_id} could not be found."


def test_both_nouns_are_the_same_thing(later: ModernCaller) -> None:
    volume_type = later.type()
    old = later.group(volume_type, name="old")
    shown = later.get(f"/groups/{old}").json["group"]
    built_in = later.get(f"/group_types/{shown['group_type']}").json["group_type"]
    assert built_in["name"] == "default_cgsnapshot_type"
    new = later.generic_group(volume_type)
    assert later.get(f"/consistencygroups/{new}").json["consistencygroup"]["name"] == "g"
    volume = later.get(f"/volumes/{later.member(new, volume_type)}").json["volume"]
    assert (volume["group_id"], volume["consistencygroup_id"]) == (new, None)
    assert "group_id" not in later.at(12, f"/volumes/{volume['id']}").json["volume"]
    for shown in (
        later.get(f"/groups/{new}?list_volume=True").json["group"],
        later.get("/groups/detail?list_volume=true").json["groups"][0],
    ):
        assert shown["volumes"] == [volume["id"]]
    assert "volumes" not in later.at(24, f"/groups/{new}?list_volume=True").json["group"]
    taken = later.cgsnapshot(old) if later.member(old, volume_type) else ""
    snapshot = later.get(f"/group_snapshots/{taken}").json["group_snapshot"]
    assert (snapshot["group_id"], snapshot["group_type_id"]) == (old, built_in["id"])
    (copy,) = later.get("/snapshots/detail").json["snapshots"]
    assert copy["group_snapshot_id"] == taken


@pytest.mark.parametrize("field", ["group_type", "volume_types"])
def test_types_are_required(later: ModernCaller, field: str) -> None:
    body = {"name": "g", "group_type": later.group_type()["id"], "volume_types": [later.type()]}
    del body[field]
    check_bad_request(later.post("/groups", {"group": body}), field)
    unknown = str(uuid.uuid4())
    body |= {field: unknown if field == "group_type" else [unknown]}
    assert f"{unknown} could not be found." in check_not_found(later.post("/groups", {"group": body}))


def test_unknown_ones(later: ModernCaller) -> None:
    unknown = str(uuid.uuid4())
    for answer in (
        later.get(f"/groups/{unknown}"),
        later.put(f"/groups/{unknown}", {"group": {"name": "x"}}),
        later.post(f"/groups/{unknown}/action", {"delete": {}}),
        later.post("/group_snapshots", {"group_snapshot": {"group_id": unknown}}),
        later.post("/groups/action", {"create-from-src": {"source_group_id": unknown}}),
    ):
        assert check_not_found(answer) == f"Group {unknown} could not be found."
    for answer in (
        later.get(f"/group_snapshots/{unknown}"),
        later.delete(f"/group_snapshots/{unknown}"),
        later.post("/groups/action", {"create-from-src": {"group_snapshot_id": unknown}}),
    ):
        assert check_not_found(answer) == f"GroupSnapshot {unknown} could not be found."


def test_a_group_with_volumes_needs_the_flag(later: ModernCaller) -> None:
    volume_type = later.type()
    group_id = later.generic_group(volume_type)
    volume_id = later.member(group_id, volume_type)
    path = f"/groups/{group_id}/action"
    message = check_fault(later.post(path, {"delete": {"delete-volumes": False}}), 400, "badRequest")
    assert message.endswith("still contains volumes. The delete-volumes flag is required to delete it.")
    later.done(later.post(path, {"delete": {"delete-volumes": True}}))
    check_not_found(later.get(f"/volumes/{volume_id}"))


def test_a_group_is_changed(later: ModernCaller, faults: FaultSchedule) -> None:
    volume_type = later.type()
    group_id = later.generic_group(volume_type)
    volume_id = later.volume(volume_type=volume_type)
    later.done(later.put(f"/groups/{group_id}", {"group": {"add_volumes": volume_id, "name": "new"}}))
    assert later.get(f"/volumes/{volume_id}").json["volume"]["group_id"] == group_id
    assert later.put(f"/groups/{group_id}", {"group": {"name": "", "description": ""}}).status_code == 202
    shown = later.get(f"/groups/{group_id}").json["group"]
    assert (shown["name"], shown["description"]) == ("", "")
    faults.add_fault(Fault("create_group", "final"))
    made = later.post("/consistencygroups", {"consistencygroup": {"volume_types": volume_type}})
    assert later.flow(made)["state"] == "reverted"
    failed = made.json["consistencygroup"]["id"]
    assert later.put(f"/groups/{failed}", {"group": {"name": "broken"}}).status_code == 202, "m4"


# Group snapshots, and groups created from them


def test_a_group_snapshot_and_a_group_from_it(later: ModernCaller) -> None:
    volume_type = later.type()
    group_id = later.generic_group(volume_type)
    later.member(group_id, volume_type)
    body = {"group_snapshot": {"group_id": group_id, "name": "s", "description": None}}
    answer = later.post("/group_snapshots", body)
    taken = later.done(answer)
    group_type = later.get(f"/groups/{group_id}").json["group"]["group_type"]
    assert answer.json == {"group_snapshot": {"id": taken, "name": "s", "group_type_id": group_type}}
    shown = later.get(f"/group_snapshots/{taken}").json["group_snapshot"]
    assert (shown["status"], shown["group_id"]) == ("available", group_id)
    assert later.get("/group_snapshots").json == {"group_snapshots": [{"id": taken, "name": "s"}]}
    assert later.get(f"/group_snapshots/detail?group_id={group_id}").json == {"group_snapshots": [shown]}
    for named in ({"group_snapshot_id": taken}, {"source_group_id": group_id, "group_snapshot_id": None}):
        made = later.done(later.post("/groups/action", {"create-from-src": {"name": "copy", **named}}))
        copy = later.get(f"/groups/{made}?list_volume=True").json["group"]
        assert [copy[name] for name in named] == list(named.values())
        assert copy["group_type"] == later.get(f"/groups/{group_id}").json["group"]["group_type"]
        assert len(copy["volumes"]) == 1
    deleted = later.delete(f"/group_snapshots/{taken}")
    assert (deleted.status_code, deleted.data) == (202, b"")
    later.done(deleted)
    check_not_found(later.get(f"/cgsnapshots/{taken}"))


@pytest.mark.parametrize(
    "named", [{}, {name: str(uuid.uuid4()) for name in ("group_snapshot_id", "source_group_id")}]
)
def test_exactly_one_source(later: ModernCaller, named: dict[str, str]) -> None:
    answer = later.post("/groups/action", {"create-from-src": {"name": "x", **named}})
    assert "'source_group_id'" in check_bad_request(answer, "group_snapshot_id")


# Resetting statuses


def test_a_status_is_reset_by_an_administrator(later: ModernCaller, later_member: ModernCaller) -> None:
    volume_type = later.type()
    group_id = later.generic_group(volume_type)
    later.member(group_id, volume_type)
    taken = later.cgsnapshot(group_id)
    for noun, key, id_ in (("groups", "group", group_id), ("group_snapshots", "group_snapshot", taken)):
        path = f"/{noun}/{id_}/action"
        for status in ("error_deleting", "creating", "updating", "deleting", "Error", "available"):
            answer = later.post(path, {"reset_status": {"status": status}})
            assert (answer.status_code, answer.data) == (202, b""), answer.text
            shown = later.get(f"/{noun}/{id_}").json[key]
            assert shown["status"] == status.lower()
            assert f"to {status.lower()} by " in shown["cgflow:reason"]
        check_fault(later_member.post(path, {"reset_status": {"status": "error"}}), 403, "forbidden")
        for status in ("fine", "deleted", "in-use"):
            message = check_bad_request(later.post(path, {"reset_status": {"status": status}}), "status")
            assert "available, error, error_deleting" in message
        assert later.get(f"/{noun}/{id_}").json[key]["status"] == "available"
        below = versions(18 if noun == "group_snapshots" else 19)
        check_not_found(later.post(path, {"reset_status": {"status": "error"}}, headers=below))


def test_what_was_rolled_back_stays_so_and_what_is_at_work_is_left_alone(
    later: ModernCaller, faults: FaultSchedule
) -> None:
    volume_type = later.type()
    faults.add_fault(Fault("create_group", "final"))
    made = later.post("/consistencygroups", {"consistencygroup": {"volume_types": volume_type}})
    assert later.flow(made)["state"] == "reverted"
    path = f"/groups/{made.json['consistencygroup']['id']}/action"
    message = check_fault(later.post(path, {"reset_status": {"status": "available"}}), 400, "badRequest")
    assert "was rolled back" in message
    faults.add_fault(Fault("create_group", "hang"))
    making = later.post("/consistencygroups", {"consistencygroup": {"volume_types": volume_type}})
    assert faults.await_firings(2, 10)
    path = f"/groups/{making.json['consistencygroup']['id']}/action"
    busy = check_fault(later.post(path, {"reset_status": {"status": "error"}}), 409, "conflictingRequest")
    assert making.headers["X-Cgflow-Flow-Id"] in busy
    faults.release_hanging_calls()
    later.done(making)


def test_a_volume_is_made_in_a_group_by_either_word(later: ModernCaller) -> None:
    volume_type = later.type()
    group_id = later.generic_group(volume_type)
    body = {"size": 1, "volume_type": volume_type, "group_id": group_id}
    volume_id = later.done(later.post("/volumes", {"volume": body}))
    assert later.get(f"/volumes/{volume_id}").json["volume"]["group_id"] == group_id
    both = body | {"consistencygroup_id": str(uuid.uuid4())}
    check_bad_request(later.post("/volumes", {"volume": both}), "group_id")
    # Cinder shows the field from 3.13 on, and accepts it at any microversion.
    below = versions(12)
    older = later.done(later.post("/volumes", {"volume": body}, headers=below))
    assert later.get(f"/volumes/{older}").json["volume"]["group_id"] == group_id
    nobody = body | {"group_id": str(uuid.uuid4())}
    check_not_found(later.post("/volumes", {"volume": nobody}, headers=below))
