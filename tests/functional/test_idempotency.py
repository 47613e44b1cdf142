"""``Idempotency-Key``: a repeated request gets the same response and is executed once."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.app import create_app
from api.resources import volume_type
from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.repositories import idempotency
from cgflow.drivers.memory.driver import MemoryDriver
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.functional.policy_cases import routes
from tests.support.postgresql_server import postgres_server
from tests.support.world import World, world

VOLUME = {"volume": {"size": 1, "name": "v"}}


def keyed(key: str = "k-1") -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


def same(first: TestResponse, second: TestResponse) -> None:
    """Check that the second response repeats the first and is marked as a repetition."""
    assert second.headers.get("Idempotency-Replayed") == "true", second.text
    assert "Idempotency-Replayed" not in first.headers
    assert (second.status_code, second.data) == (first.status_code, first.data)
    for header in ("Location", "X-Cgflow-Flow-Id", "Content-Type"):
        assert second.headers.get(header) == first.headers.get(header)


def test_no_route_waits_for_itself(later_app: Flask) -> None:
    """A key that no other request uses is never in use, at any route."""
    caller = Caller(later_app.test_client()).at(71)
    changing = sorted(one for one in routes(later_app) if one.split(" ")[0] in ("POST", "PUT", "DELETE"))
    assert len(changing) > 50
    for number, operation in enumerate(changing):
        method, path = operation.split(" ")
        path = re.sub(r"\{\w+\}", str(uuid.uuid4()), path)
        answer = caller.call(method, path, None if method == "DELETE" else {}, **keyed(f"fresh-{number}"))
        assert answer.status_code != 409, f"{operation}: {answer.text}"
        assert answer.status_code < 500, f"{operation}: {answer.text}"


def ids(caller: Caller, noun: str) -> list[str]:
    return [found["id"] for found in caller.get(f"/{noun}").json[noun]]


def test_an_accepted_operation_is_answered_again_and_done_once(caller: Caller) -> None:
    first = caller.post("/volumes", VOLUME, **keyed())
    caller.done(first)
    same(first, caller.post("/volumes", VOLUME, **keyed()))
    assert len(ids(caller, "volumes")) == 1
    assert len(ids(caller, "flows")) == 1


def test_what_is_made_without_a_flow_is_answered_again(caller: Caller) -> None:
    body = {"volume_type": {"name": f"t-{caller.project}"}}
    first = caller.post("/types", body, **keyed())
    assert first.status_code == 200
    same(first, caller.post("/types", body, **keyed()))
    # Without the key, the name is taken.
    check_fault(caller.post("/types", body), 409, "conflictingRequest")


def test_actions_and_deletes_are_answered_again(caller: Caller) -> None:
    volume_id = caller.volume()
    larger = {"os-extend": {"new_size": 2}}
    first = caller.post(f"/volumes/{volume_id}/action", larger, **keyed("grow"))
    caller.done(first)
    same(first, caller.post(f"/volumes/{volume_id}/action", larger, **keyed("grow")))
    first = caller.delete(f"/volumes/{volume_id}", **keyed("end"))
    caller.done(first)
    same(first, caller.delete(f"/volumes/{volume_id}", **keyed("end")))


def test_the_answer_stays_what_it_was(caller: Caller) -> None:
    first = caller.post("/volumes", VOLUME, **keyed())
    volume_id = caller.done(first)
    caller.done(caller.delete(f"/volumes/{volume_id}"))
    same(first, caller.post("/volumes", VOLUME, **keyed()))
    assert ids(caller, "volumes") == []


def test_the_spacing_of_the_body_makes_no_difference(caller: Caller) -> None:
    first = caller.post("/volumes", data=b'{"volume": {"size": 1, "name": "v"}}', **keyed())
    caller.done(first)
    same(first, caller.post("/volumes", data=b'{ "volume":{"name":"v","size":1} }', **keyed()))


def test_a_key_is_good_for_one_request(caller: Caller) -> None:
    caller.done(caller.post("/volumes", VOLUME, **keyed()))
    for path, body in (("/volumes", {"volume": {"size": 2, "name": "v"}}), ("/volumes?x=1", VOLUME)):
        message = check_fault(caller.post(path, body, **keyed()), 422, "unprocessableEntity")
        assert "use a new key" in message
    group = {"consistencygroup": {"volume_types": caller.type()}}
    check_fault(caller.post("/consistencygroups", group, **keyed()), 422, "unprocessableEntity")
    assert len(ids(caller, "flows")) == 1


def test_a_refusal_leaves_no_key(caller: Caller) -> None:
    limit = {"quota_set": {"volumes": 0}}
    assert caller.put(f"/os-quota-sets/{caller.project}", limit).status_code == 200
    check_fault(caller.post("/volumes", VOLUME, **keyed()), 413, "overLimit")
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"volumes": 1}})
    answer = caller.post("/volumes", VOLUME, **keyed())
    assert "Idempotency-Replayed" not in answer.headers
    caller.done(answer)


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "caf\u00e9"])
def test_what_cannot_be_a_key_is_refused(caller: Caller, key: str) -> None:
    check_bad_request(caller.post("/volumes", VOLUME, **keyed(key)), "Idempotency-Key")
    assert ids(caller, "volumes") == []


def test_the_longest_key_is_one(caller: Caller) -> None:
    key = "~ " * 127 + "!"
    same(caller.post("/volumes", VOLUME, **keyed(key)), caller.post("/volumes", VOLUME, **keyed(key)))


def test_keys_of_others_are_other_keys(app: Flask, caller: Caller, member: Caller) -> None:
    stranger = Caller(app.test_client())
    made = {who.done(who.post("/volumes", VOLUME, **keyed())) for who in (caller, member, stranger)}
    assert len(made) == 3


def test_a_request_that_is_being_served_is_busy(
    caller: Caller, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = volume_type.volume_types.create

    def create(*args: Any, **more: Any) -> Any:
        begun.set()
        assert go_on.wait(20)
        return real(*args, **more)

    body = {"volume_type": {"name": f"t-{caller.project}"}}
    monkeypatch.setattr(volume_type.volume_types, "create", create)
    with ThreadPoolExecutor(1) as pool:
        other = Caller(app.test_client(), caller.project)
        first = pool.submit(other.post, "/types", body, **keyed())
        try:
            assert begun.wait(20)
            answer = caller.post("/types", body, **keyed())
        finally:
            go_on.set()
    check_fault(answer, 409, "conflictingRequest")
    assert answer.headers["Retry-After"] == "1"
    same(first.result(), caller.post("/types", body, **keyed()))


def test_a_key_runs_out_after_a_day(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"volume_type": {"name": f"t-{caller.project}"}}
    first = caller.post("/types", body, **keyed())
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=23, minutes=59))
    same(first, caller.post("/types", body, **keyed()))
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=24, minutes=1))
    # The request is executed again and finds the name taken.
    check_fault(caller.post("/types", body, **keyed()), 409, "conflictingRequest")
    body["volume_type"]["name"] += "-2"
    second = caller.post("/types", body, **keyed())
    assert second.status_code == 200
    same(second, caller.post("/types", body, **keyed()))


def test_keys_that_have_run_out_are_forgotten(
    caller: Caller, served: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = (caller.project, "ada", "k-1")
    caller.done(caller.post("/volumes", VOLUME, **keyed()))

    def is_kept(now: Any) -> bool:
        with served.database.read() as session:
            return idempotency.find_response(session, owner, now) is not None

    now = clock.now()
    served.service._delete_expired_records()
    assert is_kept(now)
    monkeypatch.setattr(idempotency, "DELETE_BATCH", 1)
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=25))
    served.service._delete_expired_records()
    assert not is_kept(now)


def test_what_changes_nothing_keeps_no_answer(caller: Caller) -> None:
    volume_id = caller.volume()
    connect = {"os-initialize_connection": {"connector": {}}}
    for _ in range(2):
        answer = caller.post(f"/volumes/{volume_id}/action", connect, **keyed())
        assert answer.status_code == 200
        assert "Idempotency-Replayed" not in answer.headers


def test_what_was_accepted_before_the_process_ended_is_answered_after_it(tmp_path: Path) -> None:
    group = {"consistencygroup": {"name": "g", "volume_types": "fast"}}
    with world(tmp_path, MemoryDriver()) as w:
        caller = Caller(create_app(w.runtime).test_client())
        caller.type("fast")
        w.service.conductor.stop()
        first = caller.post("/consistencygroups", group, **keyed())
        assert first.status_code == 202
    with world(tmp_path, MemoryDriver()) as w:
        again = Caller(create_app(w.runtime).test_client(), caller.project)
        second = again.post("/consistencygroups", group, **keyed())
        same(first, second)
        assert again.done(second) == first.json["consistencygroup"]["id"]
        assert len(w.all("consistencygroup")) == 1


# Callers that have lost a permission


def with_roles(caller: Caller, roles: str) -> Caller:
    return Caller(caller._client, caller.project, roles=roles)


@pytest.mark.parametrize("action", ["create", "delete"])
def test_who_may_not_do_it_any_more_is_refused(caller: Caller, action: str) -> None:
    """The refusal also holds when the resource is gone, so that only the key shows what it was."""
    member, reader = (with_roles(caller, role) for role in ("member", "reader"))
    wish: tuple[str, str, Any] = ("POST", "/volumes", VOLUME)
    if action == "delete":
        wish = ("DELETE", f"/volumes/{caller.volume()}", None)
    first = member.call(*wish, **keyed())
    caller.done(first)
    check_fault(reader.call(*wish, **keyed()), 403, "forbidden")
    same(first, member.call(*wish, **keyed()))


def test_who_may_not_see_it_any_more_is_refused(caller: Caller) -> None:
    """Only administrators are shown whether a volume is being migrated."""
    path, name = f"/volumes/{caller.volume()}", {"volume": {"name": "n"}}
    first = caller.put(path, name, **keyed())
    assert "migration_status" in first.json["volume"]
    message = check_fault(with_roles(caller, "member").put(path, name, **keyed()), 403, "forbidden")
    assert "volume_extension:volume_" in message
    same(first, caller.put(path, name, **keyed()))


def requests_about(volume_id: str) -> list[tuple[str, str, Any]]:
    """Return requests whose responses show or name a volume."""
    return [
        ("PUT", f"/volumes/{volume_id}", {"volume": {"name": "n"}}),
        ("PUT", f"/volumes/{volume_id}/metadata", {"metadata": {"a": "b"}}),
        ("POST", f"/volumes/{volume_id}/action", {"os-set_bootable": {"bootable": True}}),
        ("POST", f"/volumes/{volume_id}/action", {"os-extend": {"new_size": 2}}),
        ("POST", "/attachments", {"attachment": {"volume_uuid": volume_id, "connector": {"host": "h"}}}),
    ]


def test_what_belongs_to_another_project_by_now_is_not_found(later_app: Flask) -> None:
    owner = Caller(later_app.test_client(), roles="member").at(71)
    taker = Caller(later_app.test_client(), roles="member").at(71)
    first = owner.post("/volumes", VOLUME, **keyed("made"))
    volume_id = owner.done(first)
    wishes = [("POST", "/volumes", VOLUME), *requests_about(volume_id)]
    for number, wish in enumerate(wishes):
        answer = first if number == 0 else owner.call(*wish, **keyed(f"key {number}"))
        assert answer.status_code < 300, answer.text
        if "X-Cgflow-Flow-Id" in answer.headers:
            owner.done(answer)
        if "attachment" in (answer.get_json(silent=True) or {}):
            owner.delete(f"/attachments/{answer.json['attachment']['id']}")
    offer = owner.post("/os-volume-transfer", {"transfer": {"volume_id": volume_id}}).json["transfer"]
    taken = {"accept": {"auth_key": offer["auth_key"]}}
    assert taker.post(f"/os-volume-transfer/{offer['id']}/accept", taken).status_code == 202
    for number, wish in enumerate(wishes):
        check_not_found(owner.call(*wish, **keyed("made" if number == 0 else f"key {number}")))
    assert taker.get(f"/volumes/{volume_id}").status_code == 200


def test_what_users_keep_is_answered_as_it_was(caller: Caller) -> None:
    secret = {"token": "t", "password": "p", "auth_key": "k", "connection_info": "c", "transfer": "x"}
    body = {"volume": {"size": 1, "metadata": secret}}
    first = caller.post("/volumes", body, **keyed("volume"))
    volume_id = caller.done(first)
    assert caller.post("/volumes", body, **keyed("volume")).json == first.json
    for method in ("PUT", "POST"):
        path = f"/volumes/{volume_id}/metadata"
        assert caller.call(method, path, {"metadata": secret}, **keyed(method)).json == {"metadata": secret}
        assert caller.call(method, path, {"metadata": secret}, **keyed(method)).json == {"metadata": secret}
    name = caller.type()
    (kind,) = caller.get(f"/types?name={name}").json["volume_types"]
    path = f"/types/{kind['id']}/extra_specs"
    for _ in range(2):
        answer = caller.post(path, {"extra_specs": secret}, **keyed("specs"))
        assert answer.json == {"extra_specs": secret}
        answer = caller.put(f"{path}/token", {"token": "t"}, **keyed("spec"))
        assert answer.json == {"token": "t"}


def test_a_project_has_so_many_kept_answers(
    caller: Caller, stranger: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/volumes/{caller.volume()}/metadata"
    monkeypatch.setattr(idempotency, "MAX_RESPONSES", 2)
    for number in range(2):
        assert caller.put(path, {"metadata": {"a": str(number)}}, **keyed(str(number))).status_code == 200
    message = check_fault(caller.put(path, {"metadata": {"a": "9"}}, **keyed("9")), 413, "overLimit")
    assert "without Idempotency-Key" in message
    assert caller.get(path).json == {"metadata": {"a": "1"}}
    # Stored responses are repeated, requests without a key are executed, other projects have their own limit.
    assert caller.put(path, {"metadata": {"a": "0"}}, **keyed("0")).json == {"metadata": {"a": "0"}}
    assert caller.put(path, {"metadata": {"a": "9"}}).status_code == 200
    assert stranger.post("/volumes", VOLUME, **keyed()).status_code == 202


def test_a_project_has_so_large_kept_answers(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/volumes/{caller.volume()}/metadata"
    monkeypatch.setattr(idempotency, "MAX_TOTAL_SIZE", 20_000)
    large = {"metadata": {f"{number:0>200}": "x" * 200 for number in range(30)}}
    assert caller.put(path, large, **keyed("1")).status_code == 200
    check_fault(caller.put(path, large, **keyed("2")), 413, "overLimit")


# Concurrent requests


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[[], str]]:
    with postgres_server() as found:
        yield found.new_url


@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_a_hundred_repeats_make_one_thing(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = None if where == "sqlite" else request.getfixturevalue("server")()
    with world(tmp_path, MemoryDriver(), url=url) as w:
        # As in two processes of one service: the second does not know what the first is serving.
        other = Database(str(w.database.engine.url)) if url else w.database
        apps = [create_app(w.runtime), create_app(replace(w.runtime, database=other))]
        caller = Caller(apps[0].test_client())

        def create(number: int) -> TestResponse:
            one = Caller(apps[number % 2].test_client(), caller.project)
            return one.post("/volumes", VOLUME, **keyed())

        with ThreadPoolExecutor(25) as pool:
            answers = list(pool.map(create, range(100)))
        made = [answer for answer in answers if answer.status_code == 202]
        for answer in answers:
            if answer not in made:
                check_fault(answer, 409, "conflictingRequest")
                assert answer.headers["Retry-After"] == "1"
        (first,) = [answer for answer in made if "Idempotency-Replayed" not in answer.headers]
        for answer in (*made, create(0), create(1)):
            if answer is not first:
                same(first, answer)
        caller.done(first)
        assert len(w.all("volume")) == 1
        other.close()
