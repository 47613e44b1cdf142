"""Groups, group snapshots and group types over HTTP: the records of consistency groups in later words."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api import versions
from api.app import create_app
from cgflow.drivers.faults import Fault, Faults
from tests.functional.caller import Caller, malformed, missing, refused
from tests.support.world import World


class Later(Caller):
    """A caller who asks for a later microversion unless told otherwise."""

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        more.setdefault("headers", {"OpenStack-API-Version": "volume 3.71"})
        return super().call(method, path, body, **more)

    def at(self, minor: int, path: str) -> Any:
        return self.get(path, headers={"OpenStack-API-Version": f"volume 3.{minor}"})

    def kind(self, **more: Any) -> dict[str, Any]:
        body = {"name": f"kind-{uuid.uuid4().hex[:8]}", **more}
        answer = self.post("/group_types", {"group_type": body})
        assert answer.status_code == 202, answer.text
        made: dict[str, Any] = answer.json["group_type"]
        return made

    def made(self, volume_type: str, **more: Any) -> str:
        kind = more.pop("group_type", None) or self.kind()["id"]
        body = {"name": "g", "group_type": kind, "volume_types": [volume_type], **more}
        return self.done(self.post("/groups", {"group": body}))


@pytest.fixture(scope="module")
def later(served: World) -> Iterator[Flask]:
    app = create_app(served.desk)
    app.config[versions.MAXIMUM_KEY] = (3, 71)
    return app


@pytest.fixture
def caller(later: Flask) -> Later:
    return Later(later.test_client())


@pytest.fixture
def member(caller: Later) -> Later:
    return Later(caller._client, caller.project, user="eve", roles="member")


def test_below_their_microversions_there_is_nothing(caller: Later) -> None:
    for minor, path in (
        (10, "/group_types"),
        (12, "/groups"),
        (12, "/groups/detail"),
        (13, "/group_snapshots"),
    ):
        missing(caller.at(minor, path))
        assert caller.at(minor + 1, path).status_code == 200


# Group types


def test_the_built_in_type_is_there_and_stays_as_it_is(caller: Later) -> None:
    (found,) = [
        one
        for one in caller.get("/group_types").json["group_types"]
        if one["name"] == "default_cgsnapshot_type"
    ]
    assert found["group_specs"] == {"consistent_group_snapshot_enabled": "<is> True"}
    path = f"/group_types/{found['id']}"
    for answer in (
        caller.delete(path),
        caller.put(path, {"group_type": {"name": "x"}}),
        caller.post(f"{path}/group_specs", {"group_specs": {"a": "b"}}),
        caller.delete(f"{path}/group_specs/consistent_group_snapshot_enabled"),
    ):
        assert "is built in" in refused(answer, 400, "badRequest")


def test_group_types_come_change_and_go(caller: Later) -> None:
    kind = caller.kind(description="d", is_public=False, group_specs={"a": "b"})
    assert kind == {
        "id": kind["id"],
        "name": kind["name"],
        "description": "d",
        "is_public": False,
        "group_specs": {"a": "b"},
    }
    path = f"/group_types/{kind['id']}"
    assert caller.get(path).json == {"group_type": kind}
    changed = caller.put(path, {"group_type": {"name": f"{kind['name']}-2", "is_public": None}})
    assert changed.json["group_type"] == kind | {"name": f"{kind['name']}-2"}
    taken = caller.post("/group_types", {"group_type": {"name": f"{kind['name']}-2"}})
    assert refused(taken, 409, "conflictingRequest") == f"Group Type {kind['name']}-2 already exists."
    deleted = caller.delete(path)
    assert (deleted.status_code, deleted.data) == (202, b"")
    assert missing(caller.get(path)) == f"Group type {kind['id']} could not be found."
    missing(caller.get("/group_types/default"))


def test_group_specs(caller: Later) -> None:
    path = f"/group_types/{caller.kind(group_specs={'a': '1'})['id']}/group_specs"
    answer = caller.post(path, {"group_specs": {"b": "2"}})
    assert (answer.status_code, answer.json) == (202, {"group_specs": {"b": "2"}})
    assert caller.put(f"{path}/a", {"a": "3"}).json == {"a": "3"}
    assert caller.get(path).json == {"group_specs": {"a": "3", "b": "2"}}
    assert caller.get(f"{path}/b").json == {"b": "2"}
    assert caller.delete(f"{path}/b").status_code == 202
    missing(caller.get(f"{path}/b"))
    missing(caller.delete(f"{path}/b"))
    malformed(caller.put(f"{path}/a", {"b": "2"}), "a")


def test_only_administrators_change_group_types_and_see_private_ones(caller: Later, member: Later) -> None:
    public, private = caller.kind(group_specs={"a": "b"}), caller.kind(is_public=False)
    path = f"/group_types/{public['id']}"
    for answer in (
        member.post("/group_types", {"group_type": {"name": "x"}}),
        member.put(path, {"group_type": {"name": "x"}}),
        member.delete(path),
        member.get(f"{path}/group_specs"),
        member.post(f"{path}/group_specs", {"group_specs": {"a": "b"}}),
        member.delete(f"{path}/group_specs/a"),
    ):
        refused(answer, 403, "forbidden")
    assert "group_specs" not in member.get(path).json["group_type"]
    missing(member.get(f"/group_types/{private['id']}"))
    seen = {one["id"] for one in member.get("/group_types?is_public=None").json["group_types"]}
    assert public["id"] in seen
    assert private["id"] not in seen
    body = {"name": "g", "group_type": private["id"], "volume_types": [caller.type()]}
    missing(member.post("/groups", {"group": body}))


def test_a_type_that_a_group_has_stays(caller: Later) -> None:
    kind = caller.kind()
    group_id = caller.made(caller.type(), group_type=kind["name"])
    path = f"/group_types/{kind['id']}"
    assert refused(caller.delete(path), 400, "badRequest") == "Target group type is still in use."
    caller.done(caller.post(f"/groups/{group_id}/action", {"delete": {"delete-volumes": False}}))
    assert caller.delete(path).status_code == 202


def test_what_is_not_offered_is_refused(caller: Later) -> None:
    kind = caller.kind(group_specs={"group_replication_enabled": "<is> True"})
    body = {"name": "g", "group_type": kind["id"], "volume_types": [caller.type()]}
    message = malformed(caller.post("/groups", {"group": body}), "group_type")
    assert "asks for replication (group_replication_enabled), which is not offered" in message


# Groups


def test_a_group_is_made_shown_listed_and_deleted(caller: Later) -> None:
    kind, volume_type = caller.kind(), caller.type()
    body = {"name": "g", "description": None, "group_type": kind["id"], "volume_types": [volume_type]}
    answer = caller.post("/groups", {"group": body | {"availability_zone": None}})
    group_id = caller.done(answer)
    assert answer.json == {"group": {"id": group_id, "name": "g"}}
    shown = caller.get(f"/groups/{group_id}").json["group"]
    assert set(shown) == {
        *("id", "name", "description", "status", "availability_zone", "created_at", "group_type"),
        *("volume_types", "group_snapshot_id", "source_group_id", "project_id"),
        *("cgflow:reason", "cgflow:flow_id"),
    }
    assert (shown["status"], shown["group_type"]) == ("available", kind["id"])
    assert "group_snapshot_id" not in caller.at(13, f"/groups/{group_id}").json["group"]
    assert caller.get("/groups").json == {"groups": [{"id": group_id, "name": "g"}]}
    assert caller.get("/groups/detail").json == {"groups": [shown]}
    assert caller.get(f"/groups?group_type={kind['id']}").json["groups"]
    assert caller.get(f"/groups?group_type={uuid.uuid4()}").json["groups"] == []
    deleted = caller.post(f"/groups/{group_id}/action", {"delete": {"delete-volumes": False}})
    assert (deleted.status_code, deleted.data) == (202, b"")
    caller.done(deleted)
    assert missing(caller.get(f"/groups/{group_id}")) == f"Group {group_id} could not be found."


def test_both_nouns_are_the_same_thing(caller: Later) -> None:
    volume_type = caller.type()
    old = caller.group(volume_type, name="old")
    shown = caller.get(f"/groups/{old}").json["group"]
    built_in = caller.get(f"/group_types/{shown['group_type']}").json["group_type"]
    assert built_in["name"] == "default_cgsnapshot_type"
    new = caller.made(volume_type)
    assert caller.get(f"/consistencygroups/{new}").json["consistencygroup"]["name"] == "g"
    volume = caller.get(f"/volumes/{caller.member(new, volume_type)}").json["volume"]
    assert volume["group_id"] == volume["consistencygroup_id"] == new
    assert "group_id" not in caller.at(12, f"/volumes/{volume['id']}").json["volume"]
    for shown in (
        caller.get(f"/groups/{new}?list_volume=True").json["group"],
        caller.get("/groups/detail?list_volume=true").json["groups"][0],
    ):
        assert shown["volumes"] == [volume["id"]]
    assert "volumes" not in caller.at(24, f"/groups/{new}?list_volume=True").json["group"]
    taken = caller.cgsnapshot(old) if caller.member(old, volume_type) else ""
    snapshot = caller.get(f"/group_snapshots/{taken}").json["group_snapshot"]
    assert (snapshot["group_id"], snapshot["group_type_id"]) == (old, built_in["id"])
    (copy,) = caller.get("/snapshots/detail").json["snapshots"]
    assert copy["group_snapshot_id"] == taken


@pytest.mark.parametrize("field", ["group_type", "volume_types"])
def test_types_are_required(caller: Later, field: str) -> None:
    body = {"name": "g", "group_type": caller.kind()["id"], "volume_types": [caller.type()]}
    del body[field]
    malformed(caller.post("/groups", {"group": body}), field)
    unknown = str(uuid.uuid4())
    body |= {field: unknown if field == "group_type" else [unknown]}
    assert f"{unknown} could not be found." in missing(caller.post("/groups", {"group": body}))


def test_unknown_ones(caller: Later) -> None:
    unknown = str(uuid.uuid4())
    for answer in (
        caller.get(f"/groups/{unknown}"),
        caller.put(f"/groups/{unknown}", {"group": {"name": "x"}}),
        caller.post(f"/groups/{unknown}/action", {"delete": {}}),
        caller.post("/group_snapshots", {"group_snapshot": {"group_id": unknown}}),
        caller.post("/groups/action", {"create-from-src": {"source_group_id": unknown}}),
    ):
        assert missing(answer) == f"Group {unknown} could not be found."
    for answer in (
        caller.get(f"/group_snapshots/{unknown}"),
        caller.delete(f"/group_snapshots/{unknown}"),
        caller.post("/groups/action", {"create-from-src": {"group_snapshot_id": unknown}}),
    ):
        assert missing(answer) == f"GroupSnapshot {unknown} could not be found."


def test_a_group_with_volumes_needs_the_flag(caller: Later) -> None:
    volume_type = caller.type()
    group_id = caller.made(volume_type)
    volume_id = caller.member(group_id, volume_type)
    path = f"/groups/{group_id}/action"
    message = refused(caller.post(path, {"delete": {"delete-volumes": False}}), 400, "badRequest")
    assert message.endswith("still contains volumes. The delete-volumes flag is required to delete it.")
    caller.done(caller.post(path, {"delete": {"delete-volumes": True}}))
    missing(caller.get(f"/volumes/{volume_id}"))


def test_a_group_is_changed(caller: Later, faults: Faults) -> None:
    volume_type = caller.type()
    group_id = caller.made(volume_type)
    volume_id = caller.volume(volume_type=volume_type)
    caller.done(caller.put(f"/groups/{group_id}", {"group": {"add_volumes": volume_id, "name": "new"}}))
    assert caller.get(f"/volumes/{volume_id}").json["volume"]["group_id"] == group_id
    assert caller.put(f"/groups/{group_id}", {"group": {"name": "", "description": ""}}).status_code == 202
    shown = caller.get(f"/groups/{group_id}").json["group"]
    assert (shown["name"], shown["description"]) == ("", "")
    faults.order(Fault("create_group", "final"))
    made = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": volume_type}})
    assert caller.flow(made)["state"] == "reverted"
    failed = made.json["consistencygroup"]["id"]
    assert caller.put(f"/groups/{failed}", {"group": {"name": "broken"}}).status_code == 202, "m4"


# Group snapshots, and groups from them


def test_a_group_snapshot_and_a_group_from_it(caller: Later) -> None:
    volume_type = caller.type()
    group_id = caller.made(volume_type)
    caller.member(group_id, volume_type)
    body = {"group_snapshot": {"group_id": group_id, "name": "s", "description": None}}
    answer = caller.post("/group_snapshots", body)
    taken = caller.done(answer)
    assert answer.json == {"group_snapshot": {"id": taken, "name": "s"}}
    shown = caller.get(f"/group_snapshots/{taken}").json["group_snapshot"]
    assert (shown["status"], shown["group_id"]) == ("available", group_id)
    assert caller.get("/group_snapshots").json == {"group_snapshots": [{"id": taken, "name": "s"}]}
    assert caller.get(f"/group_snapshots/detail?group_id={group_id}").json == {"group_snapshots": [shown]}
    for named in ({"group_snapshot_id": taken}, {"source_group_id": group_id, "group_snapshot_id": None}):
        made = caller.done(caller.post("/groups/action", {"create-from-src": {"name": "copy", **named}}))
        copy = caller.get(f"/groups/{made}?list_volume=True").json["group"]
        assert [copy[name] for name in named] == list(named.values())
        assert copy["group_type"] == caller.get(f"/groups/{group_id}").json["group"]["group_type"]
        assert len(copy["volumes"]) == 1
    deleted = caller.delete(f"/group_snapshots/{taken}")
    assert (deleted.status_code, deleted.data) == (202, b"")
    caller.done(deleted)
    missing(caller.get(f"/cgsnapshots/{taken}"))


@pytest.mark.parametrize("named", [{}, {"group_snapshot_id": "a", "source_group_id": "b"}])
def test_exactly_one_source(caller: Later, named: dict[str, str]) -> None:
    answer = caller.post("/groups/action", {"create-from-src": {"name": "x", **named}})
    assert "'source_group_id'" in malformed(answer, "group_snapshot_id")


# Statuses by hand


def test_a_status_is_reset_by_an_administrator(caller: Later, member: Later) -> None:
    volume_type = caller.type()
    group_id = caller.made(volume_type)
    caller.member(group_id, volume_type)
    taken = caller.cgsnapshot(group_id)
    for noun, key, id_ in (("groups", "group", group_id), ("group_snapshots", "group_snapshot", taken)):
        path = f"/{noun}/{id_}/action"
        for status in ("creating", "available", "error", "available"):
            answer = caller.post(path, {"reset_status": {"status": status}})
            assert (answer.status_code, answer.data) == (202, b""), answer.text
            shown = caller.get(f"/{noun}/{id_}").json[key]
            assert shown["status"] == status
            assert bool(shown["cgflow:reason"]) is (status == "error")
        refused(member.post(path, {"reset_status": {"status": "error"}}), 403, "forbidden")
        malformed(caller.post(path, {"reset_status": {"status": "fine"}}), "status")
        below = {"OpenStack-API-Version": f"volume 3.{18 if noun == 'group_snapshots' else 19}"}
        missing(caller.post(path, {"reset_status": {"status": "error"}}, headers=below))


def test_what_was_rolled_back_stays_so_and_what_is_at_work_is_left_alone(
    caller: Later, faults: Faults
) -> None:
    volume_type = caller.type()
    faults.order(Fault("create_group", "final"))
    made = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": volume_type}})
    assert caller.flow(made)["state"] == "reverted"
    path = f"/groups/{made.json['consistencygroup']['id']}/action"
    message = refused(caller.post(path, {"reset_status": {"status": "available"}}), 400, "badRequest")
    assert "was rolled back and holds nothing" in message
    faults.order(Fault("create_group", "hang"))
    making = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": volume_type}})
    assert faults.await_fired(2, 10)
    path = f"/groups/{making.json['consistencygroup']['id']}/action"
    busy = refused(caller.post(path, {"reset_status": {"status": "error"}}), 409, "conflictingRequest")
    assert making.headers["X-Cgflow-Flow-Id"] in busy
    faults.release()
    caller.done(making)
