"""Group types and group specs over HTTP."""

from __future__ import annotations

from tests.functional.caller import ModernCaller, check_bad_request, check_fault, check_not_found


def test_the_built_in_type_is_there_and_stays_as_it_is(later: ModernCaller) -> None:
    (found,) = [
        one
        for one in later.get("/group_types").json["group_types"]
        if one["name"] == "default_cgsnapshot_type"
    ]
    assert found["group_specs"] == {"consistent_group_snapshot_enabled": "<is> True"}
    path = f"/group_types/{found['id']}"
    for answer in (
        later.delete(path),
        later.put(path, {"group_type": {"name": "x"}}),
        later.post(f"{path}/group_specs", {"group_specs": {"a": "b"}}),
        later.delete(f"{path}/group_specs/consistent_group_snapshot_enabled"),
    ):
        assert "is built in" in check_fault(answer, 400, "badRequest")


def test_group_types_come_change_and_go(later: ModernCaller) -> None:
    kind = later.group_type(description="d", is_public=False, group_specs={"a": "b"})
    assert kind == {
        "id": kind["id"],
        "name": kind["name"],
        "description": "d",
        "is_public": False,
        "group_specs": {"a": "b"},
    }
    path = f"/group_types/{kind['id']}"
    assert later.get(path).json == {"group_type": kind}
    changed = later.put(path, {"group_type": {"name": f"{kind['name']}-2", "is_public": None}})
    assert changed.json["group_type"] == kind | {"name": f"{kind['name']}-2"}
    taken = later.post("/group_types", {"group_type": {"name": f"{kind['name']}-2"}})
    assert check_fault(taken, 409, "conflictingRequest") == f"Group Type {kind['name']}-2 already exists."
    deleted = later.delete(path)
    assert (deleted.status_code, deleted.data) == (202, b"")
    assert check_not_found(later.get(path)) == f"Group type {kind['id']} could not be found."
    check_not_found(later.get("/group_types/default"))


def test_group_specs(later: ModernCaller) -> None:
    path = f"/group_types/{later.group_type(group_specs={'a': '1'})['id']}/group_specs"
    answer = later.post(path, {"group_specs": {"b": "2"}})
    assert (answer.status_code, answer.json) == (202, {"group_specs": {"b": "2"}})
    assert later.put(f"{path}/a", {"a": "3"}).json == {"a": "3"}
    assert later.get(path).json == {"group_specs": {"a": "3", "b": "2"}}
    assert later.get(f"{path}/b").json == {"b": "2"}
    assert later.delete(f"{path}/b").status_code == 202
    check_not_found(later.get(f"{path}/b"))
    check_not_found(later.delete(f"{path}/b"))
    check_bad_request(later.put(f"{path}/a", {"b": "2"}), "a")


def test_only_administrators_change_types_and_see_private_ones(
    later: ModernCaller, later_member: ModernCaller
) -> None:
    public, private = later.group_type(group_specs={"a": "b"}), later.group_type(is_public=False)
    path = f"/group_types/{public['id']}"
    for answer in (
        later_member.post("/group_types", {"group_type": {"name": "x"}}),
        later_member.put(path, {"group_type": {"name": "x"}}),
        later_member.delete(path),
        later_member.get(f"{path}/group_specs"),
        later_member.post(f"{path}/group_specs", {"group_specs": {"a": "b"}}),
        later_member.delete(f"{path}/group_specs/a"),
    ):
        check_fault(answer, 403, "forbidden")
    assert "group_specs" not in later_member.get(path).json["group_type"]
    check_not_found(later_member.get(f"/group_types/{private['id']}"))
    seen = {one["id"] for one in later_member.get("/group_types?is_public=None").json["group_types"]}
    assert public["id"] in seen
    assert private["id"] not in seen
    body = {"name": "g", "group_type": private["id"], "volume_types": [later.type()]}
    check_not_found(later_member.post("/groups", {"group": body}))


def test_a_type_that_a_group_has_stays(later: ModernCaller) -> None:
    kind = later.group_type()
    group_id = later.generic_group(later.type(), group_type=kind["name"])
    path = f"/group_types/{kind['id']}"
    assert check_fault(later.delete(path), 400, "badRequest") == "Target group type is still in use."
    later.done(later.post(f"/groups/{group_id}/action", {"delete": {"delete-volumes": False}}))
    assert later.delete(path).status_code == 202


def test_what_is_not_offered_is_refused(later: ModernCaller) -> None:
    kind = later.group_type(group_specs={"group_replication_enabled": "<is> True"})
    body = {"name": "g", "group_type": kind["id"], "volume_types": [later.type()]}
    message = check_bad_request(later.post("/groups", {"group": body}), "group_type")
    assert "requires replication (group_replication_enabled), which is not supported" in message
