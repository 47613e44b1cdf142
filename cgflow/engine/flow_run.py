"""One conductor's ownership of one flow, from the takeover to the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.orm import Session
from taskflow import states

from cgflow import records
from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.db.transient_errors import is_unavailable, retry_while_unavailable
from cgflow.engine.event_recorder import EventRecorder
from cgflow.engine.writer import Owner, Row, Save, Writer
from cgflow.errors import (
    AlreadyCommitted,
    CancelRequested,
    CgflowError,
    FlowCancelled,
    ServiceUnavailable,
    SessionFenced,
    StepInterrupted,
)
from cgflow.masking import mask_text
from cgflow.status import UNFINISHED, FlowState

LOG = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class FlowRun:
    """State that the engine, the steps and the history of one running flow share.

    * Durable barrier: a step's effect at a backend begins only when everything that was saved
      before it is on disk, and its effect in the database is stored together with that. Otherwise a
      crash could leave an effect whose start is not recorded, and which would not be undone.
    * Cancel flag: TaskFlow starts every member of an unordered flow even if one has already failed.
      Here the members that have not started are not started.
    * Point of no return: a flow that has committed its operation is neither cancelled nor reverted.
    """

    def __init__(
        self,
        flow: records.Flow,
        writer: Writer,
        conductor: str,
        told: Iterable[records.LastEvent],
        resumption: str = "Begun again.",
    ) -> None:
        self.flow = flow
        self._resumption = resumption
        self.owner = Owner(flow.id, flow.epoch)
        self._writer = writer
        self._recorder = EventRecorder(flow.id, conductor, told)
        # Events are numbered when queued, by the engine's thread and by the threads of the steps.
        self._event_lock = threading.Lock()
        # The queue position of each atom's last transition, which must be on disk before its effect.
        # Everything queued earlier, such as the failure that causes an undo, is then on disk too.
        self._begun_at: dict[str, int] = {}
        # No step begins before its whole round is scheduled, so that all wait for one commit.
        self._given_out = threading.Event()
        self._given_out.set()
        self._cancelled = threading.Event()
        self._stopping = threading.Event()
        self._cancel_reason = flow.cancel_reason
        self._committed = threading.Event()
        if flow.committed_at is not None:
            self._committed.set()
        # The steps behind the point of no return. A retry resets them to their initial state.
        self.forward_only: frozenset[str] = frozenset()

    # What steps call

    def before_execute(self, atom: str, *, needs_durable_start: bool, is_commit: bool = False) -> None:
        """Record the step's start if necessary, and wait until it is durable if it must be.

        Raises: FlowCancelled, CancelRequested, FenceLost.
        """
        self._given_out.wait()
        if self._cancelled.is_set():
            if atom not in self._begun_at:
                raise StepInterrupted("Not begun again, because another step had already failed.")
            raise FlowCancelled("Not begun, because another step had already failed.")
        if self._is_cancelled and not is_commit:
            raise CancelRequested(str(self._cancel_reason))
        self._record_start_if_missing(atom, states.RUNNING)
        if needs_durable_start:
            self._writer.wait_durable(self.owner, self._begun_at[atom])

    def before_revert(self, atom: str, *, needs_durable_start: bool) -> None:
        """Record the start of the undo if necessary, and wait until it is durable if it must be.

        Raises: FenceLost; CgflowError, if the flow is committed. The latter ends the ownership.
        """
        self._given_out.wait()
        if self.is_committed and atom not in self.forward_only:
            self.owner.lost = CgflowError(
                f"Flow {self.flow.id} has committed its operation; step {atom} is not undone."
            )
            raise self.owner.lost
        self._record_start_if_missing(atom, states.REVERTING)
        if needs_durable_start:
            self._writer.wait_durable(self.owner, self._begun_at[atom])

    def _record_start_if_missing(self, atom: str, state: str) -> None:
        """Record a start that TaskFlow does not save: that of a step which an earlier run had started."""
        with self._event_lock:
            if atom not in self._begun_at:
                event = self._recorder.build_transition_event(atom, state, {"result": self._resumption})
                self._begun_at[atom] = self._writer.put(Save(self.owner, events=[event]))

    def retry_while_unavailable(self, work: Callable[[], Answer], what: str) -> Answer:
        """Run the work of a step, and retry it while the database is unavailable.

        Raises: ServiceUnavailable, when stopping; SessionFenced, if this process was shut out of
        the backend. Both end the ownership. They are not failures of the step, so they are not
        stored: the next owner runs the step again, if it has not already.
        """
        try:
            return retry_while_unavailable(work, self._stopping, what)
        except (ServiceUnavailable, SessionFenced) as end:
            if self.owner.lost is None:
                self.owner.lost = end
            raise

    def guard_transaction(self) -> AbstractContextManager[Callable[[Session], None]]:
        """Surround a write transaction of a step (see ``Writer.guard_transaction``)."""
        return self._writer.guard_transaction(self.owner)

    def check_not_stopped(self, atom: str) -> None:
        """Check whether a long step should continue.

        Raises: ServiceUnavailable, when stopping: the next owner runs the step again;
        CancelRequested.
        """
        if self._stopping.is_set():
            raise ServiceUnavailable(f"The service stops; step {atom} goes on at the next start.")
        if self._is_cancelled:
            raise CancelRequested(str(self._cancel_reason))

    def pause_before_retry(self, seconds: float) -> None:
        """Wait between two attempts, unless the flow is stopping or cancelled."""
        if not self._is_cancelled:
            self._stopping.wait(seconds)

    def commit(self, database: Database, work: Callable[[Database], None], *, heeds_cancel: bool) -> None:
        """Run the work of the flow's commit, unless it is already committed.

        ``work`` receives a database whose write transaction begins by recording the commit. If the
        work fails, that record tells whether the transaction was committed nevertheless.
        Raises: FenceLost, CancelRequested, and whatever else the work raises.
        """

        @contextmanager
        def guard_commit() -> Iterator[Callable[[Session], None]]:
            with self.guard_transaction() as begin:

                def begin_commit(session: Session) -> None:
                    begin(session)
                    flows.record_commit(session, self.flow.id, self.owner.epoch, heeds_cancel=heeds_cancel)

                yield begin_commit

        if self.is_committed:
            return
        try:
            work(database.with_guard(guard_commit))
        except AlreadyCommitted:
            LOG.info("flow %s had committed its operation before", self.flow.id)
        except Exception as error:
            if self.owner.lost is not None or is_unavailable(error) or not self._is_commit_stored(database):
                raise
            LOG.warning("flow %s has committed its operation, in spite of: %s", self.flow.id, error)
        self._committed.set()

    def _is_commit_stored(self, database: Database) -> bool:
        with database.read() as session:
            return flows.is_committed(session, self.flow.id)

    def save_reason(self, reason: str) -> None:
        """Set the flow's reason: why it does not end."""
        self._writer.put(Save(self.owner, flow={"reason": mask_text(reason)}))

    # What the engine calls

    @contextmanager
    def defer_step_starts(self) -> Iterator[None]:
        """Hold the steps of a round back until the whole round is scheduled, and so queued to be saved."""
        self._given_out.clear()
        try:
            yield
        finally:
            self._given_out.set()

    # What the conductor calls

    def stop(self) -> None:
        """End pauses early, because the conductor shuts down."""
        self._stopping.set()

    def cancel(self, reason: str, detail: dict[str, Any] | None) -> None:
        """Start no further steps, so that the flow is reverted, and make no further pauses.

        ``detail`` says who requested it; None if that is in the history already.
        """
        self._cancel_reason = reason
        if detail is not None:
            self.record_note(detail)

    def record_note(self, detail: dict[str, Any]) -> None:
        """Record an event that does not change the flow's state, unless the flow has ended."""
        with self._event_lock:
            if self._recorder.state_of(None) in UNFINISHED:
                self._writer.put(Save(self.owner, events=[self._recorder.build_note_event(detail)]))

    @property
    def is_committed(self) -> bool:
        """Whether the flow has passed its point of no return."""
        return self._committed.is_set()

    @property
    def _is_cancelled(self) -> bool:
        """Whether a cancel came before the point of no return."""
        return self._cancel_reason is not None and not self.is_committed

    @property
    def is_stopping(self) -> bool:
        """Whether the conductor has stopped this run."""
        return self._stopping.is_set()

    def save_flow_transition(
        self, state: FlowState, detail: dict[str, Any] | None, stamp: str | None, **columns: object
    ) -> int:
        """Save a transition of the flow itself, with further columns of its row; return the queue position.

        ``stamp`` names the column for its time, so that the row and the event have the same time.
        """
        with self._event_lock:
            event = self._recorder.build_transition_event(None, state, detail)
            row: Row = {"state": state.value, **columns}
            row |= {} if stamp is None else {stamp: event["at"]}
            return self._writer.put(Save(self.owner, events=[event], flow=row))

    def wait_durable(self, position: int) -> None:
        """Return when the save at ``position`` is on disk. Raises: FenceLost."""
        self._writer.wait_durable(self.owner, position)

    # What persistence calls

    def save_rows(self, upserts: list[tuple[Table, Row]]) -> None:
        """Queue rows that describe no transition."""
        self._writer.put(Save(self.owner, upserts=upserts))

    def save_atom_transition(
        self, upsert: tuple[Table, Row], atom: str, state: str, detail: Row | None
    ) -> None:
        """Queue an atom's row together with the event of its transition."""
        if state == states.FAILURE:
            self._cancelled.set()
        if state == states.RETRYING:
            self._cancelled.clear()
        with self._event_lock:
            events = self._flow_events_caused_by(state)
            row: Row = {"state": events[0]["to_state"]} if events else {}
            events.append(self._recorder.build_transition_event(atom, state, detail))
            save = Save(self.owner, upserts=[upsert], events=events, flow=row)
            self._begun_at[atom] = self._writer.put(save)

    def _flow_events_caused_by(self, state: str) -> list[Row]:
        """Return the event of the flow's transition into or out of rollback, if the atom's state causes one.

        A retry behind the point of no return causes none: the flow is never reverted.
        """
        if self.is_committed:
            return []
        is_reverting = self._recorder.state_of(None) == FlowState.REVERTING
        if state == states.REVERTING and not is_reverting:
            return [self._recorder.build_transition_event(None, FlowState.REVERTING)]
        if state == states.RETRYING and is_reverting:
            return [self._recorder.build_transition_event(None, FlowState.RUNNING, {"result": "retrying"})]
        return []
