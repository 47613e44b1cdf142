"""Steps that change quota reservations."""

from __future__ import annotations

from datetime import timedelta

from cgflow import clock
from cgflow.db.database import Database
from cgflow.engine.task import Task
from cgflow.quota import reservations
from cgflow.settings import Settings


class ReserveQuota(Task):
    """Ensure that the reservation made at acceptance exists; its id is the flow's id.

    Revert: cancel it, whatever state it reached.
    """

    atom = "quota.reserve"
    leaves_nothing = True

    def execute(
        self, database: Database, settings: Settings, flow_id: str, project_id: str, deltas: dict[str, int]
    ) -> None:
        expires = clock.now() + timedelta(seconds=settings.reservation_expire_s)
        with database.write() as session:
            reservations.reserve(session, flow_id, project_id, deltas, expires)

    def revert(self, database: Database, flow_id: str, **_: object) -> None:
        with database.write() as session:
            reservations.cancel(session, flow_id)
