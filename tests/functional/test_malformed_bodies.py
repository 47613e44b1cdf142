"""Invalid input for every route with a body and every field of every schema never leads to a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import Schema

from api.errors import MALFORMED
from api.json_body import MAX_BYTES
from api.schemas.cgsnapshot import CgsnapshotCreateIn
from api.schemas.consistencygroup import (
    ConsistencyGroupCreateIn,
    ConsistencyGroupDeleteIn,
    ConsistencyGroupFromSourceIn,
)
from api.schemas.quota import QuotaClassSetIn, QuotaSetIn
from api.schemas.volume import VolumeCreateIn
from api.schemas.volume_type import ExtraSpecsIn, VolumeTypeCreateIn, VolumeTypeUpdateIn
from tests.functional.caller import Caller, check_bad_request, check_fault

BODIES: list[tuple[str, str, type[Any]]] = [
    ("POST", "/consistencygroups", ConsistencyGroupCreateIn),
    ("POST", "/consistencygroups/x/delete", ConsistencyGroupDeleteIn),
    ("POST", "/consistencygroups/create_from_src", ConsistencyGroupFromSourceIn),
    ("POST", "/cgsnapshots", CgsnapshotCreateIn),
    ("POST", "/volumes", VolumeCreateIn),
    ("POST", "/types", VolumeTypeCreateIn),
    ("PUT", "/types/x", VolumeTypeUpdateIn),
    ("POST", "/types/x/extra_specs", ExtraSpecsIn),
    ("PUT", "/os-quota-sets/x", QuotaSetIn),
    ("PUT", "/os-quota-class-sets/default", QuotaClassSetIn),
]
ROUTES = [*BODIES, ("POST", "/volumes/x/action", None), ("POST", "/snapshots/x/action", None),
          ("PUT", "/types/x/extra_specs/k", None), ("PUT", "/consistencygroups/x", None)]  # fmt: skip

BROKEN: list[tuple[str, bytes]] = [
    ("no JSON", b"consistencygroup"),
    ("cut off", b'{"volume": {"size": 1}'),
    ("two documents", b"{} {}"),
    ("a comma too many", b'{"volume": {},}'),
    ("a key twice", b'{"volume": {"size": 1, "size": 2}}'),
    ("a root twice", b'{"volume": {}, "volume": {}}'),
    ("NaN", b'{"volume": {"size": NaN}}'),
    ("infinite", b'{"volume": {"size": -Infinity}}'),
    ("a number too large to be kept", b'{"volume": {"size": 1e400}}'),
    ("a number too large deep inside", b'{"volume": {"metadata": {"a": [-1E+999]}}}'),
    ("more keys than mean anything", b'{"volume": {%s}}' % b",".join(b'"f%d": 1' % i for i in range(3000))),
    ("more values than mean anything", b'{"volume": [%s]}' % b",".join([b"1"] * 3000)),
    ("many small objects", b'{"volume": [%s]}' % b",".join([b'{"a": 1}'] * 3000)),
    ("not UTF-8", b'{"volume": {"name": "\xff\xfe"}}'),
    ("UTF-16", '{"volume": {}}'.encode("utf-16")),
    ("half a pair", b'{"volume": {"name": "\\ud800"}}'),
    ("half a pair in a key", b'{"volume": {"\\udfff": 1}}'),
    ("half a pair in a list", b'["\\ud800"]'),
    ("deep", b"[" * 100_000 + b"]" * 100_000),
    ("deeper than is of use", b'{"volume":' * 20 + b"1" + b"}" * 20),
    ("a number that never ends", b'{"volume": {"size": ' + b"9" * 10_000 + b"}}"),
    ("a byte order mark", b"\xef\xbb\xbf{}"),
]

ODD: list[object] = [
    True,
    0,
    -1,
    1.5,
    [],
    ["x"],
    [None],
    {},
    {"x": None},
    {"x": {"y": 1}},
    "x" * 256,
    "a\x00b",
]


def fields_of() -> Iterator[tuple[str, str, str, str]]:
    for method, path, envelope in BODIES:
        known = envelope().fields
        inner = next(field for name, field in known.items() if (field.data_key or name) == envelope.root)
        if hasattr(inner, "nested"):
            schema: Schema = inner.schema
            for name, field in schema.fields.items():
                yield method, path, envelope.root, field.data_key or name


@pytest.mark.parametrize(("method", "path", "envelope"), ROUTES)
@pytest.mark.parametrize(("case", "raw"), BROKEN, ids=[case for case, _ in BROKEN])
def test_bodies_that_are_not_json(
    caller: Caller, method: str, path: str, envelope: object, case: str, raw: bytes
) -> None:
    answer = caller.call(method, path, data=raw, content_type="application/json")
    assert check_bad_request(answer).startswith("Malformed request body: ")


@pytest.mark.parametrize(("method", "path", "envelope"), ROUTES)
@pytest.mark.parametrize("body", [[], "x", 1, False, {"wrong": {}}, [{}]])
def test_bodies_without_their_root(
    caller: Caller, method: str, path: str, envelope: type[Any] | None, body: object
) -> None:
    """S3, S31."""
    message = check_fault(caller.call(method, path, body), 400, "badRequest")
    if envelope is not None:
        assert message.startswith(MALFORMED)
    if envelope is not None and isinstance(body, dict):
        assert message == f"{MALFORMED} '{envelope.root}' is a required property."


@pytest.mark.parametrize(("method", "path", "envelope"), BODIES)
@pytest.mark.parametrize("inner", [None, [], "x", 1, True])
def test_roots_that_hold_nothing(
    caller: Caller, method: str, path: str, envelope: type[Any], inner: object
) -> None:
    """S3."""
    message = check_bad_request(caller.call(method, path, {envelope.root: inner}), envelope.root)
    assert message == f"{MALFORMED} '{envelope.root}' must be an object."


@pytest.mark.parametrize(("method", "path", "envelope"), BODIES)
@pytest.mark.parametrize("raw", [b"", b"  ", b"null"])
def test_no_body_at_all(caller: Caller, method: str, path: str, envelope: type[Any], raw: bytes) -> None:
    """S3."""
    answer = caller.call(method, path, data=raw, content_type="application/json")
    if envelope.is_optional:
        check_fault(answer, 404, "itemNotFound")
    else:
        assert check_bad_request(answer).startswith(MALFORMED)


@pytest.mark.parametrize(("method", "path", "root", "name"), list(fields_of()))
def test_fields_of_odd_types(caller: Caller, method: str, path: str, root: str, name: str) -> None:
    """Every value is accepted, or refused with the field's name."""
    for value in [*ODD, None]:
        answer = caller.call(method, path, {root: {name: value}})
        assert answer.status_code < 500, (value, answer.text)
        if answer.status_code == 400:
            assert answer.json["badRequest"].get("cgflow:field"), (value, answer.text)


TEXTS = ("name", "description", "availability_zone", "volume_type", "consistencygroup_id")


@pytest.mark.parametrize(
    ("method", "path", "root", "name"), [found for found in fields_of() if found[3] in TEXTS]
)
def test_texts_that_are_none(caller: Caller, method: str, path: str, root: str, name: str) -> None:
    """S113."""
    filled = {
        "volume": {"size": 1},
        "volume_type": {"name": "x"},
        "cgsnapshot": {"consistencygroup_id": "x"},
    }.get(root, {})
    for value in (1, True, 1.5, ["x"], {"x": 1}, "x" * 256, "a\x00b"):
        body = {root: {**filled, name: value}}
        check_bad_request(caller.call(method, path, body), name)


@pytest.mark.parametrize(
    ("method", "path", "root"), sorted({(method, path, root) for method, path, root, _ in fields_of()})
)
def test_unknown_fields_are_refused(caller: Caller, method: str, path: str, root: str) -> None:
    check_fault(caller.call(method, path, {root: {"colour": "red"}}), 400, "badRequest")
    check_fault(caller.call(method, path, {root: {}, "OS-SCH-HNT:scheduler_hints": {}}), 400, "badRequest")


def test_an_unknown_field_is_named_in_the_message(caller: Caller) -> None:
    answer = caller.at(53).post("/volumes", {"volume": {"size": 1, "colour": "red"}})
    assert check_bad_request(answer, "colour") == "Invalid input for field 'colour': Unknown field."
    answer = caller.post("/volumes", {"volume": {"size": 1}, "hints": {}})
    assert check_bad_request(answer, "hints") == "Invalid input for field 'hints': Unknown field."


METADATA: list[object] = [
    *("x", 1, [], {"k": 1}, {"k": None}, {"k": {}}, {"": "v"}, {"k": "\x00"}, {"\x00": "v"}),
    *({"k" * 256: "v"}, {"k": "v" * 256}, {str(number): "v" for number in range(129)}),
]


@pytest.mark.parametrize("metadata", METADATA)
def test_metadata_that_is_none(caller: Caller, metadata: object) -> None:
    check_bad_request(caller.post("/volumes", {"volume": {"size": 1, "metadata": metadata}}), "metadata")


@pytest.mark.parametrize(
    "types", [1, True, {}, [1], [None], [["x"]], "x" * 256, ["a\x00"], ",".join(map(str, range(101)))]
)
def test_types_that_are_none(caller: Caller, types: object) -> None:
    answer = caller.post("/consistencygroups", {"consistencygroup": {"volume_types": types}})
    check_bad_request(answer, "volume_types")


def test_text_is_kept_as_it_is(caller: Caller) -> None:
    name = "ä 🐘 \u202e'; DROP TABLE volumes; -- <b>" + "x" * 200
    volume_id = caller.volume(name=name, description="a\n\tb")
    volume = caller.get(f"/volumes/{volume_id}").json["volume"]
    assert (volume["name"], volume["description"]) == (name, "a\n\tb")
    found = caller.get("/volumes", query_string={"name": name}).json["volumes"]
    assert [volume["id"] for volume in found] == [volume_id]


def test_a_body_that_is_too_large(caller: Caller) -> None:
    body = {"volume": {"size": 1, "name": "x" * MAX_BYTES}}
    assert check_fault(caller.post("/volumes", body), 400, "badRequest") == (
        f"The request body is larger than {MAX_BYTES} bytes."
    )


@pytest.mark.parametrize("odd", ["%00", "%ff", "..", "%2e%2e%2f", "x" * 3000, "%F0%9F%90%98", "'", " "])
@pytest.mark.parametrize(
    "path",
    ["/volumes/{}", "/consistencygroups/{}", "/cgsnapshots/{}", "/snapshots/{}", "/types/{}", "/flows/{}"],
)
def test_ids_that_are_none(caller: Caller, path: str, odd: str) -> None:
    answer = caller.get(path.format(odd))
    assert answer.status_code in (400, 404), answer.text
    assert answer.is_json
