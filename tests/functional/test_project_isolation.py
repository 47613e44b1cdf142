"""Another project's resources look like missing ones, in addresses, bodies, filters and markers."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.functional.caller import Caller
from tests.functional.policy_cases import GUARDED, Resources
from tests.support import openapi_operations

# Names for the whole service, which belong to no project.
SHARED = {"class_name", "alias", "host", "backup_id", "cluster_name", "action", "key"}


@pytest.fixture(scope="module")
def foreign(later_app: Flask) -> Resources:
    """One resource of each kind in another project; its private types belong to no other project."""
    things = Resources(Caller(later_app.test_client()))
    hidden = {"group_type": {"is_public": False}}
    assert things.owner.at(71).put(f"/group_types/{things.names['group_type_id']}", hidden).status_code == 200
    return things


@pytest.fixture(scope="module")
def absent(foreign: Resources) -> Resources:
    """The same names, of resources that do not exist."""
    absent = copy.copy(foreign)
    nothing = {value: str(uuid.uuid4()) for name, value in foreign.names.items() if name not in SHARED}
    nothing[foreign.names["type_name"]] = f"type-{uuid.uuid4().hex[:8]}"
    absent.names = {name: nothing.get(value, value) for name, value in foreign.names.items()}
    return absent


@pytest.fixture
def stranger(later_app: Flask) -> Caller:
    return Caller(later_app.test_client(), roles="member")


def seen(answer: TestResponse, things: Resources) -> tuple[int, str]:
    """Return a response with names replaced, and without what differs for every request."""
    text = re.sub(r"req-[0-9a-f-]{36}", "REQUEST", answer.text)
    for name, value in things.names.items():
        text = text.replace(value, f"<{name}>") if name not in SHARED else text
    return answer.status_code, text if answer.status_code >= 400 or answer.request.method == "GET" else ""


# A transfer is accepted by another project: the key decides, and a wrong one is refused as in Cinder.
SCOPED = [(rule, operation) for rule, operation in GUARDED if rule != "volume:accept_transfer"]


@pytest.mark.parametrize(("rule", "operation"), SCOPED)
def test_requests_about_foreign_things(
    foreign: Resources, absent: Resources, stranger: Caller, rule: str, operation: str
) -> None:
    assert seen(foreign.ask(stranger, rule, operation), foreign) == seen(
        absent.ask(stranger, rule, operation), absent
    )


def queries(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield the parameters of every list that can name a resource."""
    for operation in openapi_operations.documented_operations(app):
        if operation.method == "GET" and not operation.ids and not operation.path.endswith("/detail"):
            for query in operation.queries:
                if query.endswith(("marker", "id", "uuid", "name", "resource")):
                    yield operation.path, query


def test_queries_about_foreign_things(
    later_app: Flask, foreign: Resources, absent: Resources, stranger: Caller
) -> None:
    """Each query names a resource of another project, and then one that does not exist."""
    differing, asked = [], 0
    for path, query in queries(later_app):
        order = "sort=created_at:desc&" if query == "marker" else ""
        for name in sorted(set(foreign.names) - SHARED):
            answers = [
                seen(stranger.at(71).get(f"{path}?{order}{query}={things.names[name]}"), things)
                for things in (foreign, absent)
            ]
            asked += 1
            if answers[0] != answers[1]:
                differing.append((path, query, name, answers))
    assert differing == []
    assert asked > 300


@pytest.mark.parametrize(
    ("noun", "excluding"),
    [
        ("volumes", "status=deleted"),
        ("snapshots", "status=deleted"),
        ("consistencygroups", "status=deleted"),
        ("cgsnapshots", "status=deleted"),
        ("flows", "state=pending"),
        ("messages", "status=deleted"),
    ],
)
def test_a_marker_is_looked_up_with_what_may_be_seen(foreign: Resources, noun: str, excluding: str) -> None:
    owner: Any = foreign.owner.at(71)
    page = owner.get(f"/{noun}?limit=1").json
    marker = page[noun][0]["id"]
    assert owner.get(f"/{noun}?marker={marker}").status_code == 200
    assert owner.get(f"/{noun}?marker={marker}&{excluding}").status_code == 200
