"""Unexpected failures: the database is unavailable, the code has a defect."""

from __future__ import annotations

import logging
import sqlite3

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.functional.caller import Caller, check_fault
from tests.support.world import World


def test_a_database_that_does_not_answer(
    caller: Caller, served: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise OperationalError("SELECT secret", {}, sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr(served.database, "read", locked)
    for path in ("/volumes", "/flows", "/limits"):
        answer = caller.get(path)
        message = check_fault(answer, 503, "serviceUnavailable")
        assert "secret" not in message
        assert int(answer.headers["Retry-After"]) > 0
    health = caller._client.get("/healthcheck")
    assert (health.status_code, health.json["database"]) == (503, "does not answer")
    assert "secret" not in health.text
    assert caller._client.get("/healthcheck/live").status_code == 200


def test_a_defect_is_logged_and_not_shown(
    app: Flask, caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a secret of the house")

    monkeypatch.setattr("api.responses.page_response", broken)
    with caplog.at_level(logging.ERROR):
        answer = caller.get("/volumes")
    message = check_fault(answer, 500, "computeFault")
    assert "secret" not in answer.text
    request_id = answer.headers["X-Openstack-Request-Id"]
    assert request_id in message
    assert request_id in caplog.text
    assert "a secret of the house" in caplog.text
