"""The HTTP response to each error, without a service."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.errors import KEYS, STATUSES, register_error_handlers
from api.versions import HEADER
from cgflow import errors


def answer_to(
    error: Exception, *, has_extensions: bool = True
) -> tuple[int, dict[str, dict[str, object]], dict[str, str]]:
    app = Flask("test")
    register_error_handlers(app)

    @app.get("/")
    def fail() -> str:
        raise error

    answer = app.test_client().get("/", headers={HEADER: "cgflow 1.0"} if has_extensions else {})
    return answer.status_code, answer.json, dict(answer.headers)


def every_error() -> list[type[errors.CgflowError]]:
    found: list[type[errors.CgflowError]] = [errors.CgflowError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_an_answer(kind: type[errors.CgflowError]) -> None:
    status, body, headers = answer_to(kind("What went wrong."))
    ((key, fault),) = body.items()
    assert status == fault["code"] == STATUSES.get(kind, 500)
    assert key == KEYS[status]
    if status == 500:
        assert fault["cgflow:code"] == "unexpected"
        assert "What went wrong." not in str(fault["message"])
    else:
        assert (fault["cgflow:code"], fault["message"]) == (kind.slug, "What went wrong.")
    # A busy resource may be free later; a name that is taken stays taken.
    may_help = status in (413, 503) or kind in (errors.Busy, errors.BusyDriverError)
    assert ("Retry-After" in headers) == may_help
    assert fault.get("retryAfter") == headers.get("Retry-After")


def test_a_field_is_named() -> None:
    _, body, _ = answer_to(errors.InvalidInput("No.", "size"))
    assert body["badRequest"]["cgflow:field"] == "size"


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_a_request_for_no_extensions_reads_what_cinder_says(kind: type[errors.CgflowError]) -> None:
    status, body, headers = answer_to(kind("No."), has_extensions=False)
    ((_, fault),) = body.items()
    more = {401: ["title"], 413: ["retryAfter"]}.get(status, [])
    assert list(fault) == ["code", "message", *more]
    assert headers.get("Retry-After") == answer_to(kind("No."))[2].get("Retry-After")


def test_a_subclass_is_answered_as_its_parent() -> None:
    class Narrower(errors.NotFound):
        """Not here either."""

    assert answer_to(Narrower("No."))[0] == 404


@pytest.mark.parametrize(
    ("error", "status", "key"),
    [
        (PoolTimeout("no connection"), 503, "serviceUnavailable"),
        (KeyError("x"), 500, "computeFault"),
        (RecursionError(), 500, "computeFault"),
    ],
)
def test_other_failures(error: Exception, status: int, key: str) -> None:
    answered, body, _ = answer_to(error)
    assert (answered, list(body)) == (status, [key])
