"""Schemathesis run on the served document: no 500, and no response that the document does not describe.

Every operation is called, with values that its schemas allow and some that they
do not, against a complete service; routes are taken from the document alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask, Response
from hypothesis import HealthCheck, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import versions
from api.app import create_app
from tests.functional.caller import Caller
from tests.support.world import World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
NEWEST = (3, 71)


# Every operation is called many times, which is slow on a busy machine.
pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def app(served: World) -> Flask:
    app = create_app(served.runtime)
    app.config[versions.MAXIMUM_KEY] = NEWEST
    return app


@pytest.fixture(scope="module")
def caller(app: Flask) -> Caller:
    return Caller(app.test_client())


@pytest.fixture(scope="module")
def operations(app: Flask, caller: Caller) -> list[APIOperation[Any]]:
    """The operations of the document, to be called on existing resources."""
    schema = schemathesis.openapi.from_dict(told(app, caller.project, made(caller)))
    return [found.ok() for found in schema.get_all_operations()]


def test_no_operation_answers_what_the_document_does_not_tell(
    app: Flask, caller: Caller, operations: list[APIOperation[Any]]
) -> None:
    answered: Counter[int] = Counter()

    def count(response: Response) -> Response:
        answered[response.status_code] += 1
        return response

    # The application already serves requests, so that functions can no longer be registered normally.
    app.after_request_funcs.setdefault(None, []).append(count)
    wrong = [text for operation in operations for text in complaints(app, caller, operation)]
    assert not wrong, "\n\n".join(wrong)
    assert len(operations) > 40
    # The calls were effective: resources were shown, created, and refused.
    assert {200, 202, 400, 404} <= answered.keys(), answered


def _raise(**_: object) -> Any:
    raise ZeroDivisionError("on purpose")


BROKEN: dict[str, tuple[Callable[..., Any], str]] = {
    "a defect": (_raise, "Server error"),
    "another status": (lambda **_: ({"extensions": []}, 203), "Undocumented status code"),
    "another shape": (lambda **_: {"extensions": "none"}, "Response violates schema"),
    "another kind": (lambda **_: Response("[]", 200, mimetype="text/html"), "Undocumented Content-Type"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_seen(
    app: Flask,
    caller: Caller,
    operations: list[APIOperation[Any]],
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    (operation,) = [one for one in operations if one.label.endswith("/{project_id}/extensions")]
    assert complaints(app, caller, operation) == []
    view, title = BROKEN[case]
    monkeypatch.setitem(app.view_functions, "extensions.Extensions", view)
    assert title in "".join(complaints(app, caller, operation))


def complaints(app: Flask, caller: Caller, operation: APIOperation[Any]) -> list[str]:
    """Call one operation with many requests; return what is wrong with the responses."""
    version = f"volume {NEWEST[0]}.{NEWEST[1]}"
    try:
        hold(app, operation, {"X-Auth-Token": f"ada:{caller.project}", versions.HEADER: version})
    except FailureGroup as failures:
        return [f"{operation.label}: {failure}" for failure in failures.exceptions]
    return []


def hold(app: Flask, operation: APIOperation[Any], headers: dict[str, str]) -> None:
    """Call one operation with many requests. Raises: FailureGroup."""
    for mode in GenerationMode:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def call(case: Case) -> None:
            case.call_and_validate(app=app, headers=headers, checks=CHECKS)

        call()


def made(caller: Caller) -> list[str]:
    """Create one resource of each kind, and return the ids and names to use in calls."""
    kind = caller.type()
    group_id = caller.group(kind)
    volume_id = caller.member(group_id, kind)
    known = [group_id, volume_id, caller.volume(), caller.cgsnapshot(group_id), kind, "default"]
    for noun in ("snapshots", "flows"):
        known += [found["id"] for found in caller.get(f"/{noun}").json[noun][:2]]
    return [*known, caller.get("/types").json["volume_types"][0]["id"]]


def told(app: Flask, project: str, known: list[str]) -> dict[str, Any]:
    """Return the document, with ids that often belong to existing resources.

    Default responses are left out: every status must be documented.
    """
    document: dict[str, Any] = app.test_client().get("/openapi.json").json
    for item in document["paths"].values():
        for name, operation in item.items():
            if name != "parameters":
                operation["responses"].pop("default", None)
        for parameter in _path_parameters(item):
            other = [{"type": "string", "minLength": 1, "maxLength": 40}]
            ids = {"enum": [project]} if parameter["name"] == "project_id" else {"enum": known}
            parameter["schema"] = ids if ids["enum"] == [project] else {"anyOf": [ids, *other]}
    return document


def _path_parameters(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for place in (item, *(operation for operation in item.values() if isinstance(operation, dict))):
        yield from (found for found in place.get("parameters", ()) if found.get("in") == "path")
