"""What schemathesis makes of the served document: no 500, and no answer that the document does not tell of.

Every operation is called, with values that its schemas allow and some that they
do not, against a whole service; routes are taken from the document alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

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
EXAMPLES = 6
NEWEST = (3, 71)


def test_no_operation_answers_what_the_document_does_not_tell(served: World) -> None:
    app = create_app(served.desk)
    app.config[versions.MAXIMUM_KEY] = NEWEST
    answered: Counter[int] = Counter()

    @app.after_request
    def count(response: Response) -> Response:
        answered[response.status_code] += 1
        return response

    caller = Caller(app.test_client())
    schema = schemathesis.openapi.from_dict(told(app, caller.project, made(caller)))
    headers = {
        "X-Auth-Token": f"ada:{caller.project}",
        versions.HEADER: f"volume {NEWEST[0]}.{NEWEST[1]}",
    }
    wrong: list[str] = []
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        try:
            hold(app, operation, headers)
        except FailureGroup as failures:
            wrong += [f"{operation.label}: {failure}" for failure in failures.exceptions]
    assert not wrong, "\n\n".join(wrong)
    assert len(operations) > 40
    # They were really called: things were shown, made, and refused.
    assert {200, 202, 400, 404} <= answered.keys(), answered


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
    """Make one of everything, and return the ids and names to call it by."""
    kind = caller.type()
    group_id = caller.group(kind)
    volume_id = caller.member(group_id, kind)
    known = [group_id, volume_id, caller.volume(), caller.cgsnapshot(group_id), kind, "default"]
    for noun in ("snapshots", "flows"):
        known += [found["id"] for found in caller.get(f"/{noun}").json[noun][:2]]
    return [*known, caller.get("/types").json["volume_types"][0]["id"]]


def told(app: Flask, project: str, known: list[str]) -> dict[str, Any]:
    """Return the document, in which ids are often those of things that are there.

    What it tells of no status in particular is left out: every answer has to be told of.
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
