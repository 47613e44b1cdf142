"""A database on a file, and flows for reservations: the id of a reservation is that of its flow."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from cgflow.db.database import Database
from cgflow.db.models import Flow
from cgflow.status import FlowState
from tests.support.database_schema import migrate

NOW = datetime.fromisoformat("2026-11-22T10:00:00")
MakeFlow = Callable[..., str]


def add_flow(database: Database, state: FlowState = FlowState.RUNNING, project_id: str = "p1") -> str:
    flow_id = str(uuid.uuid4())
    with database.write() as session:
        session.add(
            Flow(
                id=flow_id, operation="volume.create", version=1, state=state.value, project_id=project_id,
                user_id="u1", request_id="req-1", resource_type="volume", resource_id=flow_id,
                shape={}, symbols={},
            )
        )  # fmt: skip
    return flow_id


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/cgflow.sqlite"
    migrate(url)
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def make_flow(database: Database) -> MakeFlow:
    def make(state: FlowState = FlowState.RUNNING, project_id: str = "p1") -> str:
        return add_flow(database, state, project_id)

    return make
