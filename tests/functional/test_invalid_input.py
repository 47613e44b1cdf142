"""Invalid input in every place of every documented operation never leads to a 500 and changes nothing.

Routes and fields are taken from the served document, so new ones are included.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from api import versions
from api.app import create_app
from api.json_body import MAX_BYTES
from cgflow.db.models import Base
from tests.functional.caller import Caller
from tests.functional.test_malformed_bodies import BROKEN
from tests.support import openapi_operations
from tests.support.openapi_operations import Operation
from tests.support.world import World

NEWEST = (3, 71)
AT = {"headers": {versions.HEADER: f"volume {NEWEST[0]}.{NEWEST[1]}, cgflow 1.0"}}

ODD: list[Any] = [
    None, True, -1, 0, 1.5, 2**31, -(2**70), 10**30, 1e300, "", "x" * 256, "a\x00b", "\U0001f418" * 256,
    "\u202e", [], [None], [[["x"]]], {}, {"x": None}, {"": ""}, {"x": {"y": [1]}}, {"cgflow": "\x00"},
]  # fmt: skip

NO_IDS = [
    "none",
    "\x00",
    "a\x00b",
    "x" * 300,
    "\U0001f418",
    "' OR 1=1 --",
    "..",
    "%",
    "{}",
    " ",
    "-1",
    "a%2Fb",
]

NO_QUERIES = [
    "",
    "x",
    "-1",
    "\x00",
    "9" * 40,
    "1.5",
    "\U0001f418",
    "x" * 300,
    "no:such",
    "created_at:up",
    "a=b",
    "[]",
]


# Every operation is called many times, which is slow on a busy machine.
pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def app(served: World) -> Flask:
    app = create_app(served.runtime)
    app.config[versions.MAXIMUM_KEY] = NEWEST
    return app


class Judge:
    """Sends requests and records which of them are handled wrongly."""

    def __init__(self, served: World, caller: Caller, watching: sqlite3.Connection) -> None:
        self._served = served
        self._watching = watching
        self._caller = caller
        self.wrong: list[str] = []
        self.refused = 0
        self._look()

    def ask(
        self, method: str, path: str, what: object, *, named: openapi_operations.Path = (), **more: Any
    ) -> None:
        """Send one request, and check its response and every table.

        A refusal as malformed must name the field, or an element of ``named``.
        """
        answer = self._caller.call(method, path, **AT, **more)
        case = f"{method} {path} {what!r}"[:300]
        if answer.status_code >= 500:
            self.wrong.append(f"{case}: {answer.text}")
        elif answer.status_code >= 400:
            self.refused += 1
            self._check(case, answer)
            self._check_named(case, answer, named)
        elif method != "GET":
            if "X-Cgflow-Flow-Id" in answer.headers:
                self._caller.flow(answer)
            self._look()

    def _look(self) -> None:
        self._seen = self._version()
        self._before = self._everything()

    def _version(self) -> int:
        """Return a number that changes with every commit of any connection."""
        return int(self._watching.execute("PRAGMA data_version").fetchone()[0])

    def _check(self, case: str, answer: TestResponse) -> None:
        fault = next(iter(answer.json.values())) if answer.is_json else {}
        if not (fault.get("message") and fault.get("cgflow:code") and fault.get("request_id")):
            self.wrong.append(f"{case}: says {answer.text}")
        if self._version() == self._seen:
            return
        now = self._everything()
        if now != self._before:
            changed = [name for name in now if now[name] != self._before[name]]
            self.wrong.append(f"{case}: refused with {answer.status_code}, and changed {changed}")
        self._look()

    def _check_named(self, case: str, answer: TestResponse, named: openapi_operations.Path) -> None:
        fault = next(iter(answer.json.values())) if answer.is_json else {}
        if answer.status_code != 400 or fault.get("cgflow:code") != "invalid_input" or not named:
            return
        field, message = fault.get("cgflow:field"), str(fault.get("message"))
        words = (field.rpartition(".")[2],) if field else named
        if not any(_plain(word) in _plain(message) for word in (*words, *_LACKING)):
            self.wrong.append(f"{case}: does not name {field or named}: {message}")

    def _everything(self) -> dict[str, list[str]]:
        # The reports of backends and services change with time.
        with self._served.database.read() as session:
            return {
                table.name: sorted(map(str, session.execute(select(table)).all()))
                for table in Base.metadata.sorted_tables
                if table.name not in ("backends", "services")
            }


_LACKING = ("can not be all empty", "There is nothing to change")
"""Messages for requests in which nothing sent has a meaning, so that no field is wrong."""


def _plain(words: str) -> str:
    """Return words in the form of messages: ``volume_type`` as volume type, and without a plural s."""
    return words.lower().replace("_", " ").removesuffix("s")


@pytest.fixture
def ids(caller: Caller) -> dict[str, dict[str, str]]:
    """Ids of existing resources, by the first part of their path."""
    kind = caller.type()
    group_id = caller.group(kind)
    volume_id = caller.member(group_id, kind)
    found = {"volumes": volume_id, "consistencygroups": group_id, "cgsnapshots": caller.cgsnapshot(group_id)}
    for noun in ("snapshots", "flows"):
        found[noun] = caller.get(f"/{noun}").json[noun][0]["id"]
    found["types"] = caller.get(f"/types?name={kind}").json["volume_types"][0]["id"]
    return {noun: {"id": id} for noun, id in found.items()}


@pytest.fixture
def judge(served: World, caller: Caller, ids: dict[str, dict[str, str]]) -> Iterator[Judge]:
    """A judge that watches from the time when the resources exist."""
    with closing(sqlite3.connect(str(served.database.engine.url.database))) as watching:
        yield Judge(served, caller, watching)


def at(operation: Operation, ids: dict[str, dict[str, str]]) -> str:
    """Return the operation's address for an existing resource, as far as the test has one."""
    there = ids.get(operation.path.split("/")[1], {"id": "none"})["id"]
    return operation.at(**dict.fromkeys(operation.ids[:1], there))


def test_every_field_with_every_kind_of_value(
    app: Flask, judge: Judge, ids: dict[str, dict[str, str]]
) -> None:
    for operation in openapi_operations.documented_operations(app):
        if operation.body is None:
            continue
        for place in openapi_operations.value_paths(operation.body):
            for value in ODD:
                body = openapi_operations.replace_value(operation.body, place, value)
                judge.ask(operation.method, at(operation, ids), body, body=body)
                # The value is also sent alone: the other fields of the example may have been refused first.
                for key in reversed(place):
                    value = {key: value}
                judge.ask(operation.method, at(operation, ids), value, named=place, body=value)
    assert not judge.wrong, "\n".join(judge.wrong)
    assert judge.refused > 1000


def test_every_body_with_every_kind_of_damage(
    app: Flask, judge: Judge, ids: dict[str, dict[str, str]]
) -> None:
    damaged = [*BROKEN, ("2 MB", b'{"x": "' + b"x" * 2 * MAX_BYTES + b'"}')]
    for operation in openapi_operations.documented_operations(app):
        if operation.body is not None:
            for case, raw in damaged:
                more = {"data": raw, "content_type": "application/json"}
                judge.ask(operation.method, at(operation, ids), case, **more)
    assert not judge.wrong, "\n".join(judge.wrong)
    assert judge.refused > 100


def test_every_id_that_is_none(app: Flask, judge: Judge) -> None:
    for operation in openapi_operations.documented_operations(app):
        for name in operation.ids:
            for id in NO_IDS:
                path = operation.path.replace("{" + name + "}", quote(id, safe="%"))
                for other in operation.ids:
                    path = path.replace("{" + other + "}", "none")
                judge.ask(operation.method, path, id, body=operation.body)
    assert not judge.wrong, "\n".join(judge.wrong)
    assert judge.refused > 100


def test_every_query_with_every_kind_of_value(
    app: Flask, judge: Judge, ids: dict[str, dict[str, str]]
) -> None:
    for operation in openapi_operations.documented_operations(app):
        for name in operation.queries:
            for value in NO_QUERIES:
                asked = {"query_string": {name: value}, "body": operation.body}
                judge.ask(operation.method, at(operation, ids), (name, value), named=(name,), **asked)
    assert not judge.wrong, "\n".join(judge.wrong)
    assert judge.refused > 50
