"""The health check: what it reports to everybody, and when it reports 503."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.app import create_app
from cgflow import clock
from cgflow.db.repositories import backend as backends
from cgflow.drivers.memory.driver import MemoryDriver
from tests.support.world import HOST, World, world


@pytest.fixture
def ailing(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, MemoryDriver()) as ailing:
        yield ailing


@pytest.fixture
def app(ailing: World) -> Flask:
    return create_app(ailing.runtime)


def test_a_backend_that_is_down(app: Flask, ailing: World) -> None:
    with ailing.database.write() as session:
        backends.mark_down(session, HOST, "a secret of the house", clock.now())
    answer = app.test_client().get("/healthcheck")
    assert answer.status_code == 503
    assert answer.json == {"status": "unhealthy", "database": "ok", "backends": "down", "conductor": "ok"}
    assert app.test_client().get("/healthcheck/live").status_code == 200


def test_a_conductor_whose_writing_does_not_reach_the_database(app: Flask, ailing: World) -> None:
    ailing.service.conductor._writer.is_healthy = False
    answer = app.test_client().get("/healthcheck")
    assert (answer.status_code, answer.json["conductor"]) == (503, "waits for the database")


def test_a_stranger_to_this_service_does_not_count(app: Flask, ailing: World) -> None:
    with ailing.database.write() as session:
        backends.mark_down(session, "there@memory", "gone", clock.now(), availability_zone="nova")
    assert app.test_client().get("/healthcheck").json["backends"] == "ok"
