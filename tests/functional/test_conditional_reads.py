"""Conditional reads of single resources: equal tags mean equal answers, and no unchanged one is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import marshmallow
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api import disclosure
from api.app import create_app
from api.auth import authorization
from api.etags import FIELD_RULES
from api.resources import flow as flow_resource
from api.schemas.fast_dump import FastDump
from api.versions import HEADER
from cgflow import records
from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume
from tests.functional.caller import Caller, ModernCaller
from tests.support.world import World

NOW = datetime(2026, 11, 22, 10, 19, 45, tzinfo=UTC).replace(tzinfo=None)
ATTACHMENT = records.Attachment(
    id="a", volume_id="v", project_id="p", status="attached", instance_id="i", host_name="h",
    mountpoint="/dev/vda", mode="rw", connector=None, connection_info=None, attached_at=NOW, created_at=NOW,
)  # fmt: skip

READERS: dict[str, tuple[Any, str]] = {
    "volumes": (volume, "get"),
    "consistencygroups": (consistencygroup, "get"),
    "groups": (consistencygroup, "get_group"),
    "cgsnapshots": (cgsnapshot, "get"),
    "group_snapshots": (cgsnapshot, "get_group_snapshot"),
    "snapshots": (snapshot, "get"),
    "flows": (flow_resource, "_read_traced_flow"),
}
"""Where the view of each resource reads its record."""


@dataclass
class Shown:
    """One resource of which a test changes the record that is read."""

    noun: str
    caller: ModernCaller
    id: str
    record: Any

    @property
    def path(self) -> str:
        return f"/{self.noun}/{self.id}"


@pytest.fixture(scope="module")
def ids(served: World) -> dict[str, str]:
    caller = ModernCaller(create_app(served.runtime).test_client(), "conditional")
    kind = caller.type()
    group_id = caller.generic_group(kind)
    volume_id = caller.volume(volume_type=kind, group_id=group_id, metadata={"a": "b"})
    taken = caller.post("/group_snapshots", {"group_snapshot": {"group_id": group_id}})
    cgsnapshot_id = caller.done(taken)
    return {
        "volumes": volume_id,
        "consistencygroups": group_id,
        "groups": group_id,
        "cgsnapshots": cgsnapshot_id,
        "group_snapshots": cgsnapshot_id,
        "snapshots": caller.get("/snapshots").json["snapshots"][0]["id"],
        "flows": taken.headers["X-Cgflow-Flow-Id"],
    }


@pytest.fixture(params=READERS)
def shown(
    request: pytest.FixtureRequest, app: Flask, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Shown:
    module, name = READERS[request.param]
    read: Callable[..., Any] = getattr(module, name)
    found = Shown(
        request.param, ModernCaller(app.test_client(), "conditional"), ids[request.param], record=None
    )

    def read_changed(*args: Any) -> Any:
        found.record = found.record or read(*args)
        return found.record

    monkeypatch.setattr(module, name, read_changed)
    assert found.caller.get(found.path).status_code == 200
    return found


def changed(value: Any, kind: str) -> Any:
    """Return another value of a field, whose annotation is ``kind``."""
    if isinstance(value, Enum):
        return next(other for other in type(value) if other != value)
    if "datetime" in kind:
        return (value or NOW) + timedelta(microseconds=1)
    if isinstance(value, bool) or "bool" in kind:
        return not value
    if isinstance(value, int | float) or "int" in kind or "float" in kind:
        return (value or 0) + 1
    if kind.startswith(("tuple[Attachment", "tuple[dict", "list[dict")):
        more = ATTACHMENT if "Attachment" in kind else {"task": "x"}
        return type(value)([*value, more])
    if kind.startswith("tuple"):
        return (*value, "x")
    if "dict" in kind:
        return {**(value or {}), "x": "y"}
    return f"{value}x"


def changes(record: Any) -> Iterator[tuple[str, Any]]:
    """Return the record with each field changed in turn, also those of the records in a list."""
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, list | tuple) and value and is_dataclass(value[0]):
            for name, other in changes(value[0]):
                yield (
                    f"{field.name}.{name}",
                    replace(record, **{field.name: type(value)([other, *value[1:]])}),
                )
        else:
            yield field.name, replace(record, **{field.name: changed(value, str(field.type))})


def is_unchanged(answer: TestResponse) -> bool:
    assert answer.status_code in (200, 304)
    return answer.status_code == 304


def test_an_unchanged_resource_is_not_serialized(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shown.caller.get(shown.path)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the answer was serialized")

    monkeypatch.setattr(marshmallow.Schema, "dump", refuse)
    monkeypatch.setattr(FastDump, "dump", refuse)
    tag = first.headers["ETag"]
    assert not tag.startswith("W/")
    for method in ("GET", "HEAD"):
        again = shown.caller.call(method, shown.path, headers=knows(tag))
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert "Content-Type" not in again.headers
        assert again.headers["Vary"] == first.headers["Vary"]


def knows(*tags: str, minor: int = 71) -> dict[str, str]:
    return {HEADER: f"volume 3.{minor}, cgflow 1.0", "If-None-Match": ", ".join(tags)}


def test_a_change_of_any_field_changes_the_tag(shown: Shown) -> None:
    original, known = shown.record, {shown.caller.get(shown.path).headers["ETag"]: "none"}
    if shown.noun == "volumes":
        original = replace(original, attachments=(ATTACHMENT,))
    for name, record in changes(original):
        shown.record = record
        tag = shown.caller.get(shown.path).headers["ETag"]
        assert tag not in known, f"{name} has the tag of a change of {known[tag]}"
        known[tag] = name
    assert len(known) > len(fields(original))


def test_equal_tags_mean_equal_answers(shown: Shown, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the record on which an answer depends: versions, rules, addresses, hosts in texts."""
    bodies: dict[str, bytes] = {}
    original = shown.record
    text = "node-1: it failed on node-2"
    for reason in (original.reason, text):
        shown.record = replace(original, reason=reason)
        for answer in variations(shown, app, monkeypatch):
            assert answer.status_code == 200, answer.text
            tag = answer.headers["ETag"]
            assert bodies.setdefault(tag, answer.data) == answer.data, answer.request.url
    assert len(set(bodies.values())) > 4


def variations(shown: Shown, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestResponse]:
    admin, member = shown.caller, ModernCaller(app.test_client(), "conditional", user="eve", roles="member")
    for minor in (14, 20, 21, 25, 38, 41, 48, 58, 61, 63, 65, 71):
        for extensions in ("", ", cgflow 1.0"):
            headers = {HEADER: f"volume 3.{minor}{extensions}"}
            yield admin.get(shown.path, headers=headers)
            yield member.get(shown.path, headers=headers)
    for host in ("localhost", "127.0.0.1"):
        yield admin.get(shown.path, base_url=f"http://{host}")
        yield admin.get(shown.path, base_url=f"https://{host}")
    for prefix in ("/v2/conditional", "/v3"):
        other = ModernCaller(app.test_client(), "conditional")
        other.prefix = prefix
        yield other.get(shown.path)
    for script_root in ("/volume", "/v3"):
        yield admin.get(shown.path, base_url=f"http://localhost{script_root}")
    yield admin.get(f"{shown.path}?list_volume=True")
    yield admin.get(f"{shown.path}?list_volume=False")
    for host in ("node-1", "node-2"):
        with monkeypatch.context() as at:
            at.setattr(disclosure.socket, "gethostname", lambda host=host: host)
            disclosure._host_pattern.cache_clear()
            yield member.get(shown.path)
            yield admin.get(shown.path)
    disclosure._host_pattern.cache_clear()
    permits = authorization.permits
    for hidden in FIELD_RULES:
        with monkeypatch.context() as at:
            at.setattr(
                authorization,
                "permits",
                lambda rule, *target, hidden=hidden: rule != hidden and permits(rule, *target),
            )
            yield admin.get(shown.path)


def test_the_ids_of_volumes_are_part_of_the_tag(ids: dict[str, str], app: Flask) -> None:
    caller = ModernCaller(app.test_client(), "conditional")
    path = f"/groups/{ids['groups']}?list_volume=True"
    tag = caller.get(path).headers["ETag"]
    assert is_unchanged(caller.get(path, headers=knows(tag)))
    kind = caller.get(f"/volumes/{ids['volumes']}").json["volume"]["volume_type"]
    caller.volume(volume_type=kind, group_id=ids["groups"])
    assert not is_unchanged(caller.get(path, headers=knows(tag)))


def test_a_tag_of_one_view_is_not_known_in_another(ids: dict[str, str], app: Flask) -> None:
    caller = ModernCaller(app.test_client(), "conditional")
    for one, other in (("groups", "consistencygroups"), ("group_snapshots", "cgsnapshots")):
        tag = caller.get(f"/{one}/{ids[one]}").headers["ETag"]
        assert not is_unchanged(caller.get(f"/{other}/{ids[other]}", headers=knows(tag)))


def test_a_tag_lets_a_change_pass_once(caller: Caller) -> None:
    path = f"/volumes/{caller.volume(name='old')}"
    tag = caller.get(path).headers["ETag"]
    match = {"headers": {"If-Match": tag}}
    assert caller.put(path, {"volume": {"name": "new"}}, **match).status_code == 200
    assert caller.put(path, {"volume": {"name": "newer"}}, **match).status_code == 412
