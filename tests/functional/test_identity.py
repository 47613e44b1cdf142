"""Who the caller is, in which project, and with which rights."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found


@pytest.mark.parametrize(
    ("path", "headers", "user", "project"),
    [
        ("/v3/volumes", {"X-Auth-Token": "U:P", "X-User-Id": "U", "X-Project-Id": "P"}, "U", "P"),
        ("/v3/P/volumes", {"X-Auth-Token": "U:P"}, "U", "P"),
        ("/v2/P/volumes", {"X-Auth-Token": "U:P"}, "U", "P"),
        ("/v3/P/volumes", {"X-Auth-Token": "U"}, "U", "P"),
        ("/v3/volumes", {"X-Auth-Token": ":", "X-User-Id": "U", "X-Project-Id": "P"}, "U", "P"),
        ("/v3/P/volumes", {"X-Auth-Token": ":"}, "admin", "P"),
        ("/v3/volumes", {"X-Auth-Token": ":"}, "admin", "admin"),
    ],
)
def test_the_caller_is_who_the_request_says(
    app: Flask, path: str, headers: dict[str, str], user: str, project: str
) -> None:
    """S2."""
    body = {"volume": {"size": 1, "user_id": "somebody", "project_id": "else"}}
    made = app.test_client().post(path, json=body, headers=headers)
    assert made.status_code == 202, made.text
    caller = Caller(app.test_client(), project)
    volume = caller.get(f"/volumes/{made.json['volume']['id']}").json["volume"]
    assert (volume["user_id"], volume["os-vol-tenant-attr:tenant_id"]) == (user, project)
    assert made.headers["Location"].startswith(path.removesuffix("/volumes") + "/flows/")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v3/Q/volumes", {"X-Auth-Token": "U:P"}),
        ("/v3/Q/volumes", {"X-Auth-Token": "U", "X-Project-Id": "P"}),
    ],
)
def test_a_project_in_the_address_that_is_not_the_tokens_is_refused(
    app: Flask, path: str, headers: dict[str, str]
) -> None:
    assert check_bad_request(app.test_client().get(path, headers=headers)) == "Malformed request url"


@pytest.mark.parametrize("project", ["a b", "ä", "-", "x" * 256, "a%2Fb", "<p>", "a%00b"])
def test_what_cannot_be_a_project_is_refused(app: Flask, project: str) -> None:
    answer = app.test_client().get(f"/v3/{project}/volumes", headers={"X-Auth-Token": "U"})
    assert answer.status_code in (400, 404)


def test_what_cannot_be_a_user_is_refused(app: Flask) -> None:
    check_bad_request(app.test_client().get("/v3/volumes", headers={"X-Auth-Token": "a b"}), "user_id")


def test_another_projects_things_are_not_found(caller: Caller, stranger: Caller) -> None:
    """S115."""
    volume_id = caller.volume()
    name = caller.type()
    group_id = caller.group(name)
    for path in (f"/volumes/{volume_id}", f"/consistencygroups/{group_id}"):
        check_not_found(stranger.get(path))
    check_not_found(stranger.delete(f"/volumes/{volume_id}"))
    check_not_found(stranger.post(f"/volumes/{volume_id}/action", {"os-extend": {"new_size": 9}}))
    check_not_found(stranger.post(f"/consistencygroups/{group_id}/delete"))
    assert stranger.get("/volumes").json == {"volumes": []}


def test_an_administrator_sees_all_projects_on_request_alone(caller: Caller, stranger: Caller) -> None:
    """S115."""
    volume_id = caller.volume()
    other = Caller(caller._client)
    assert other.get("/volumes").json["volumes"] == []
    for word in ("1", "True", "yes"):
        seen = other.get(f"/volumes/detail?all_tenants={word}").json["volumes"]
        assert volume_id in {volume["id"] for volume in seen}
    assert other.get("/volumes/detail?all_tenants=0").json["volumes"] == []


def test_what_an_administrator_does_to_anothers_thing_is_the_owners(caller: Caller) -> None:
    volume_id = caller.volume()
    other = Caller(caller._client, user="root")
    asked = {"os-extend": {"new_size": 3}}
    check_not_found(other.post(f"/volumes/{volume_id}/action", asked))
    flow = caller.flow(other.post(f"/volumes/{volume_id}/action?all_tenants=1", asked))
    assert (flow["state"], flow["project_id"], flow["user_id"]) == ("success", caller.project, "root")
    used = caller.get(f"/os-quota-sets/{caller.project}?usage=True").json["quota_set"]["gigabytes"]
    assert used["in_use"] == 3
    assert other.get("/limits").json["limits"]["absolute"]["totalGigabytesUsed"] == 0


def test_what_is_made_is_made_in_ones_own_project(caller: Caller) -> None:
    group_id = caller.group(caller.type())
    other = Caller(caller._client)
    body = {"cgsnapshot": {"consistencygroup_id": group_id}}
    check_not_found(other.post("/cgsnapshots?all_tenants=1", body))


def test_a_members_wish_to_see_all_projects_is_ignored(caller: Caller, stranger: Caller) -> None:
    caller.volume()
    assert stranger.get("/volumes/detail?all_tenants=1").json["volumes"] == []


def test_a_wish_that_is_neither_yes_nor_no_is_refused(caller: Caller, stranger: Caller) -> None:
    for somebody in (caller, stranger):
        check_bad_request(somebody.get("/volumes?all_tenants=what"), "all_tenants")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/types", {"volume_type": {"name": "x"}}),
        ("PUT", "/types/x", {"volume_type": {"name": "x"}}),
        ("DELETE", "/types/x", None),
        ("GET", "/types/x/extra_specs", None),
        ("POST", "/types/x/extra_specs", {"extra_specs": {}}),
        ("GET", "/types/x/extra_specs/k", None),
        ("PUT", "/types/x/extra_specs/k", {"k": "v"}),
        ("DELETE", "/types/x/extra_specs/k", None),
        ("PUT", "/os-quota-sets/x", {"quota_set": {"volumes": 1}}),
        ("DELETE", "/os-quota-sets/x", None),
        ("GET", "/os-quota-sets/another", None),
        ("GET", "/os-quota-sets/another/defaults", None),
        ("GET", "/os-quota-class-sets/default", None),
        ("PUT", "/os-quota-class-sets/default", {"quota_class_set": {"volumes": 1}}),
        ("GET", "/scheduler-stats/get_pools", None),
    ],
)
def test_what_administrators_do_is_forbidden_to_members(
    member: Caller, method: str, path: str, body: object
) -> None:
    message = check_fault(member.call(method, path, body), 403, "forbidden")
    assert message.startswith("Policy doesn't allow ")


def test_a_member_does_not_see_the_machines(caller: Caller, member: Caller) -> None:
    volume_id = caller.volume()
    assert "#" in caller.get(f"/volumes/{volume_id}").json["volume"]["os-vol-host-attr:host"]
    seen = member.get(f"/volumes/{volume_id}").json["volume"]
    assert not [key for key in seen if key.startswith(("os-vol-host", "os-vol-mig"))]
    assert seen["os-vol-tenant-attr:tenant_id"] == caller.project
