"""Volume types and extra specs over HTTP."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.app import create_app
from cgflow.config import Settings
from cgflow.engine.task import Task
from flows.tasks.placement import CheckRetype, ScheduleVolume
from flows.tasks.record import CommitRetype
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import World


def created(caller: Caller, **more: Any) -> dict[str, Any]:
    body = {"name": f"type-{uuid.uuid4().hex[:8]}", "description": None, **more}
    answer = caller.post("/types", {"volume_type": body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json["volume_type"]
    return found


def test_create_show_update_delete(caller: Caller) -> None:
    kind = created(caller, **{"os-volume-type-access:is_public": True})
    assert kind == {
        "id": kind["id"],
        "name": kind["name"],
        "description": None,
        "is_public": True,
        "os-volume-type-access:is_public": True,
        "extra_specs": {},
    }
    path = f"/types/{kind['id']}"
    assert caller.get(path).json == {"volume_type": kind | {"qos_specs_id": None}}
    changed = caller.put(path, {"volume_type": {"description": "d", "is_public": False}})
    assert changed.status_code == 200
    left_out = "os-volume-type-access:is_public"
    assert changed.json["volume_type"] == {key: value for key, value in kind.items() if key != left_out} | {
        "description": "d",
        "is_public": False,
    }
    assert caller.get(path).json["volume_type"][left_out] is False
    deleted = caller.delete(path)
    assert (deleted.status_code, deleted.data) == (202, b"")
    assert check_not_found(caller.get(path)) == f"Volume type {kind['id']} could not be found."


def test_names(caller: Caller) -> None:
    kind = created(caller)
    taken = caller.post("/types", {"volume_type": {"name": f"  {kind['name']} "}})
    assert check_fault(taken, 409, "conflictingRequest") == f"Volume Type {kind['name']} already exists."
    other = created(caller)
    again = caller.put(f"/types/{other['id']}", {"volume_type": {"name": kind["name"]}})
    check_fault(again, 409, "conflictingRequest")
    for name in ("", "   ", None, 5, "x" * 256, "a\x00b"):
        check_bad_request(caller.post("/types", {"volume_type": {"name": name}}), "name")
    check_bad_request(caller.post("/types", {"volume_type": {}}), "name")
    check_bad_request(caller.put(f"/types/{other['id']}", {"volume_type": {"name": " "}}), "name")


def test_a_name_that_is_null_stays(caller: Caller) -> None:
    kind = created(caller)
    body = {"name": None, "description": "d", "is_public": True}
    answer = caller.put(f"/types/{kind['id']}", {"volume_type": body})
    assert answer.status_code == 200, answer.text
    assert (answer.json["volume_type"]["name"], answer.json["volume_type"]["description"]) == (
        kind["name"],
        "d",
    )


@pytest.mark.parametrize("word", ["maybe", 1, []])
def test_public_is_yes_or_no(caller: Caller, word: object) -> None:
    body = {"volume_type": {"name": "x", "os-volume-type-access:is_public": word}}
    check_bad_request(caller.post("/types", body), "os-volume-type-access:is_public")
    check_bad_request(caller.put("/types/x", {"volume_type": {"is_public": word}}), "is_public")


def test_lists(caller: Caller, member: Caller) -> None:
    public, private = created(caller), created(caller, **{"os-volume-type-access:is_public": "false"})

    def ids(who: Caller, query: str) -> set[str]:
        return {found["id"] for found in who.get(f"/types{query}").json["volume_types"]}

    assert ids(caller, f"?name={public['name']}&is_public=None") == {public["id"]}
    assert {public["id"], private["id"]} <= ids(caller, "?is_public=none")
    assert private["id"] not in ids(caller, "")
    assert private["id"] in ids(caller, "?is_public=False")
    assert private["id"] not in ids(member, "?is_public=none")
    assert public["id"] in ids(member, "?is_public=none")
    check_not_found(member.get(f"/types/{private['id']}"))
    check_not_found(caller.get(f"/types/{public['name']}"))
    check_bad_request(caller.get("/types?is_public=perhaps"), "is_public")


def test_pages(caller: Caller) -> None:
    for _ in range(3):
        created(caller)
    everything = [found["id"] for found in caller.get("/types?is_public=none").json["volume_types"]]
    seen: list[str] = []
    href: str | None = f"{caller.prefix}/types?is_public=none&limit=2"
    while href:
        page = caller._client.get(href, headers=caller._headers).json
        seen += [found["id"] for found in page["volume_types"]]
        href = page["volume_type_links"][0]["href"] if "volume_type_links" in page else None
    assert seen == everything


def test_one_that_is_used(caller: Caller) -> None:
    """S81."""
    kind = created(caller)
    caller.group(kind["name"])
    message = check_fault(caller.delete(f"/types/{kind['id']}"), 400, "badRequest")
    assert message == (
        "Target volume type is still in use. It is that of consistency groups, which have to go first."
    )


def test_one_that_only_a_snapshot_has(caller: Caller) -> None:
    """A snapshot counts for the type that its volume had when it was created."""
    old, new = created(caller), created(caller)
    volume_id = caller.volume(volume_type=old["name"])
    snapshot_id = caller.snapshot(volume_id)
    caller.done(caller.post(f"/volumes/{volume_id}/action", {"os-retype": {"new_type": new["name"]}}))
    message = check_fault(caller.delete(f"/types/{old['id']}"), 400, "badRequest")
    assert message.startswith("Target volume type is still in use. It is that of snapshots,")
    assert caller.in_use()[f"snapshots_{old['name']}"] == 1
    caller.done(caller.delete(f"/snapshots/{snapshot_id}"))
    assert f"snapshots_{old['name']}" not in caller.in_use()
    assert caller.delete(f"/types/{old['id']}").status_code == 202


def test_the_default(caller: Caller, served: World) -> None:
    assert check_not_found(caller.get("/types/default")) == "Default volume type can not be found."
    kind = created(caller)
    runtime = served.runtime.__class__(
        **{**vars(served.runtime), "settings": Settings(default_volume_type=kind["name"])}
    )
    app: Flask = create_app(runtime)
    assert Caller(app.test_client()).get("/types/default").json["volume_type"]["id"] == kind["id"]


@pytest.mark.parametrize("path", ["/types", "/group_types"])
def test_public_types_are_asked_for_in_every_word(caller: Caller, path: str) -> None:
    root = {"/types": "volume_types", "/group_types": "group_types"}[path]
    speaker = caller.at(71)
    for words, other in (("1 t true on y yes YES", "False"), ("0 f false off n no No", "True")):
        for word in words.split():
            shown = speaker.get(f"{path}?is_public={word}").json[root]
            assert {str(one["is_public"]) for one in shown} <= {"True", "False"} - {other}, word
    for word in ("", "maybe", "2"):
        check_bad_request(speaker.get(f"{path}?is_public={word}"), "is_public")


def test_the_specs_of_a_type_with_volumes_stay(caller: Caller) -> None:
    kind = created(caller, extra_specs={"bench:a": "b"})
    volume = caller.volume(volume_type=kind["id"])
    path = f"/types/{kind['id']}/extra_specs"
    for answer in (
        caller.post(path, {"extra_specs": {"bench:c": "d"}}),
        caller.post(path, {"extra_specs": {}}),
        caller.put(f"{path}/bench:a", {"bench:a": "c"}),
        caller.delete(f"{path}/bench:a"),
    ):
        assert "Volume Type is currently in use" in check_fault(answer, 400, "badRequest")
    assert caller.get(path).json == {"extra_specs": {"bench:a": "b"}}
    caller.flow(caller.delete(f"/volumes/{volume}"))
    assert caller.put(f"{path}/bench:a", {"bench:a": "c"}).status_code == 200


def test_extra_specs(caller: Caller, member: Caller) -> None:
    kind = created(caller, extra_specs={"first": "1"})
    path = f"/types/{kind['id']}/extra_specs"
    key = "capabilities:consistencygroup_support"
    answer = caller.post(path, {"extra_specs": {key: "<is> True"}})
    assert (answer.status_code, answer.json) == (200, {"extra_specs": {key: "<is> True"}})
    assert caller.get(path).json == {"extra_specs": {"first": "1", key: "<is> True"}}
    assert caller.get(f"{path}/{key}").json == {key: "<is> True"}
    assert caller.put(f"{path}/first", {"first": "2"}).json == {"first": "2"}
    assert caller.get(f"/types/{kind['id']}").json["volume_type"]["extra_specs"]["first"] == "2"
    assert member.get(f"/types/{kind['id']}").json["volume_type"]["extra_specs"] == {}
    deleted = caller.delete(f"{path}/first")
    assert (deleted.status_code, deleted.data) == (202, b"")
    check_not_found(caller.delete(f"{path}/first"))
    check_not_found(caller.get(f"{path}/first"))


@pytest.mark.parametrize(
    "specs",
    [
        {"k": None},
        {"k": 1},
        {"k": True},
        {"k": "x" * 256},
        {"": "v"},
        {"k" * 256: "v"},
        {"k": "\x00"},
    ],
)
def test_extra_specs_that_are_none(caller: Caller, specs: dict[str, object]) -> None:
    kind = created(caller)
    check_bad_request(caller.post(f"/types/{kind['id']}/extra_specs", {"extra_specs": specs}), "extra_specs")
    check_bad_request(
        caller.post("/types", {"volume_type": {"name": "x", "extra_specs": specs}}), "extra_specs"
    )


@pytest.mark.parametrize("body", [{}, {"other": "v"}, {"k": "v", "other": "v"}, {"k": 1}, [], "k", None])
def test_one_extra_spec_under_another_key(caller: Caller, body: object) -> None:
    kind = created(caller)
    check_fault(caller.put(f"/types/{kind['id']}/extra_specs/k", body), 400, "badRequest")


def test_unknown_ones(caller: Caller) -> None:
    unknown = str(uuid.uuid4())
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", {"volume_type": {"name": "x"}}),
        ("DELETE", "", None),
        ("GET", "/extra_specs", None),
        ("POST", "/extra_specs", {"extra_specs": {}}),
        ("PUT", "/extra_specs/k", {"k": "v"}),
        ("DELETE", "/extra_specs/k", None),
    ):
        message = check_not_found(caller.call(method, f"/types/{unknown}{path}", body))
        assert message == f"Volume type {unknown} could not be found."


@pytest.mark.parametrize(("step", "which"), [(CheckRetype, "new"), (CommitRetype, "old")])
def test_one_that_a_retype_gives_or_may_give_back(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, step: type[Task], which: str
) -> None:
    """Until the flow has ended, its volume may get either type."""
    kinds = {"old": created(caller), "new": created(caller)}
    volume_id = caller.volume(volume_type=kinds["old"]["name"])
    answers = after(monkeypatch, step, lambda: caller.delete(f"/types/{kinds[which]['id']}"))
    body = {"os-retype": {"new_type": kinds["new"]["name"]}}
    caller.done(caller.post(f"/volumes/{volume_id}/action", body))
    (answer,) = answers
    assert "operations that have not ended" in check_fault(answer, 400, "badRequest")
    assert caller.get(f"/volumes/{volume_id}").json["volume"]["volume_type"] == kinds["new"]["name"]
    assert caller.delete(f"/types/{kinds['old']['id']}").status_code == 202


def test_names_change_and_usage_is_the_sum_over_what_lives(caller: Caller) -> None:
    """Types are renamed, also to former names of others; usage follows the resources that have the types."""
    a, c = created(caller), created(caller)
    first = caller.volume(size=2, volume_type=a["name"])
    caller.snapshot(first)
    caller.done(caller.post(f"/volumes/{first}/action", {"os-retype": {"new_type": c["name"]}}))
    caller.volume(size=3, volume_type=c["name"])
    check_fault(caller.delete(f"/types/{a['id']}"), 400, "badRequest")
    away = f"type-{uuid.uuid4().hex[:8]}"
    for kind, name in ((a, away), (c, a["name"]), (a, c["name"])):
        assert caller.put(f"/types/{kind['id']}", {"volume_type": {"name": name}}).status_code == 200
    # Each type has the other's name now.
    assert {name: count for name, count in caller.in_use().items() if "_" in name} == {
        f"snapshots_{c['name']}": 1,
        f"gigabytes_{c['name']}": 2,
        f"volumes_{a['name']}": 2,
        f"gigabytes_{a['name']}": 2 + 3,
    }


def after(monkeypatch: pytest.MonkeyPatch, step: type[Task], ask: Callable[[], Any]) -> list[Any]:
    """Send a request when a step is done, and return the list that receives its response."""
    answers: list[Any] = []
    done = step.execute

    @functools.wraps(done)
    def execute(*arguments: Any, **named: Any) -> Any:
        result = done(*arguments, **named)
        answers.append(ask())
        return result

    monkeypatch.setattr(step, "execute", execute)
    return answers


def test_one_of_a_volume_that_is_being_made(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume has its type from acceptance on."""
    kind = created(caller)
    answers = after(monkeypatch, ScheduleVolume, lambda: caller.delete(f"/types/{kind['id']}"))
    caller.volume(volume_type=kind["name"])
    (answer,) = answers
    assert "It is that of volumes" in check_fault(answer, 400, "badRequest")
