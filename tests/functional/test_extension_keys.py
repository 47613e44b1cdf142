"""Keys that cgflow adds to Cinder's responses appear only for requests that ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.versions import HEADER
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support import openapi_operations

IN_REQUESTS = ("cgflow:level", "cgflow:file")
OWN = ("flows", "audit")
"""The resources that Cinder does not have."""


def extension_keys(value: Any) -> Iterator[str]:
    """Yield every key of cgflow's own anywhere in a body."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.startswith("cgflow:"):
                yield key
            yield from extension_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from extension_keys(inner)


def in_header(answer: TestResponse) -> str:
    return answer.headers.get(HEADER, "")


@pytest.fixture
def modern(later_app: Flask) -> Caller:
    return Caller(later_app.test_client()).at(71)


@pytest.fixture
def ids(modern: Caller, faults: FaultSchedule) -> dict[str, str]:
    """One resource of each kind, by its name in addresses, and a failed operation with its message."""
    volume_type = modern.type()
    group_type = modern.post("/group_types", {"group_type": {"name": volume_type}}).json["group_type"]["id"]
    group_id = modern.group(volume_type)
    modern.member(group_id, volume_type)
    cgsnapshot_id = modern.cgsnapshot(group_id)
    plain = modern.volume()
    faults.add_fault(Fault("create_volume", "final"))
    failed = modern.flow(modern.post("/volumes", {"volume": {"size": 1}}))
    qos = {"qos_specs": {"name": volume_type, "consumer": "back-end"}}
    transfer = modern.post("/volume-transfers", {"transfer": {"volume_id": modern.volume()}})
    attachment = modern.post("/attachments", {"attachment": {"volume_uuid": modern.volume()}})
    (message,) = modern.get("/messages").json["messages"]
    return {
        "types": modern.get(f"/types?name={volume_type}").json["volume_types"][0]["id"],
        "group_types": group_type,
        "consistencygroups": group_id,
        "groups": group_id,
        "cgsnapshots": cgsnapshot_id,
        "group_snapshots": cgsnapshot_id,
        "volumes": plain,
        "snapshots": modern.snapshot(plain),
        "qos-specs": modern.post("/qos-specs", qos).json["qos_specs"]["id"],
        "volume-transfers": transfer.json["transfer"]["id"],
        "os-volume-transfer": transfer.json["transfer"]["id"],
        "attachments": attachment.json["attachment"]["id"],
        "messages": message["id"],
        "flows": failed["id"],
        "os-quota-sets": modern.project,
        "os-quota-class-sets": "default",
        "scheduler-stats": "",
    }


BODIES: dict[str, dict[str, Any]] = {
    "POST /volumes": {"volume": {"size": 1}},
    "POST /snapshots": {"snapshot": {"volume_id": "{volumes}"}},
    "POST /consistencygroups": {"consistencygroup": {"volume_types": "{types}"}},
    "POST /cgsnapshots": {"cgsnapshot": {"consistencygroup_id": "{consistencygroups}"}},
    "POST /group_snapshots": {"group_snapshot": {"group_id": "{groups}"}},
    "POST /groups": {"group": {"group_type": "{group_types}", "volume_types": ["{types}"]}},
    "PUT /volumes/{volume_id}": {"volume": {"name": "n"}},
    "PUT /snapshots/{snapshot_id}": {"snapshot": {"name": "n"}},
}
"""Bodies that succeed where the examples of the document would not."""


def filled(body: Any, ids: dict[str, str]) -> Any:
    if isinstance(body, dict):
        return {key: filled(value, ids) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, ids) for value in body]
    return body.format(**ids) if isinstance(body, str) else body


def asked(app: Flask, caller: Caller, ids: dict[str, str]) -> Iterator[tuple[str, TestResponse]]:
    """Send every request of the document, for existing and missing resources, and with an invalid body."""
    for operation in sorted(
        openapi_operations.documented_operations(app), key=lambda one: one.method == "DELETE"
    ):
        noun = operation.path.split("/")[1]
        name = f"{operation.method} {operation.path}"
        there = operation.at(**dict.fromkeys(operation.ids[:1], ids.get(noun, "none")))
        body = filled(BODIES.get(name, operation.body), ids)
        for path, sent in (
            (there, body),
            (operation.at(), body),
            (there, {"none": 1}),
            (f"{there}/none", None),
        ):
            if operation.method in ("GET", "DELETE"):
                sent = None
            yield name, caller.call(operation.method, path, sent)
        if operation.method == "GET":
            yield name, caller.get(f"{there}?limit=x&detail=True&sort=none:asc")


def test_no_answer_holds_one_that_was_not_asked_for(
    later_app: Flask, modern: Caller, ids: dict[str, str]
) -> None:
    succeeded, refusals, wrong = set(), set(), []
    for name, answer in asked(later_app, modern.plain(71), ids):
        (succeeded if answer.status_code < 400 else refusals).add(name)
        assert "cgflow" not in in_header(answer) or name.split("/")[1] in OWN
        if answer.is_json and answer.data and name.split("/")[1] not in OWN:
            wrong += [f"{name} {answer.status_code}: {key}" for key in extension_keys(answer.json)]
            # Unknown addresses have a fault of their own form, and 413 says when to retry.
            is_fault = answer.status_code >= 400 and answer.status_code != 413
            if is_fault and answer.json.get("code") != "404 Not Found":
                ((_, fault),) = answer.json.items()
                assert list(fault) == ["code", "message"], name
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert {name for name in succeeded if name.startswith("GET")} > {
        f"GET /{noun}{more}"
        for noun in ("volumes", "snapshots", "consistencygroups", "cgsnapshots", "groups", "group_snapshots")
        for more in ("", "/detail")
    }
    assert {*BODIES} <= succeeded
    assert len(refusals) > 100


@pytest.mark.parametrize(
    ("noun", "root", "keys"),
    [
        ("volumes", "volume", {"cgflow:reason", "cgflow:flow_id"}),
        ("snapshots", "snapshot", {"cgflow:reason", "cgflow:flow_id"}),
        ("consistencygroups", "consistencygroup", {"cgflow:reason", "cgflow:flow_id"}),
        ("cgsnapshots", "cgsnapshot", {"cgflow:reason", "cgflow:flow_id", "cgflow:evidence", "cgflow:level"}),
        ("groups", "group", {"cgflow:reason", "cgflow:flow_id"}),
        ("group_snapshots", "group_snapshot", {"cgflow:reason", "cgflow:flow_id", "cgflow:evidence"}),
        ("messages", "message", {"cgflow:flow_id"}),
    ],
)
def test_each_is_there_for_who_asks(
    modern: Caller, ids: dict[str, str], noun: str, root: str, keys: set[str]
) -> None:
    path = f"/{noun}/{ids[noun]}"
    shown = modern.get(path)
    assert in_header(shown) == "volume 3.71, cgflow 1.0"
    assert set(extension_keys(shown.json)) == keys - {"cgflow:level"}
    plain = modern.plain(71).get(path)
    assert in_header(plain) == "volume 3.71"
    rest = {key: value for key, value in shown.json[root].items() if not key.startswith("cgflow:")}
    assert plain.json == {root: rest}
    assert plain.headers["ETag"] != shown.headers["ETag"]


def test_pools_tell_more_to_who_asks(caller: Caller) -> None:
    path = "/scheduler-stats/get_pools?detail=True"
    assert set(extension_keys(caller.get(path).json)) == {"cgflow:reason", "cgflow:disabled"}
    assert set(extension_keys(caller.plain().get(path).json)) == set()


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("volume 3.65, cgflow 1.0", "volume 3.65, cgflow 1.0"),
        ("cgflow 1.0,volume 3.65", "volume 3.65, cgflow 1.0"),
        ("  cgflow   latest ", "volume 3.0, cgflow 1.0"),
        ("compute 2.1, cgflow 1.0", "volume 3.0, cgflow 1.0"),
        ("volume 3.7", "volume 3.7"),
        (None, "volume 3.0"),
    ],
)
def test_the_answer_repeats_what_was_asked(caller: Caller, asked: str | None, used: str) -> None:
    caller._headers.pop(HEADER)
    answer = caller.get("/volumes/none", headers={} if asked is None else {HEADER: asked})
    assert answer.headers[HEADER] == used
    assert HEADER in answer.headers["Vary"]
    assert bool(set(extension_keys(answer.json))) == ("cgflow" in used)


def test_the_header_may_be_sent_twice(caller: Caller) -> None:
    sent = [("X-Auth-Token", "u:p"), (HEADER, "volume 3.5"), (HEADER, "cgflow 1.0")]
    answer = caller._client.get("/v3/p/volumes", headers=sent)
    assert answer.headers[HEADER] == "volume 3.5, cgflow 1.0"


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_an_unknown_version_is_not_acceptable(caller: Caller, version: str) -> None:
    answer = caller.get("/volumes", headers={HEADER: f"volume 3.0, cgflow {version}"})
    assert check_fault(answer, 406, "computeFault") == (
        f"Version {version} of the extensions of cgflow is not supported. The only one is 1.0."
    )


def test_a_version_that_is_none_is_refused(caller: Caller) -> None:
    for version in ("one", "0.9"):
        check_fault(caller.get("/volumes", headers={HEADER: f"cgflow {version}"}), 400, "badRequest")


def test_resources_of_cgflow_alone_need_no_header(caller: Caller) -> None:
    """Their responses are complete, faults included, and state the version."""
    caller.volume()
    plain = caller.plain()
    listed = plain.get("/flows")
    assert listed.json["flows"]
    assert in_header(listed) == "volume 3.0, cgflow 1.0"
    fault = plain.get("/flows/none")
    check_not_found(fault)
    assert fault.json["itemNotFound"]["cgflow:code"] == "not_found"
    assert plain.get("/audit").status_code == 200


def test_a_key_answers_again_at_the_same_versions_only(caller: Caller) -> None:
    """A stored response belongs to one request and is not the response to another."""
    body, key = {"volume": {"size": 1}}, {"Idempotency-Key": "one"}
    first = caller.plain().post("/volumes", body, headers=key)
    again = caller.plain().post("/volumes", body, headers=key)
    assert (again.headers["Idempotency-Replayed"], again.json) == ("true", first.json)
    for other in (caller, caller.plain(50)):
        check_fault(other.post("/volumes", body, headers=key), 422, "unprocessableEntity")
    caller.flow(first)


def test_requests_hold_keys_of_cgflow_without_the_header(caller: Caller) -> None:
    volume_type = caller.type()
    group_id = caller.group(volume_type)
    caller.member(group_id, volume_type)
    level = {"consistencygroup_id": group_id, "cgflow:level": "crash"}
    taken = caller.done(caller.plain().post("/cgsnapshots", {"cgsnapshot": level}))
    assert caller.get(f"/cgsnapshots/{taken}").json["cgsnapshot"]["cgflow:evidence"]["level"] == "crash"


def test_the_document_tells_which_keys_are_extensions(app: Flask) -> None:
    schemas = app.test_client().get("/openapi.json").json["components"]["schemas"]
    told = [
        (schema, name, property)
        for schema, described in schemas.items()
        for name, property in described.get("properties", {}).items()
        if name.startswith("cgflow:") and name not in IN_REQUESTS
    ]
    assert len(told) > 10
    assert not [one for one in told if one[2].get("x-cgflow-version") != "1.0"]


def test_a_field_is_named_to_who_asks(caller: Caller) -> None:
    check_bad_request(caller.post("/volumes", {"volume": {"size": "x"}}), "size")
