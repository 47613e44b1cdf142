from __future__ import annotations

from typing import Any

import pytest
from marshmallow import Schema, ValidationError

from api.schemas.fields import Count, Flag, Ignored, Names, NotOffered, StringMap, Text
from cgflow.errors import InvalidInput


def load(field: Any, value: object) -> Any:
    return Schema.from_dict({"it": field})().load({"it": value})["it"]


@pytest.mark.parametrize(("value", "number"), [(1, 1), (9, 9), ("1", 1), ("009", 9)])
def test_counts(value: object, number: int) -> None:
    assert load(Count(min=1, max=9), value) == number


@pytest.mark.parametrize(
    "value", [0, 10, "0", "10", True, 1.0, "1.0", " 1", "+1", "１", "", None, [], "9" * 19]
)
def test_counts_that_are_none(value: object) -> None:
    with pytest.raises(ValidationError):
        load(Count(min=1, max=9), value)


_WORDS = [
    *((word, True) for word in ("1", "t", "true", "on", "y", "yes", "On", "YES", "T")),
    *((word, False) for word in ("0", "f", "false", "off", "n", "no", "Off", "NO", "F")),
]


@pytest.mark.parametrize(("value", "truth"), [(True, True), ("TRUE", True), (False, False), *_WORDS])
def test_flags(value: object, truth: bool) -> None:
    assert load(Flag(), value) is truth


@pytest.mark.parametrize("value", [1, 0, "maybe", "", " false ", [], 1.0])
def test_flags_that_are_none(value: object) -> None:
    with pytest.raises(InvalidInput, match="Invalid value '.*' for it."):
        load(Flag(), value)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a,b", ["a", "b"]),
        (" a , ,a,b, ", ["a", "b"]),
        (["b ", "", "a", "b"], ["b", "a"]),
        ("", []),
        (None, []),
        ([], []),
    ],
)
def test_names(value: object, names: list[str]) -> None:
    assert load(Names(), value) == names


@pytest.mark.parametrize(
    "value", [1, {}, [1], [None], "x" * 256, "\x00", ["x"] * 0 + [str(n) for n in range(4)]]
)
def test_names_that_are_none(value: object) -> None:
    with pytest.raises(ValidationError):
        load(Names(max=3), value)


def test_pairs() -> None:
    assert load(StringMap(), None) == {}
    assert load(StringMap(), {"k": ""}) == {"k": ""}
    assert load(StringMap(keys=r"[a-z:]+"), {"a:b": "v"}) == {"a:b": "v"}
    for value in ({"k": 1}, {"": "v"}, [], "x", {"k": None}, {"A": "v"}):
        with pytest.raises(ValidationError):
            load(StringMap(keys=r"[a-z:]+"), value)


def test_text() -> None:
    assert load(Text(), "x" * 255) == "x" * 255
    for value in ("x" * 256, "\x00", 1, None, b"x"[0]):
        with pytest.raises(ValidationError):
            load(Text(), value)


def test_what_is_not_offered() -> None:
    assert load(NotOffered(), None) is None
    assert load(NotOffered(), False) is None
    for value in ("x", "", 0, True, []):
        with pytest.raises(InvalidInput, match="'it' is not supported yet."):
            load(NotOffered(), value)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}])
def test_what_is_ignored(value: object) -> None:
    assert load(Ignored(), value) == value
