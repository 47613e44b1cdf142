"""The engine's only way to write: an ordered queue with group commit and fencing.

Saves of all flows go through one first-in-first-out queue. A save does not wait; ``wait_durable``
does, and is called before every effect at a backend. Saves become durable in one of two ways:

* The writer's thread commits everything that is queued, when a caller waits or the oldest save is
  older than ``LINGER_S``. A batch is one transaction of upserts.
* A write transaction of a step stores the queued saves of its own flow (``guard_transaction``). So
  the start of the step and its effect in the database are one commit.

The two never write saves of one flow at once, so what is on disk of a flow is always a prefix of
what its engine did.

Every transaction first reads the epochs of its flows. A save with an older epoch than the stored
one comes from an owner that lost its flow: it is dropped, and the owner gets the error at its next
barrier. While the database is unavailable, the queue is kept and the batch is retried. Nothing is
lost or written twice: a failed transaction leaves nothing, and if the response to a commit was
lost, its stored events are not added again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import JSON, Connection, Table, bindparam, func, insert, select
from sqlalchemy.orm import Session

from cgflow.db.database import Database
from cgflow.db.models import ATOMDETAILS, FLOWDETAILS, LOGBOOKS, Base, Flow, FlowEvent
from cgflow.db.prepared_statements import PreparedUpdate
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
_UPDATE_FLOW = PreparedUpdate(_FLOWS, _FLOWS.c.id == bindparam("flow_id"))
# One statement for all events, whichever columns are empty; a missing detail is NULL, not JSON's null.
_INSERT_EVENTS = insert(_EVENTS).values(detail=bindparam("detail", type_=JSON(none_as_null=True)))


@dataclass(eq=False)
class Owner:
    """One conductor's ownership of one flow, for the fence. Setting ``lost`` ends it.

    ``durable`` is the position of the newest save of the flow that is on disk, ``taken`` that of the
    newest one that is on disk or is being written.
    """

    flow_id: str
    epoch: int
    lost: CgflowError | None = None
    durable: int = 0
    taken: int = 0


@dataclass
class Save:
    """Rows of one flow that are written together.

    ``position`` numbers the saves of all flows in the order in which they were queued. A save
    ``may_be_stored`` after a transaction of unknown outcome.
    """

    owner: Owner
    upserts: list[tuple[Table, Row]] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    flow: Row = field(default_factory=dict)
    position: int = 0
    may_be_stored: bool = False


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
        self._newest = 0
        # Whether somebody waits for a queued save.
        self._is_awaited = False
        # The owners whose saves are being written: later ones of theirs stay in the queue meanwhile.
        self._writing: set[Owner] = set()
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
            self._newest += 1
            save.position = self._newest
            self._queue.append(save)
            self._changed.notify_all()
            return save.position

    def wait_durable(self, owner: Owner, position: int) -> None:
        """Return when the saves of the flow up to ``position`` are on disk.

        Raises: FenceLost, if another conductor has taken the flow over.
        """
        with self._changed:
            while owner.durable < position and owner.lost is None:
                if owner.taken < position:
                    self._is_awaited = True
                    self._changed.notify_all()
                self._committed.wait()
            if owner.lost is not None:
                raise owner.lost

    @contextmanager
    def guard_transaction(self, owner: Owner) -> Iterator[Callable[[Session], None]]:
        """Surround a write transaction of a step, so that it also stores the flow's queued saves.

        The callable that is yielded begins the transaction: it locks the flow against a takeover.
        Raises: the error that ended the ownership, such as FenceLost if the flow was taken over.
        """
        with self._taken_saves(owner) as saves:

            def begin(session: Session) -> None:
                connection = session.connection()
                _check_owners(connection, [owner])
                if owner.lost is not None:
                    raise owner.lost
                _write_saves(connection, saves)

            yield begin

    @contextmanager
    def _taken_saves(self, owner: Owner) -> Iterator[list[Save]]:
        """Yield the queued saves of a flow; if the body raises, they are queued again, before all others."""
        with self._committed:
            self._committed.wait_for(lambda: owner not in self._writing)
            if owner.lost is not None:
                raise owner.lost
            saves = self._take({owner})
        try:
            yield saves
        except BaseException:
            for save in saves:
                save.may_be_stored = True
            with self._changed:
                self._queue[:0] = saves
                owner.taken = owner.durable
                self._finish({owner}, [])
            raise
        self._finish({owner}, saves)

    def _take(self, owners: set[Owner]) -> list[Save]:
        """Remove the saves of these owners from the queue, and return them to be written."""
        taken = [save for save in self._queue if save.owner in owners]
        self._queue = [save for save in self._queue if save.owner not in owners]
        self._writing |= owners
        for save in taken:
            save.owner.taken = save.position
        return taken

    def _finish(self, owners: set[Owner], saves: list[Save]) -> None:
        """Record that saves are on disk, and that no save of these owners is being written any more."""
        with self._changed:
            for save in saves:
                save.owner.durable = save.position
            self._writing -= owners
            self._changed.notify_all()
            self._committed.notify_all()
        for flow_id, seq in _newest_event_numbers(saves):
            self._published(flow_id, seq)

    def _loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready_owners() or self._stopping)
                self._changed.wait_for(lambda: self._is_awaited or self._stopping, LINGER_S)
                self._is_awaited = False
                owners = self._ready_owners()
                batch = self._take(owners)
            if batch:
                self._commit_batch(batch)
                self._finish(owners, batch)
            elif self._stopping:
                return

    def _ready_owners(self) -> set[Owner]:
        """Return the owners that have queued saves, except those whose earlier saves are being written."""
        return {save.owner for save in self._queue} - self._writing

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
        while True:
            try:
                with self._database.write_rows() as connection:
                    _check_owners(connection, {save.owner for save in batch})
                    _write_saves(connection, [save for save in batch if save.owner.lost is None])
            except Exception as error:
                if not is_unavailable(error):
                    raise
                if self.is_healthy:
                    LOG.warning("the database does not answer, flows wait: %s", error)
                self.is_healthy = False
                for save in batch:
                    save.may_be_stored = True
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


def _check_owners(connection: Connection, owners: Collection[Owner]) -> None:
    """Mark the owners that have lost their flow, and lock the flows of the others against a takeover."""
    rows = connection.execute(_EPOCHS, {"flow_ids": list({owner.flow_id for owner in owners})})
    epochs: dict[str, int] = {row[0]: row[1] for row in rows}
    # A flow has two owners here if it was taken over in this process.
    for owner in owners:
        stored = epochs.get(owner.flow_id)
        if stored != owner.epoch and owner.lost is None:
            owner.lost = FenceLost.of(owner.flow_id, owner.epoch, stored)


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
    """Write saves in their order, whose owners have been checked in the same transaction."""
    if any(save.may_be_stored for save in batch):
        batch = _without_stored_events(connection, batch)
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
            _UPDATE_FLOW.execute(connection, save.flow, flow_id=save.owner.flow_id)
