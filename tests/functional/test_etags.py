"""ETags: unchanged resources are not read again, and only callers that know the current state change them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api import etags
from api.app import create_app
from cgflow.drivers.memory.driver import MemoryDriver
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.postgresql_server import postgres_server
from tests.support.world import World, world


def match(tag: str | None) -> dict[str, Any]:
    assert tag
    return {"headers": {"If-Match": tag}}


def tag(caller: Caller, path: str) -> str:
    return str(caller.get(path).headers["ETag"])


@pytest.fixture
def type_id(caller: Caller) -> str:
    caller.type(f"t-{caller.project}")
    return str(caller.get(f"/types?name=t-{caller.project}").json["volume_types"][0]["id"])


@pytest.fixture
def volume_id(caller: Caller) -> str:
    return caller.volume()


def stale(answer: TestResponse) -> None:
    assert "Read it again" in check_fault(answer, 412, "preconditionFailed")


@pytest.mark.parametrize("path", ["/volumes", "/volumes/detail", "/volumes/{}", "/limits", "/flows"])
def test_what_is_the_same_is_not_sent_again(caller: Caller, volume_id: str, path: str) -> None:
    first = caller.get(path.format(volume_id))
    again = caller.get(path.format(volume_id), headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert not first.headers["ETag"].startswith("W/")
    for header in ("X-Openstack-Request-Id", "Vary", "OpenStack-API-Version"):
        assert again.headers[header]


def test_what_has_changed_is_sent(caller: Caller, volume_id: str) -> None:
    before = tag(caller, f"/volumes/{volume_id}")
    caller.done(caller.post(f"/volumes/{volume_id}/action", {"os-extend": {"new_size": 2}}))
    answer = caller.get(f"/volumes/{volume_id}", headers={"If-None-Match": f'"other", {before}'})
    assert (answer.status_code, answer.json["volume"]["size"]) == (200, 2)
    assert answer.headers["ETag"] != before


def test_refusals_have_no_tag(caller: Caller) -> None:
    assert "ETag" not in caller.get("/volumes/none").headers
    assert "ETag" not in caller.get("/volumes?limit=x").headers


def test_a_type_is_changed_by_who_knows_it(caller: Caller, type_id: str) -> None:
    path = f"/types/{type_id}"
    first = tag(caller, path)
    body = {"volume_type": {"description": "mine"}}
    assert caller.put(path, body, **match(first)).status_code == 200
    stale(caller.put(path, {"volume_type": {"description": "theirs"}}, **match(first)))
    assert caller.get(path).json["volume_type"]["description"] == "mine"
    # The extra specs are part of the representation.
    second = tag(caller, path)
    assert caller.post(f"{path}/extra_specs", {"extra_specs": {"a": "1"}}).status_code == 200
    stale(caller.delete(path, **match(second)))
    assert caller.delete(path, **match(tag(caller, path))).status_code == 202


def test_one_extra_spec_has_a_tag_of_its_own(caller: Caller, type_id: str) -> None:
    path = f"/types/{type_id}/extra_specs/k"
    assert caller.put(path, {"k": "1"}).status_code == 200
    first = tag(caller, path)
    assert caller.put(path, {"k": "2"}, **match(first)).status_code == 200
    stale(caller.put(path, {"k": "3"}, **match(first)))
    assert caller.get(path).json == {"k": "2"}


def test_a_volume_is_extended_and_deleted_by_who_knows_it(caller: Caller, volume_id: str) -> None:
    path = f"/volumes/{volume_id}"
    first = tag(caller, path)
    caller.done(caller.post(f"{path}/action", {"os-extend": {"new_size": 2}}, **match(first)))
    stale(caller.post(f"{path}/action", {"os-extend": {"new_size": 3}}, **match(first)))
    stale(caller.post(f"{path}/action", {"os-initialize_connection": {"connector": {}}}, **match(first)))
    stale(caller.delete(path, **match(first)))
    assert caller.get(path).json["volume"]["size"] == 2
    caller.done(caller.delete(path, **match(f'"other", {tag(caller, path)}')))


def test_groups_and_cgsnapshots_are_deleted_by_who_knows_them(caller: Caller) -> None:
    kind = caller.type()
    group_id = caller.group(kind)
    before = tag(caller, f"/consistencygroups/{group_id}")
    caller.member(group_id, kind)
    cgsnapshot_id = caller.cgsnapshot(group_id)
    stale(caller.delete(f"/cgsnapshots/{cgsnapshot_id}", **match(before)))
    current = tag(caller, f"/cgsnapshots/{cgsnapshot_id}")
    caller.done(caller.delete(f"/cgsnapshots/{cgsnapshot_id}", **match(current)))
    force = {"consistencygroup": {"force": True}}
    path = f"/consistencygroups/{group_id}"
    stale(caller.post(f"{path}/delete", force, **match('"other"')))
    caller.done(caller.post(f"{path}/delete", force, **match(tag(caller, path))))


def test_limits_are_set_by_who_knows_them(caller: Caller) -> None:
    path = f"/os-quota-sets/{caller.project}"
    first = tag(caller, path)
    assert caller.put(path, {"quota_set": {"volumes": 7}}, **match(first)).status_code == 200
    stale(caller.put(path, {"quota_set": {"volumes": 8}}, **match(first)))
    assert caller.get(path).json["quota_set"]["volumes"] == 7


def test_a_star_asks_only_that_there_is_something(caller: Caller, type_id: str) -> None:
    body = {"volume_type": {"description": "d"}}
    assert caller.put(f"/types/{type_id}", body, **match("*")).status_code == 200
    check_not_found(caller.put("/types/none", body, **match("*")))


def test_a_weak_tag_does_not_say_that_nothing_changed(caller: Caller, type_id: str) -> None:
    weak = "W/" + tag(caller, f"/types/{type_id}")
    stale(caller.put(f"/types/{type_id}", {"volume_type": {"description": "d"}}, **match(weak)))


def test_a_condition_that_means_nothing_is_refused(caller: Caller, type_id: str) -> None:
    empty = {"headers": {"If-Match": ""}}
    check_bad_request(caller.delete(f"/types/{type_id}", **empty), "If-Match")
    assert caller.get(f"/types/{type_id}").status_code == 200


def test_a_key_and_a_condition_go_together(caller: Caller, type_id: str) -> None:
    path = f"/types/{type_id}"
    headers = {"If-Match": tag(caller, path), "Idempotency-Key": "k"}
    body = {"volume_type": {"description": "d"}}
    first = caller.put(path, body, headers=headers)
    second = caller.put(path, body, headers=headers)
    assert (first.status_code, second.data) == (200, first.data)
    # A refusal stores no key.
    headers["Idempotency-Key"] = "l"
    stale(caller.put(path, body, headers=headers))
    headers["If-Match"] = tag(caller, path)
    assert caller.put(path, body, headers=headers).status_code == 200


# Concurrent requests


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[[], str]]:
    with postgres_server() as found:
        yield found.new_url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def w(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    url = None if request.param == "sqlite" else request.getfixturevalue("server")()
    with world(tmp_path, MemoryDriver(), url=url) as found:
        yield found


@pytest.mark.parametrize("what", ["the type", "its specs"])
def test_no_update_is_lost_between_two_writers(w: World, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both writers have read the same state, and both have passed the first check when one of them writes."""
    app = create_app(w.runtime)
    caller = Caller(app.test_client())
    caller.type("t")
    type_id = caller.get("/types?name=t").json["volume_types"][0]["id"]
    path = f"/types/{type_id}" if what == "the type" else f"/types/{type_id}/extra_specs"
    known = tag(caller, path)
    meet(monkeypatch)

    def change(number: int) -> TestResponse:
        one = Caller(app.test_client(), caller.project)
        if what == "the type":
            return one.put(path, {"volume_type": {"description": str(number)}}, **match(known))
        return one.post(path, {"extra_specs": {f"k{number}": "v"}}, **match(known))

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(change, range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    winner = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
    shown = caller.get(f"/types/{type_id}").json["volume_type"]
    if what == "the type":
        assert shown["description"] == str(winner)
    else:
        assert shown["extra_specs"] == {f"k{winner}": "v"}


def meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make two threads continue together after each has made its first check."""
    barrier, seen = threading.Barrier(2, timeout=20), set()
    real = etags.check_unchanged

    def require(tags: Any) -> None:
        real(tags)
        if threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            barrier.wait()

    monkeypatch.setattr(etags, "check_unchanged", require)


def test_many_writers_count_without_a_loss(w: World) -> None:
    """Each writer reads, adds one and writes conditionally until it succeeds; no increment is lost."""
    app = create_app(w.runtime)
    caller = Caller(app.test_client())
    caller.type("t", count="0")
    type_id = caller.get("/types?name=t").json["volume_types"][0]["id"]
    path = f"/types/{type_id}/extra_specs/count"

    def count(_: int) -> None:
        one = Caller(app.test_client(), caller.project)
        for _ in range(5):
            while True:
                read = one.get(path)
                body = {"count": str(int(read.json["count"]) + 1)}
                answer = one.put(path, body, **match(read.headers["ETag"]))
                if answer.status_code == 200:
                    break
                assert answer.status_code in (409, 412), answer.text

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert caller.get(path).json == {"count": "20"}


@pytest.mark.parametrize("noun", ["volume", "snapshot"])
def test_what_is_changed_on_a_condition_is_answered_as_it_is_now(caller: Caller, noun: str) -> None:
    volume_id = caller.volume(name="old")
    path = f"/{noun}s/{volume_id if noun == 'volume' else caller.snapshot(volume_id, name='old')}"
    tag = caller.get(path).headers["ETag"]
    answer = caller.put(path, {noun: {"name": "new"}}, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    assert answer.json[noun]["name"] == "new"
