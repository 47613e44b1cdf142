"""Descriptive data of volumes and snapshots: metadata, names, flags, image metadata."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.functional.volume_actions import act, act_and_read, read_volume


@pytest.fixture(params=["volumes", "snapshots"])
def noun(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def path(caller: Caller, noun: str) -> str:
    """The address of a volume that has a snapshot, or of that snapshot."""
    name = caller.type()
    group_id = caller.group(name)
    caller.member(group_id, name)
    caller.cgsnapshot(group_id)
    return f"/{noun}/{caller.get(f'/{noun}').json[noun][0]['id']}"


def test_all_of_it(caller: Caller, path: str, noun: str) -> None:
    where = f"{path}/metadata"
    assert caller.get(where).json == {"metadata": {}}
    answer = caller.post(where, {"metadata": {"a": "1", "b": "2"}})
    assert (answer.status_code, answer.json) == (200, {"metadata": {"a": "1", "b": "2"}})
    assert caller.post(where, {"metadata": {"b": "3"}}).json == {"metadata": {"a": "1", "b": "3"}}
    assert caller.get(path).json[noun[:-1]]["metadata"] == {"a": "1", "b": "3"}
    assert caller.put(where, {"metadata": {"c": "4"}}).json == {"metadata": {"c": "4"}}
    assert caller.get(where).json == {"metadata": {"c": "4"}}
    assert caller.put(where, {"metadata": {}}).json == {"metadata": {}}


def test_one_key(caller: Caller, path: str, noun: str) -> None:
    where = f"{path}/metadata/a key"
    assert check_not_found(caller.get(where)).endswith("has no metadata with key a key.")
    assert caller.put(where, {"meta": {"a key": "1"}}).json == {"meta": {"a key": "1"}}
    assert caller.get(where).json == {"meta": {"a key": "1"}}
    check_bad_request(caller.put(where, {"meta": {"other": "1"}}), "meta")
    check_bad_request(caller.put(where, {"meta": {"a key": "1", "b": "2"}}), "meta")
    deleted = caller.delete(where)
    assert (deleted.status_code, deleted.data) == (200, b"")
    check_not_found(caller.delete(where))


def test_too_many_keys(caller: Caller, path: str) -> None:
    where = f"{path}/metadata"
    caller.put(where, {"metadata": {str(number): "v" for number in range(128)}})
    assert "at most 128" in check_bad_request(caller.post(where, {"metadata": {"one": "more"}}), "metadata")
    assert "at most 128" in check_bad_request(
        caller.put(f"{where}/one", {"meta": {"one": "more"}}), "metadata"
    )
    assert len(caller.get(where).json["metadata"]) == 128


@pytest.mark.parametrize(
    "pairs", ["x", 1, [], {"k": 1}, {"k": None}, {"": "v"}, {"k": "\x00"}, {"k": "v" * 256}]
)
def test_metadata_that_is_none(caller: Caller, path: str, pairs: object) -> None:
    for method in ("POST", "PUT"):
        check_bad_request(caller.call(method, f"{path}/metadata", {"metadata": pairs}), "metadata")
    check_bad_request(caller.put(f"{path}/metadata/k", {"meta": pairs}), "meta")


def test_of_what_is_not_there(stranger: Caller, path: str, noun: str) -> None:
    unknown = f"/{noun}/{uuid.uuid4()}"
    for where in (path, unknown):
        for method, body in (("GET", None), ("POST", {"metadata": {}}), ("PUT", {"metadata": {}})):
            check_not_found(stranger.call(method, f"{where}/metadata", body))
        for method, body in (("GET", None), ("PUT", {"meta": {"k": "v"}}), ("DELETE", None)):
            check_not_found(stranger.call(method, f"{where}/metadata/k", body))
        check_not_found(stranger.put(where, {noun[:-1]: {"name": "mine"}}))


def test_lists_by_metadata(caller: Caller, path: str, noun: str) -> None:
    pairs = {"tier": "gold", "it's": "ä 'quoted' \"value\" %"}
    caller.put(f"{path}/metadata", {"metadata": pairs})
    caller.volume(metadata={"tier": "silver"})
    for wanted in (pairs, {"tier": "gold"}, {"it's": pairs["it's"]}):
        found = caller.get(f"/{noun}/detail", query_string={"metadata": str(wanted)}).json[noun]
        assert [f"/{noun}/{one['id']}" for one in found] == [path], wanted
    for wanted in (
        {"tier": "lead"},
        {"tier": "gold", "x": "y"},
        {"TIER": "gold"},
        {"a.b[0]": "x"},
        {"$": "x"},
    ):
        assert caller.at(22).get(f"/{noun}", query_string={"metadata": str(wanted)}).json[noun] == []
    for nonsense in (
        "x",
        "{",
        "[1]",
        "{1: 2}",
        "{'a': 1}",
        "(" * 900,
        "9" * 9000,
    ):
        check_bad_request(caller.at(22).get(f"/{noun}", query_string={"metadata": nonsense}), "metadata")


def test_names(caller: Caller, path: str, noun: str) -> None:
    root = noun[:-1]
    before = caller.get(path).json[root]
    answer = caller.put(path, {root: {"name": "new", "description": "d"}})
    assert answer.status_code == 200
    after = answer.json[root]
    assert (after["name"], after["description"]) == ("new", "d")
    assert after["updated_at"] > after["created_at"]
    # The response to a change has fewer keys, as in Cinder.
    changed = {"name", "description", "updated_at"}
    assert after.keys() <= before.keys()
    for found in (after, caller.get(path).json[root]):
        assert all(found[key] == before[key] for key in found.keys() - changed)
    older = caller.put(path, {root: {"display_name": "older", "display_description": None}}).json[root]
    assert (older["name"], older["description"]) == ("older", None)
    for nothing in ({}, {"colour": "red"}, {"name": 1}, {"name": "x" * 256}, {"description": ["x"]}):
        # Below 3.53, volumes accept a change of nothing.
        check_fault(caller.at(53).put(path, {root: nothing}), 400, "badRequest")
    assert caller.get(path).json[root]["name"] == "older"


def test_a_volumes_metadata_stays_unless_it_is_given(caller: Caller) -> None:
    volume_id = caller.volume(metadata={"a": "b"})
    where = f"/volumes/{volume_id}"
    assert caller.put(where, {"volume": {"name": "n"}}).json["volume"]["metadata"] == {"a": "b"}
    check_bad_request(caller.put(where, {"volume": {"name": "n", "metadata": None}}), "metadata")
    assert caller.put(where, {"volume": {"metadata": {"c": "d"}}}).json["volume"]["metadata"] == {"c": "d"}


def test_a_snapshot_is_made_with_metadata(caller: Caller) -> None:
    body = {"volume_id": caller.volume(), "metadata": {"a": "b"}}
    made = caller.post("/snapshots", {"snapshot": body})
    assert made.json["snapshot"]["metadata"] == {"a": "b"}
    snapshot_id = caller.done(made)
    assert caller.get(f"/snapshots/{snapshot_id}/metadata").json == {"metadata": {"a": "b"}}
    for nonsense in ("x", {"k": 1}, {"": "v"}):
        check_fault(caller.post("/snapshots", {"snapshot": body | {"metadata": nonsense}}), 400, "badRequest")


def test_bootable(caller: Caller) -> None:
    volume_id = caller.volume()
    for flag in (True, False):
        answer = act(caller, volume_id, "os-set_bootable", {"bootable": flag})
        assert (answer.status_code, answer.data) == (200, b"")
        assert read_volume(caller, volume_id)["bootable"] == str(flag).lower()
    for flag in (None, 1, "maybe"):
        check_fault(act(caller, volume_id, "os-set_bootable", {"bootable": flag}), 400, "badRequest")


def test_read_only(caller: Caller) -> None:
    volume_id = caller.volume()

    def mode() -> str:
        answer = act(caller, volume_id, "os-initialize_connection", {"connector": {}})
        return str(answer.json["connection_info"]["data"]["access_mode"])

    assert "readonly" not in read_volume(caller, volume_id)["metadata"]
    assert mode() == "rw"
    assert act_and_read(caller, volume_id, "os-update_readonly_flag", {"readonly": True})["metadata"] == {
        "readonly": "True"
    }
    assert mode() == "ro"
    message = check_fault(
        act(caller, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"}), 400, "badRequest"
    )
    assert message == f"Invalid volume: Invalid attaching mode 'rw' for volume {volume_id}: it is read-only."
    act_and_read(caller, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h", "mode": "ro"})
    message = check_fault(
        act(caller, volume_id, "os-update_readonly_flag", {"readonly": False}), 400, "badRequest"
    )
    assert "status must be available to update readonly flag" in message
    act_and_read(caller, volume_id, "os-detach")
    volume = act_and_read(caller, volume_id, "os-update_readonly_flag", {"readonly": False})
    assert volume["metadata"] == {"readonly": "False"}
    # It is not part of the user's metadata.
    assert caller.get(f"/volumes/{volume_id}/metadata").json == {"metadata": {}}


def test_image_metadata_has_a_size(caller: Caller) -> None:
    volume_id = caller.volume()

    def put(key: str) -> Any:
        return act(caller, volume_id, "os-set_image_metadata", {"metadata": {key: "x" * 65_000}})

    assert [put(key).status_code for key in ("first", "second", "first")] == [200, 200, 200]
    assert "195016 characters, at most 131072" in check_bad_request(put("third"), "metadata")
    act(caller, volume_id, "os-unset_image_metadata", {"key": "first"})
    assert put("third").status_code == 200


def test_image_metadata(caller: Caller) -> None:
    volume_id = caller.volume()
    assert "volume_image_metadata" not in read_volume(caller, volume_id)

    def image(action: str, details: Any) -> Any:
        answer = act(caller, volume_id, f"os-{action}_image_metadata", details)
        assert answer.status_code == 200, answer.text
        return answer.json if answer.data else None

    check_not_found(act(caller, volume_id, "os-show_image_metadata", None))
    assert image("set", {"metadata": {"image_id": "i", "os": "linux"}}) == {
        "metadata": {"image_id": "i", "os": "linux"}
    }
    assert image("set", {"metadata": {"os": "bsd"}}) == {"metadata": {"image_id": "i", "os": "bsd"}}
    assert read_volume(caller, volume_id)["volume_image_metadata"] == {"image_id": "i", "os": "bsd"}
    assert image("unset", {"key": "os"}) is None
    assert image("show", {}) == {"metadata": {"image_id": "i"}}
    check_not_found(act(caller, volume_id, "os-unset_image_metadata", {"key": "os"}))
    for nonsense in ({}, {"metadata": {"k": 1}}, {"metadata": "x"}):
        check_fault(act(caller, volume_id, "os-set_image_metadata", nonsense), 400, "badRequest")


def test_notes_on_another_projects_volume(caller: Caller, stranger: Caller) -> None:
    volume_id = caller.volume()
    for action, details in (
        ("os-set_bootable", {"bootable": True}),
        ("os-update_readonly_flag", {"readonly": True}),
        ("os-set_image_metadata", {"metadata": {"k": "v"}}),
        ("os-unset_image_metadata", {"key": "k"}),
        ("os-show_image_metadata", None),
    ):
        check_not_found(act(stranger, volume_id, action, details))
