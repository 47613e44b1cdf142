"""The API document is open, complete and correct."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from apispec import APISpec
from flask import Flask
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.functional.caller import Caller, ModernCaller

PREFIX = "/v3/{project_id}"


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def test_it_is_made_once_for_everybody(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.test_client()
    whole = client.get("/openapi.json")
    monkeypatch.setattr(APISpec, "to_dict", None)
    again = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert again.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(again.data) == whole.data
    assert len(again.data) < len(whole.data) / 5
    for answer, encoding in ((whole, "identity"), (again, "gzip")):
        headers = {"If-None-Match": answer.headers["ETag"], "Accept-Encoding": encoding}
        known = client.get("/openapi.json", headers=headers)
        assert (known.status_code, known.data) == (304, b"")
    assert whole.headers["ETag"] != again.headers["ETag"]


def routes(app: Flask) -> set[tuple[str, str]]:
    found = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        if path.startswith(PREFIX + "/"):
            found |= {
                (path, method.lower()) for method in rule.methods or () if method not in ("HEAD", "OPTIONS")
            }
    return found


def test_every_route_is_in_it(app: Flask, document: dict[str, Any]) -> None:
    documented = {
        (path, method)
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert documented == routes(app)
    assert len(documented) > 40


def test_every_prefix_serves_the_same(app: Flask) -> None:
    """S1."""

    def under(prefix: str) -> set[tuple[str, frozenset[str]]]:
        return {
            (rule.rule.removeprefix(prefix), frozenset(rule.methods or ()))
            for rule in app.url_map.iter_rules()
            if rule.rule.startswith(prefix + "/")
        }

    whole = under("/v3/<project_id>")
    assert whole == under("/v2/<project_id>")
    assert whole <= under("/v3")


def test_every_operation_is_told_with_its_answers(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            assert operation["summary"], (path, method)
            assert {"400", "503", "default"} <= set(operation["responses"]), (path, method)
            for parameter in operation.get("parameters", ()):
                assert "schema" in parameter, (path, method, parameter)
            if method in ("post", "put") and not path.endswith("/snapshots"):
                assert operation["requestBody"]["content"]["application/json"]["schema"], (path, method)
            if "{" in path.removeprefix(PREFIX) and method == "get" and "quota" not in path:
                assert "404" in operation["responses"], (path, method)


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    for reference in re.findall(r"'\$ref': '#/([^']+)'", str(document)):
        place: Any = document
        for part in reference.split("/"):
            place = place[part]
        assert place


class ResponseValidator:
    """Checks responses against the document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        resource = Resource(contents=nullable(document), specification=DRAFT4)
        self._registry: Registry[Any] = Registry().with_resource("urn:api", resource)

    def check(self, caller: Caller, method: str, path: str, body: Any = None) -> Any:
        answer = caller.call(method, path, body)
        template = next(
            template
            for template in sorted(self._document["paths"], key=lambda found: found.count("{"))
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), caller.prefix + path.partition("?")[0])
        )
        told = self._document["paths"][template][method.lower()]["responses"]
        assert str(answer.status_code) in told, (method, path, answer.text)
        shape = told[str(answer.status_code)].get("content", {}).get("application/json", {}).get("schema")
        if shape is None:
            assert answer.data == b"", (method, path)
        else:
            Draft4Validator(absolute(nullable(shape)), registry=self._registry).validate(answer.json)
        return answer


def nullable(node: Any) -> Any:
    """Translate OpenAPI 3.0's ``nullable`` into JSON Schema."""
    if isinstance(node, list):
        return [nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    said = {key: nullable(value) for key, value in node.items()}
    return {"anyOf": [{"enum": [None]}, said]} if said.pop("nullable", None) is True else said


def absolute(node: Any) -> Any:
    if isinstance(node, list):
        return [absolute(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: "urn:api" + value if key == "$ref" and value.startswith("#") else absolute(value)
        for key, value in node.items()
    }


def test_answers_are_as_it_says(caller: Caller, document: dict[str, Any]) -> None:
    judge = ResponseValidator(document)
    kind = judge.check(caller, "POST", "/types", {"volume_type": {"name": f"t-{caller.project}"}}).json[
        "volume_type"
    ]
    for method, path, body in (
        ("GET", "/types", None),
        ("GET", "/types/default", None),
        ("GET", f"/types/{kind['id']}", None),
        ("PUT", f"/types/{kind['id']}", {"volume_type": {"description": "d"}}),
        ("POST", "/types", {"volume_type": {"name": f"t-{caller.project}"}}),
        ("POST", f"/types/{kind['id']}/extra_specs", {"extra_specs": {"k": "v"}}),
        ("GET", f"/types/{kind['id']}/extra_specs", None),
        ("GET", f"/types/{kind['id']}/extra_specs/k", None),
        ("PUT", f"/types/{kind['id']}/extra_specs/k", {"k": "w"}),
        ("DELETE", f"/types/{kind['id']}/extra_specs/k", None),
        ("GET", "/limits", None),
        ("GET", "/scheduler-stats/get_pools?detail=True", None),
        ("GET", "/os-availability-zone", None),
        ("GET", f"/os-quota-sets/{caller.project}?usage=True", None),
        ("GET", f"/os-quota-sets/{caller.project}/defaults", None),
        ("PUT", f"/os-quota-sets/{caller.project}", {"quota_set": {"volumes": 9}}),
        ("DELETE", f"/os-quota-sets/{caller.project}", None),
        ("GET", "/os-quota-class-sets/default", None),
    ):
        judge.check(caller, method, path, body)
    group_id = caller.done(
        judge.check(caller, "POST", "/consistencygroups", {"consistencygroup": {"volume_types": kind["id"]}})
    )
    member = {"size": 1, "volume_type": kind["name"], "consistencygroup_id": group_id}
    volume_id = caller.done(judge.check(caller, "POST", "/volumes", {"volume": member}))
    taken = judge.check(caller, "POST", "/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group_id}})
    cgsnapshot_id, flow_id = caller.done(taken), taken.headers["X-Cgflow-Flow-Id"]
    snapshot_id = caller.get("/snapshots").json["snapshots"][0]["id"]
    connect, disconnect = (
        {"os-initialize_connection": {"connector": {}}},
        {"os-terminate_connection": {"connector": {}}},
    )
    for noun, found in (
        ("consistencygroups", group_id),
        ("cgsnapshots", cgsnapshot_id),
        ("volumes", volume_id),
        ("snapshots", snapshot_id),
    ):
        for path in (f"/{noun}", f"/{noun}/detail", f"/{noun}/{found}", f"/{noun}?limit=x", f"/{noun}/x"):
            judge.check(caller, "GET", path)
        judge.check(caller, "DELETE", f"/{noun}/x")
    for path in (f"/volumes/{volume_id}/action", f"/snapshots/{snapshot_id}/action"):
        for body in (connect, disconnect, {}):
            judge.check(caller, "POST", path, body)
    for path in ("/flows", f"/flows/{flow_id}", f"/flows/{flow_id}/events", "/flows/x", "/flows/x/graph"):
        judge.check(caller, "GET", path)
    caller.done(judge.check(caller, "POST", f"/volumes/{volume_id}/action", {"os-extend": {"new_size": 2}}))
    judge.check(caller, "POST", "/volumes", {"volume": {"size": 10**9}})
    judge.check(caller, "POST", "/snapshots", {"snapshot": {}})
    judge.check(caller.as_member(), "DELETE", f"/types/{kind['id']}")
    caller.done(judge.check(caller, "DELETE", f"/cgsnapshots/{cgsnapshot_id}"))
    change = {"consistencygroup": {"description": "d"}}
    for path in (f"/consistencygroups/{group_id}", f"/consistencygroups/{group_id}/update"):
        judge.check(caller, "PUT", path, change)
        judge.check(caller, "PUT", path, {})
    copy = {"consistencygroup-from-src": {"source_cgid": group_id}}
    copied = caller.done(judge.check(caller, "POST", "/consistencygroups/create_from_src", copy))
    caller.done(caller.post(f"/consistencygroups/{copied}/delete", {"consistencygroup": {"force": True}}))
    judge.check(caller, "POST", "/consistencygroups/create_from_src", {"consistencygroup-from-src": {}})
    force = {"consistencygroup": {"force": True}}
    caller.done(judge.check(caller, "POST", f"/consistencygroups/{group_id}/delete", force))
    judge.check(caller, "DELETE", f"/types/{kind['id']}")


def test_answers_of_groups_are_as_it_says(later: ModernCaller, document: dict[str, Any]) -> None:
    judge = ResponseValidator(document)
    kind = judge.check(later, "POST", "/group_types", {"group_type": {"name": f"k-{later.project}"}}).json
    type_id = kind["group_type"]["id"]
    for method, path, body in (
        ("GET", "/group_types", None),
        ("GET", "/group_types/default", None),
        ("GET", f"/group_types/{type_id}", None),
        ("PUT", f"/group_types/{type_id}", {"group_type": {"description": "d"}}),
        ("POST", "/group_types", {"group_type": {"name": f"k-{later.project}"}}),
        ("POST", f"/group_types/{type_id}/group_specs", {"group_specs": {"k": "v"}}),
        ("GET", f"/group_types/{type_id}/group_specs", None),
        ("GET", f"/group_types/{type_id}/group_specs/k", None),
        ("PUT", f"/group_types/{type_id}/group_specs/k", {"k": "w"}),
        ("DELETE", f"/group_types/{type_id}/group_specs/k", None),
    ):
        judge.check(later, method, path, body)
    volume_type = later.type()
    group = {"name": "g", "group_type": type_id, "volume_types": [volume_type]}
    group_id = later.done(judge.check(later, "POST", "/groups", {"group": group}))
    later.member(group_id, volume_type)
    taken = later.done(
        judge.check(later, "POST", "/group_snapshots", {"group_snapshot": {"group_id": group_id}})
    )
    for noun, found in (("groups", group_id), ("group_snapshots", taken)):
        for path in (f"/{noun}", f"/{noun}/detail", f"/{noun}/{found}", f"/{noun}?limit=x", f"/{noun}/x"):
            judge.check(later, "GET", path)
        judge.check(later, "POST", f"/{noun}/{found}/action", {"reset_status": {"status": "available"}})
        judge.check(later, "POST", f"/{noun}/{found}/action", {})
    judge.check(later, "GET", "/groups/detail?list_volume=True")
    judge.check(later, "PUT", f"/groups/{group_id}", {"group": {"name": "h"}})
    source = {"create-from-src": {"group_snapshot_id": taken}}
    later.done(judge.check(later, "POST", "/groups/action", source))
    later.done(judge.check(later, "DELETE", f"/group_snapshots/{taken}"))
    judge.check(later, "DELETE", "/group_snapshots/x")
    action = {"delete": {"delete-volumes": True}}
    later.done(judge.check(later, "POST", f"/groups/{group_id}/action", action))
