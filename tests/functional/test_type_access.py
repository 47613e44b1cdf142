"""Private volume types: who sees them, who uses them, and who grants access."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.functional.caller import Caller, ModernCaller, check_fault, check_not_found


@pytest.fixture
def private(caller: Caller) -> dict[str, Any]:
    body = {"name": f"type-{uuid.uuid4().hex[:8]}", "os-volume-type-access:is_public": False}
    found: dict[str, Any] = caller.post("/types", {"volume_type": body}).json["volume_type"]
    return found


def act(caller: Caller, type_id: str, action: str, project: object) -> Any:
    return caller.post(f"/types/{type_id}/action", {action: {"project": project}})


def listed(who: Caller) -> set[str]:
    return {found["id"] for found in who.get("/types").json["volume_types"]}


def test_a_project_is_let_in_and_out(caller: Caller, stranger: Caller, private: dict[str, Any]) -> None:
    type_id, name = private["id"], private["name"]
    access = f"/types/{type_id}/os-volume-type-access"
    volume = {"volume": {"size": 1, "volume_type": name}}
    group = {"consistencygroup": {"volume_types": type_id}}

    assert caller.get(access).json == {"volume_type_access": []}
    check_not_found(stranger.get(f"/types/{type_id}"))
    assert type_id not in listed(stranger)
    assert name in check_not_found(stranger.post("/volumes", volume))
    assert type_id in check_not_found(stranger.post("/consistencygroups", group))

    assert act(caller, type_id, "addProjectAccess", stranger.project).status_code == 202
    assert caller.get(access).json == {
        "volume_type_access": [{"volume_type_id": type_id, "project_id": stranger.project}]
    }
    again = act(caller, type_id, "addProjectAccess", stranger.project)
    assert "combination already exists" in check_fault(again, 409, "conflictingRequest")
    assert stranger.get(f"/types/{type_id}").json["volume_type"]["is_public"] is False
    assert type_id in listed(stranger)
    assert type_id not in listed(Caller(caller._client, roles="member"))
    volume_id = stranger.done(stranger.post("/volumes", volume))
    stranger.done(stranger.post("/consistencygroups", group))

    assert act(caller, type_id, "removeProjectAccess", stranger.project).status_code == 202
    check_not_found(act(caller, type_id, "removeProjectAccess", stranger.project))
    check_not_found(stranger.get(f"/types/{type_id}"))
    check_not_found(stranger.post("/volumes", volume))
    # Volumes that were created before keep the type.
    assert stranger.get(f"/volumes/{volume_id}").json["volume"]["volume_type"] == name


def test_no_more_is_made_of_a_source_of_a_type_that_was_taken_away(
    later: ModernCaller, later_member: ModernCaller
) -> None:
    body = {"name": f"type-{uuid.uuid4().hex[:8]}", "os-volume-type-access:is_public": False}
    kind = later.post("/types", {"volume_type": body}).json["volume_type"]["id"]
    act(later, kind, "addProjectAccess", later.project)
    group_id = later_member.group(kind)
    later_member.member(group_id, kind)
    cgsnapshot_id = later_member.cgsnapshot(group_id)
    requests = [
        (
            "/consistencygroups/create_from_src",
            {"consistencygroup-from-src": {"cgsnapshot_id": cgsnapshot_id}},
        ),
        ("/consistencygroups/create_from_src", {"consistencygroup-from-src": {"source_cgid": group_id}}),
        ("/groups/action", {"create-from-src": {"name": "g", "group_snapshot_id": cgsnapshot_id}}),
        ("/groups/action", {"create-from-src": {"name": "g", "source_group_id": group_id}}),
    ]
    later_member.done(later_member.post(*requests[0]))
    act(later, kind, "removeProjectAccess", later.project)
    before = later_member.in_use()
    for path, body in requests:
        gone = check_not_found(later_member.post(path, body))
        assert gone == f"Volume type {kind} could not be found."
    assert later_member.in_use() == before
    later.done(later.post(*requests[1]))


def test_an_administrator_uses_any(caller: Caller, private: dict[str, Any]) -> None:
    caller.volume(volume_type=private["name"])


def test_a_public_type_has_no_list(caller: Caller) -> None:
    name = caller.type()
    (kind,) = caller.get(f"/types?name={name}").json["volume_types"]
    message = check_not_found(caller.get(f"/types/{kind['id']}/os-volume-type-access"))
    assert message == "Access list not available for public volume types."
    for action in ("addProjectAccess", "removeProjectAccess"):
        answer = act(caller, kind["id"], action, "p")
        assert "not applicable to public volume type" in check_fault(answer, 400, "badRequest")


def test_only_administrators_say_so(caller: Caller, member: Caller, private: dict[str, Any]) -> None:
    for answer in (
        member.get(f"/types/{private['id']}/os-volume-type-access"),
        act(member, private["id"], "addProjectAccess", member.project),
        act(member, private["id"], "removeProjectAccess", member.project),
    ):
        message = check_fault(answer, 403, "forbidden")
        assert message.startswith("Policy doesn't allow volume_extension:volume_type_access")


@pytest.mark.parametrize("project", [None, "", 1, [], "a b", "x" * 256, "a\x00"])
def test_projects_that_are_none(caller: Caller, private: dict[str, Any], project: object) -> None:
    check_fault(act(caller, private["id"], "addProjectAccess", project), 400, "badRequest")
    assert caller.get(f"/types/{private['id']}/os-volume-type-access").json == {"volume_type_access": []}


def test_actions_that_are_none(caller: Caller, private: dict[str, Any]) -> None:
    for body in ({}, {"other": {}}, {"addProjectAccess": None}, [], None):
        check_fault(caller.post(f"/types/{private['id']}/action", body), 400, "badRequest")
    check_not_found(act(caller, str(uuid.uuid4()), "addProjectAccess", "p"))
    check_not_found(caller.get(f"/types/{uuid.uuid4()}/os-volume-type-access"))


def test_quota_names_the_types_that_a_project_may_use(
    caller: Caller, stranger: Caller, private: dict[str, Any]
) -> None:
    public = caller.type()

    def named(who: Caller) -> list[set[str]]:
        path = f"/os-quota-sets/{who.project}"
        answers = [who.get(f"{path}{more}") for more in ("", "?usage=true", "/defaults")]
        return [{key for key in answer.json["quota_set"] if key.startswith("volumes_")} for answer in answers]

    for keys in named(stranger):
        assert f"volumes_{public}" in keys
        assert f"volumes_{private['name']}" not in keys
    act(caller, private["id"], "addProjectAccess", stranger.project)
    assert all(f"volumes_{private['name']}" in keys for keys in named(stranger))
    assert all(f"volumes_{private['name']}" in keys for keys in named(caller))
