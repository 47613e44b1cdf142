"""QoS specs over HTTP, the types that carry them, and what the scheduler gets."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cgflow.db.repositories import qos_spec, volume_type
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import World


def created(caller: Caller, **body: Any) -> dict[str, Any]:
    answer = caller.post("/qos-specs", {"qos_specs": {"name": f"qos-{uuid.uuid4().hex[:8]}", **body}})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json["qos_specs"]
    return found


def type_id(caller: Caller) -> str:
    return str(caller.get(f"/types?name={caller.type()}").json["volume_types"][0]["id"])


def test_create_show_list_change_delete(caller: Caller) -> None:
    specs = created(caller, consumer="front-end", **{"read_iops_sec": "2000", "quality:x": "y"})
    assert specs == {
        "id": specs["id"],
        "name": specs["name"],
        "consumer": "front-end",
        "specs": {"read_iops_sec": "2000", "quality:x": "y"},
    }
    path = f"/qos-specs/{specs['id']}"
    shown = caller.get(path).json
    assert shown["qos_specs"] == specs
    assert shown["links"][0]["href"].endswith(path)
    assert caller.get(f"/qos-specs?name={specs['name']}").json == {"qos_specs": [specs]}
    changed = caller.put(
        path, {"qos_specs": {"read_iops_sec": "9", "write_iops_sec": "8", "consumer": "both"}}
    )
    assert changed.json == {"qos_specs": {"read_iops_sec": "9", "write_iops_sec": "8", "consumer": "both"}}
    after = caller.get(path).json["qos_specs"]
    assert after["consumer"] == "both"
    assert after["specs"] == {"read_iops_sec": "9", "write_iops_sec": "8", "quality:x": "y"}
    gone = caller.put(f"{path}/delete_keys", {"keys": ["quality:x", "write_iops_sec"]})
    assert (gone.status_code, gone.data) == (202, b"")
    assert caller.get(path).json["qos_specs"]["specs"] == {"read_iops_sec": "9"}
    check_not_found(caller.put(f"{path}/delete_keys", {"keys": ["read_iops_sec", "quality:x"]}))
    assert caller.get(path).json["qos_specs"]["specs"] == {"read_iops_sec": "9"}
    deleted = caller.delete(path)
    assert (deleted.status_code, deleted.data) == (202, b"")
    assert check_not_found(caller.get(path)) == f"No such QoS spec {specs['id']}."


def test_what_is_said_of_nobody(caller: Caller) -> None:
    specs = created(caller)
    assert (specs["consumer"], specs["specs"]) == ("back-end", {})
    taken = caller.post("/qos-specs", {"qos_specs": {"name": f" {specs['name']} "}})
    assert check_fault(taken, 409, "conflictingRequest") == f"QoS Specs {specs['name']} already exists."


def test_types_carry_them(caller: Caller) -> None:
    specs, others, kind = created(caller), created(caller), type_id(caller)
    path = f"/qos-specs/{specs['id']}"
    for _ in range(2):
        answer = caller.get(f"{path}/associate?vol_type_id={kind}")
        assert (answer.status_code, answer.data) == (202, b"")
    found = caller.get(f"{path}/associations").json["qos_associations"]
    assert found == [{"association_type": "volume_type", "id": kind, "name": found[0]["name"]}]
    assert caller.get(f"/types/{kind}").json["volume_type"]["qos_specs_id"] == specs["id"]
    second = caller.get(f"/qos-specs/{others['id']}/associate?vol_type_id={kind}")
    assert "already associated with another qos specs" in check_fault(second, 400, "badRequest")
    kept = caller.delete(f"{path}?force=False")
    assert (
        check_fault(kept, 400, "badRequest") == f"QoS Specs {specs['id']} is still associated with entities."
    )
    for _ in range(2):
        assert caller.get(f"{path}/disassociate?vol_type_id={kind}").status_code == 202
    assert caller.get(f"{path}/associations").json == {"qos_associations": []}
    caller.get(f"{path}/associate?vol_type_id={kind}")
    assert caller.get(f"{path}/disassociate_all").status_code == 202
    assert caller.get(f"/types/{kind}").json["volume_type"]["qos_specs_id"] is None


def test_deletion_by_force_and_of_the_type(caller: Caller) -> None:
    specs, kind, other = created(caller), type_id(caller), type_id(caller)
    for one in (kind, other):
        caller.get(f"/qos-specs/{specs['id']}/associate?vol_type_id={one}")
    caller.delete(f"/types/{other}")
    found = caller.get(f"/qos-specs/{specs['id']}/associations").json["qos_associations"]
    assert [one["id"] for one in found] == [kind]
    assert caller.delete(f"/qos-specs/{specs['id']}?force=true").status_code == 202
    assert caller.get(f"/types/{kind}").json["volume_type"]["qos_specs_id"] is None


def test_the_scheduler_is_told_of_them_and_never_of_an_empty_object(caller: Caller, served: World) -> None:
    """S70."""
    kind = type_id(caller)

    def told() -> object:
        with served.database.read() as session:
            return qos_spec.find_for_type(session, volume_type.get(session, kind))

    assert told() is None
    specs = created(caller)
    caller.get(f"/qos-specs/{specs['id']}/associate?vol_type_id={kind}")
    assert told() is None
    caller.put(f"/qos-specs/{specs['id']}", {"qos_specs": {"iops": "1"}})
    assert told() == {"consumer": "back-end", "specs": {"iops": "1"}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": " "},
        {"name": None},
        {"name": "x" * 256},
        {"name": "x", "consumer": "x"},
        {"name": "x", "consumer": None},
        {"name": "x", "iops": 1},
        {"name": "x", "iops": None},
        {"name": "x", "": "v"},
        {"name": "x", "k": "v" * 256},
    ],
)
def test_specs_that_are_none(caller: Caller, body: object) -> None:
    check_fault(caller.post("/qos-specs", {"qos_specs": body}), 400, "badRequest")


@pytest.mark.parametrize("keys", [None, "k", [], [1], [None], [""]])
def test_keys_that_are_none(caller: Caller, keys: object) -> None:
    check_fault(
        caller.put(f"/qos-specs/{created(caller)['id']}/delete_keys", {"keys": keys}), 400, "badRequest"
    )


def test_unknown_ones(caller: Caller) -> None:
    unknown, kind, specs = uuid.uuid4(), type_id(caller), created(caller)
    for answer in (
        caller.get(f"/qos-specs/{unknown}"),
        caller.put(f"/qos-specs/{unknown}", {"qos_specs": {"k": "v"}}),
        caller.put(f"/qos-specs/{unknown}/delete_keys", {"keys": ["k"]}),
        caller.delete(f"/qos-specs/{unknown}"),
        caller.get(f"/qos-specs/{unknown}/associations"),
        caller.get(f"/qos-specs/{unknown}/associate?vol_type_id={kind}"),
        caller.get(f"/qos-specs/{unknown}/disassociate?vol_type_id={kind}"),
        caller.get(f"/qos-specs/{unknown}/disassociate_all"),
        caller.get(f"/qos-specs/{specs['id']}/associate?vol_type_id={unknown}"),
    ):
        check_not_found(answer)
    check_bad_request(caller.get(f"/qos-specs/{specs['id']}/associate"), "vol_type_id")


def test_they_are_for_administrators(caller: Caller, member: Caller) -> None:
    path = f"/qos-specs/{created(caller)['id']}"
    for method, where, body in (
        ("GET", "/qos-specs", None),
        ("POST", "/qos-specs", {"qos_specs": {"name": "x"}}),
        ("GET", path, None),
        ("PUT", path, {"qos_specs": {}}),
        ("DELETE", path, None),
        ("PUT", f"{path}/delete_keys", {"keys": ["k"]}),
        ("GET", f"{path}/associations", None),
        ("GET", f"{path}/associate?vol_type_id=x", None),
        ("GET", f"{path}/disassociate?vol_type_id=x", None),
        ("GET", f"{path}/disassociate_all", None),
    ):
        message = check_fault(member.call(method, where, body), 403, "forbidden")
        assert message.startswith("Policy doesn't allow volume_extension:qos_specs_manage:")
