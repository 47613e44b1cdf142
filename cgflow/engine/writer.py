"""The engine's only way to write: an ordered queue with group commit and fencing.

Saves of all flows go through one first-in-first-out queue and one thread. A save does not wait;
``wait_durable`` does, and is called before every effect. A commit is made when a caller waits for
one, or when the oldest save is older than ``LINGER_S``; it includes everything queued by then. A
batch is one transaction of upserts, so the state on disk is always a prefix of what the engines
did.

Every batch first reads the epochs of its flows. A save with an older epoch than the stored one
comes from an owner that lost its flow: it is dropped, and the owner gets the error at its next
barrier. While the database is unavailable, the queue is kept and the batch is retried. Nothing is
lost or written twice: a failed transaction leaves nothing, and if the response to a commit was
lost, its stored events are not added again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from sqlalchemy import JSON, Connection, Table, bindparam, func, insert, select, update

from cgflow.db.database import Database
from cgflow.db.models import ATOMDETAILS, FLOWDETAILS, LOGBOOKS, Base, Flow, FlowEvent
from cgflow.db.transient_errors import is_unavailable
from cgflow.db.upsert import insert_or_update_statement
from cgflow.errors import CgflowError, FenceLost, ServiceUnavailable, describe

LOG = logging.getLogger(__name__)

Row = dict[str, Any]
RETRY_PAUSE_S = 0.5
LINGER_S = 0.1
"""Seconds that a save nobody waits for may stay in memory, for others to join its commit."""

# The identity of a row and its creation time never change.
_FIXED = frozenset({"uuid", "parent_uuid", "name", "atom_type", "created_at", "version"})
# Statements are built once: building one costs more than executing it.
_FLOWS, _EVENTS = Base.metadata.tables[Flow.__tablename__], Base.metadata.tables[FlowEvent.__tablename__]
_IDS: Any = bindparam("flow_ids", expanding=True)
_EPOCHS = select(_FLOWS.c.id, _FLOWS.c.epoch).where(_FLOWS.c.id.in_(_IDS)).with_for_update()
_NEWEST_EVENTS = (
    select(_EVENTS.c.flow_id, func.max(_EVENTS.c.seq))
    .where(_EVENTS.c.flow_id.in_(_IDS))
    .group_by(_EVENTS.c.flow_id)
)
# One statement for all events, whichever columns are empty; a missing detail is NULL, not JSON's null.
_INSERT_EVENTS = insert(_EVENTS).values(detail=bindparam("detail", type_=JSON(none_as_null=True)))


@dataclass
class Owner:
    """One conductor's ownership of one flow, for the fence. Setting ``lost`` ends it."""

    flow_id: str
    epoch: int
    lost: CgflowError | None = None


@dataclass
class Save:
    """Rows of one flow that are written together."""

    owner: Owner
    upserts: list[tuple[Table, Row]] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    flow: Row = field(default_factory=dict)


class Writer:
    """The queue and its thread. ``published`` is called with (flow id, seq) after each commit."""

    def __init__(self, database: Database, published: Callable[[str, int], None]) -> None:
        self._database = database
        self._published = published
        # One lock with two conditions: a save wakes only the writer, a commit those who wait for it.
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._committed = threading.Condition(lock)
        self._queue: list[Save] = []
        self._accepted = 0
        self._durable = 0
        self._wanted = 0
        self._stopping = False
        self._retries = True
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self.is_healthy = True

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop_retrying(self) -> None:
        """Stop waiting for the database: from now on, what it does not accept at once is dropped."""
        with self._changed:
            self._retries = False
            self._changed.notify_all()

    def stop(self) -> None:
        """Write what is queued, then end the thread."""
        self.stop_retrying()
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def put(self, save: Save) -> int:
        """Queue a save; return its position in the queue. Raises: the error that ended the ownership."""
        with self._changed:
            if save.owner.lost is not None:
                raise save.owner.lost
            self._queue.append(save)
            self._accepted += 1
            self._changed.notify_all()
            return self._accepted

    def wait_durable(self, owner: Owner, position: int) -> None:
        """Return when everything up to ``position`` is on disk.

        Raises: FenceLost, if another conductor has taken the flow over.
        """
        with self._changed:
            if self._durable < position:
                self._wanted = max(self._wanted, position)
                self._changed.notify_all()
                self._committed.wait_for(lambda: self._durable >= position or owner.lost is not None)
            if owner.lost is not None:
                raise owner.lost

    def _loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._stopping)
                self._changed.wait_for(lambda: self._wanted > self._durable or self._stopping, LINGER_S)
                batch, self._queue = self._queue, []
            if not batch:
                return
            self._commit_batch(batch)
            with self._changed:
                self._durable += len(batch)
                self._committed.notify_all()
            for flow_id, seq in _newest_event_numbers(batch):
                self._published(flow_id, seq)

    def _commit_batch(self, batch: list[Save]) -> None:
        """Write the batch, or as much of it as can be written."""
        try:
            self._write_with_retry(batch)
        except Exception:
            # An error in some rows must not keep the others from the disk.
            LOG.exception("a batch of %d saves was refused; writing flow by flow", len(batch))
            self._commit_flow_by_flow(batch)

    def _write_with_retry(self, batch: list[Save]) -> None:
        """Write the batch, and retry while the database is unavailable; drop it once retrying is stopped."""
        again = False
        while True:
            try:
                with self._database.write_rows() as connection:
                    saves = _drop_fenced_saves(connection, batch)
                    _write_saves(connection, _without_stored_events(connection, saves) if again else saves)
            except Exception as error:
                if not is_unavailable(error):
                    raise
                if self.is_healthy:
                    LOG.warning("the database does not answer, flows wait: %s", error)
                self.is_healthy = False
                again = True
                with self._changed:
                    is_given_up = self._changed.wait_for(lambda: not self._retries, RETRY_PAUSE_S)
                if is_given_up:
                    self._drop_batch(batch)
                    return
            else:
                if not self.is_healthy:
                    LOG.warning("the database answers again, flows go on")
                self.is_healthy = True
                return

    def _drop_batch(self, batch: list[Save]) -> None:
        """Drop what cannot be written: its flows resume from what is stored."""
        LOG.error("stopped with %d saves unwritten: the database does not answer", len(batch))
        for save in batch:
            save.owner.lost = ServiceUnavailable(
                f"The database did not answer; flow {save.owner.flow_id} goes on from what is stored."
            )

    def _commit_flow_by_flow(self, batch: list[Save]) -> None:
        """Write each flow's saves alone, so that only the flow whose rows are refused stops."""
        for flow_id in dict.fromkeys(save.owner.flow_id for save in batch):
            saves = [save for save in batch if save.owner.flow_id == flow_id]
            try:
                self._write_with_retry(saves)
            except Exception as error:
                LOG.exception("flow %s cannot be stored, its run ends here", flow_id)
                for save in saves:
                    save.owner.lost = CgflowError(f"Flow {flow_id} cannot be stored: {describe(error)}")


def _newest_event_numbers(batch: Iterable[Save]) -> Iterable[tuple[str, int]]:
    newest = {save.owner.flow_id: save.events[-1]["seq"] for save in batch if save.events}
    return newest.items()


def _drop_fenced_saves(connection: Connection, batch: list[Save]) -> list[Save]:
    """Return the saves whose owner still owns its flow; mark the other owners as lost."""
    rows = connection.execute(_EPOCHS, {"flow_ids": _flow_ids_of(batch)})
    epochs: dict[str, int] = {row[0]: row[1] for row in rows}
    for owner in (save.owner for save in batch):
        stored = epochs.get(owner.flow_id)
        if stored != owner.epoch and owner.lost is None:
            owner.lost = FenceLost.of(owner.flow_id, owner.epoch, stored)
    return [save for save in batch if save.owner.lost is None]


def _without_stored_events(connection: Connection, batch: list[Save]) -> list[Save]:
    """Return the saves without the events that are stored already, because a commit's response was lost."""
    rows = connection.execute(_NEWEST_EVENTS, {"flow_ids": _flow_ids_of(batch)})
    stored: dict[str, int] = {row[0]: row[1] for row in rows}
    return [
        replace(save, events=[e for e in save.events if e["seq"] > stored.get(save.owner.flow_id, 0)])
        for save in batch
    ]


def _flow_ids_of(batch: list[Save]) -> list[str]:
    return list({save.owner.flow_id for save in batch})


def _write_saves(connection: Connection, batch: list[Save]) -> None:
    for table in (LOGBOOKS, FLOWDETAILS, ATOMDETAILS):
        # Only the newest state of each row in the batch is written.
        rows = {row["uuid"]: row for save in batch for at, row in save.upserts if at is table}
        if rows:
            upsert = insert_or_update_statement(connection.dialect.name, table, _FIXED)
            connection.execute(upsert, list(rows.values()))
    events = [event for save in batch for event in save.events]
    if events:
        connection.execute(_INSERT_EVENTS, events)
    for save in batch:
        if save.flow:
            values = {"flow_id": save.owner.flow_id, **{f"new_{name}": at for name, at in save.flow.items()}}
            connection.execute(_flow_update_statement(tuple(save.flow)), values)


@cache
def _flow_update_statement(columns: tuple[str, ...]) -> Any:
    """Return the statement that sets columns of one flow, cached."""
    changes = {name: bindparam(f"new_{name}", type_=_FLOWS.c[name].type) for name in columns}
    return update(_FLOWS).where(_FLOWS.c.id == bindparam("flow_id")).values(changes)
