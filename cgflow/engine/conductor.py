"""Runs accepted flows, and resumes those that an earlier process left unfinished.

Taking a flow up fences its earlier owner off, at the backend and by the epoch in the database (see
``takeover``). Flows run concurrently; the steps of all flows share one thread pool. A stop lets
running steps finish and leaves the rest of their flows to the next start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from cgflow import clock, records
from cgflow.atom_states import undo_retry_text
from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.db.transient_errors import is_unavailable, retry_while_unavailable
from cgflow.engine import outcome, persistence, point_of_no_return, takeover
from cgflow.engine.backoff import Backoff
from cgflow.engine.coalescing_runner import CoalescingRunner
from cgflow.engine.definition import Definition, check_same_definition, fingerprint_graph
from cgflow.engine.event_signal import FlowEventSignal
from cgflow.engine.flow_actions import CancelRequest
from cgflow.engine.flow_run import FlowRun
from cgflow.engine.lifecycle_listener import LifecycleCallback, LifecycleListener, ignore_lifecycle
from cgflow.engine.parallel_engine import ParallelEngine
from cgflow.engine.step_executor import JsonStepExecutor
from cgflow.engine.task import Task
from cgflow.engine.writer import Writer
from cgflow.errors import (
    CgflowError,
    FenceLost,
    FlowMismatch,
    NotFenced,
    ServiceUnavailable,
    SessionFenced,
    describe,
    to_sentence,
)
from cgflow.masking import mask_text
from cgflow.status import FlowState

LOG = logging.getLogger(__name__)

UNDO_ATTEMPTS = 10
UNDO_PAUSE_S = 2.0
"""A failed rollback is retried ``UNDO_ATTEMPTS`` times, with doubling pauses: half an hour in all."""


class Conductor:
    """Runs the flows of one process.

    ``define`` returns the definition of an operation by its name. ``collaborators`` are the live
    objects that steps may name in their signatures; a database among them refuses the writes of a
    step whose flow was taken over. ``fence`` shuts a flow's earlier conductor out of its backends,
    and raises if it cannot. ``name`` is also the process's session at the backends, so it must be
    unique to this start of the process.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        define: Callable[[str], Definition],
        collaborators: Mapping[str, object],
        *,
        fence: takeover.Fence = lambda _: None,
        max_flows: int = 8,
        max_steps: int = 16,
        max_waiters: int = 8,
        announce: LifecycleCallback = ignore_lifecycle,
    ) -> None:
        self.name = name
        self._lifecycle_listener = LifecycleListener(announce)
        self.watch = FlowEventSignal(max_waiters)
        # An accepted flow must be able to end, even on a full disk.
        self._database = database.with_disk_reserve()
        self._define = define
        self._collaborators = dict(collaborators)
        self._writer = Writer(self._database, self.watch.publish)
        self._flows = ThreadPoolExecutor(max_flows, thread_name_prefix="flow")
        self._steps = JsonStepExecutor(max_steps, thread_name_prefix="step")
        self._lock = threading.Lock()
        self._fence = fence
        self._running: dict[str, tuple[FlowRun, ParallelEngine]] = {}
        # Two runs of one flow in one process would not be separated by the backend's fence.
        self._runner = CoalescingRunner(self._run_flow)
        # Flows whose earlier owner is not yet shut out.
        self._unfenced: set[str] = set()
        self._shut_out: SessionFenced | None = None
        self._is_stopping = False
        self._stop_retrying = threading.Event()
        # The flows that were accepted for this conductor and that it has not taken up yet.
        self._accepted: set[str] = set()
        # For each resumed flow that is not yet taken up: the flow action that resumed it.
        self._resumed: dict[str, dict[str, Any]] = {}
        # For each flow that waits or is being taken up: its cancels. Only the first is stored with the flow.
        self._cancelled: dict[str, list[CancelRequest]] = {}

    def start(self) -> list[str]:
        """Start, and take up the flows that an earlier process did not finish; return their ids."""
        self._writer.start()
        with self._database.read() as session:
            left = [flow.id for flow in flows.list_unfinished(session)]
        for flow_id in left:
            self.submit_flow(flow_id)
        return left

    def submit_accepted_flow(self, flow_id: str) -> None:
        """Take up a flow that was accepted for this conductor. The acceptance is committed."""
        with self._lock:
            self._accepted.add(flow_id)
        self.submit_flow(flow_id)

    def submit_flow(self, flow_id: str, action: dict[str, Any] | None = None) -> None:
        """Take an unfinished flow over. While stopping, leave it to the next start.

        ``action`` is the flow action that caused this, for the flow's history.
        """
        self.watch.publish(flow_id, 1)
        with self._lock:
            if not self._is_stopping:
                if action is not None:
                    self._resumed[flow_id] = action
                self._runner.announce_call(flow_id)
                self._flows.submit(self._runner, flow_id)

    def retry_takeovers(self) -> None:
        """Retry the takeover of flows whose earlier owner could not be shut out."""
        with self._lock:
            left, self._unfenced = self._unfenced, set()
            for flow_id in left:
                self._runner.announce_call(flow_id)
        for flow_id in sorted(left):
            self.submit_flow(flow_id)
            self._runner.withdraw_call(flow_id)

    def check_not_fenced(self) -> None:
        """Raise SessionFenced if this process was shut out of a backend; it then takes up no more flows."""
        if self._shut_out is not None:
            raise self._shut_out

    def stop(self) -> None:
        """Stop every flow where it stands: running steps finish, and what was saved is on disk."""
        with self._lock:
            self._is_stopping = True
            running = list(self._running.values())
        # A step that waits for an unavailable database would block the shutdown forever.
        self._stop_retrying.set()
        self._writer.stop_retrying()
        for run, engine in running:
            run.stop()
            try:
                engine.suspend()
            except CgflowError as lost:
                # A run that lost its flow meanwhile writes nothing and ends by itself.
                LOG.warning("not suspended: %s", lost)
        self._flows.shutdown(wait=True, cancel_futures=True)
        self._steps.shutdown(wait=True)
        self._writer.stop()
        self.watch.close()

    def cancel(self, flow_id: str, request: CancelRequest) -> None:
        """Cancel a flow at its next step if it runs here.

        A waiting flow sees the request when it is taken up.
        """
        with self._lock:
            running = self._running.get(flow_id)
            if running is None and flow_id in self._runner.active_keys:
                self._cancelled.setdefault(flow_id, []).append(request)
        if running is not None:
            self._cancel_run(running[0], request)

    def _cancel_run(self, run: FlowRun, request: CancelRequest) -> None:
        try:
            run.cancel(request.reason, None if request.seq is not None else request.detail)
        except CgflowError as lost:
            # The cancel request is stored with the flow, where its next owner finds it.
            LOG.warning("the cancel of flow %s is left to its next owner: %s", run.flow.id, lost)

    def runs_flow(self, flow_id: str) -> bool:
        """Whether this conductor runs a flow."""
        with self._lock:
            return flow_id in self._running

    def active_flow_ids(self) -> frozenset[str]:
        """Return the flows that this conductor runs or will take up by itself."""
        with self._lock:
            return frozenset({*self._runner.active_keys, *self._unfenced})

    @property
    def is_healthy(self) -> bool:
        """Whether the writes of flows reach the database."""
        return self._writer.is_healthy

    def wait_for_free_step_thread(self) -> bool:
        """Return True once a step thread has been free; False if the pool is shut down."""
        try:
            self._steps.wait_for_free_thread()
        except RuntimeError:
            return False
        return True

    def _run_flow(self, flow_id: str) -> None:
        try:
            self.check_not_fenced()
            self._take_over_and_run(flow_id)
        except FlowMismatch as mismatch:
            LOG.error("flow %s is left as it is: %s", flow_id, mismatch)  # noqa: TRY400 - no traceback needed
            self._set_flow_reason(flow_id, mismatch.message)
        except NotFenced as busy:
            LOG.warning("%s", busy)
            with self._lock:
                self._unfenced.add(flow_id)
        except SessionFenced as fenced:
            # Its flows belong to other conductors: write nothing about them and take up no more.
            self._shut_out = fenced
            LOG.error("flow %s is let go: %s", flow_id, fenced)  # noqa: TRY400 - no traceback needed
        except (FenceLost, ServiceUnavailable) as lost:
            LOG.warning("%s", lost)
        except BaseException as error:
            # The flow keeps its state and is taken up at the next start.
            LOG.exception("flow %s stopped for a reason that is not its own", flow_id)
            self._set_flow_reason(
                flow_id, f"Stopped, and taken up again at the next start: {describe(error)}"
            )
        finally:
            with self._lock:
                self._cancelled.pop(flow_id, None)

    def _set_flow_reason(self, flow_id: str, why: str) -> None:
        try:
            with self._database.write() as session:
                flows.set_reason(session, flow_id, mask_text(why))
        except Exception as error:
            if not is_unavailable(error):
                raise
            LOG.warning("not noted on flow %s, for the database does not answer: %s", flow_id, why)

    def _take_over_and_run(self, flow_id: str) -> None:
        taken = retry_while_unavailable(
            lambda: self._take_up(flow_id), self._stop_retrying, f"flow {flow_id}"
        )
        if taken is None:
            return
        flow, stored = taken.flow, taken.stored
        definition = self._define(flow.operation)
        run = FlowRun(flow, self._writer, self.name, taken.last_events, taken.resumption)
        engine = self._build_engine(flow, definition, run, stored)
        digest = fingerprint_graph(engine.compilation.execution_graph)
        check_same_definition(flow, definition.version, digest)
        run.retry_while_unavailable(
            lambda: self._go_forward_only_if_committed(run, engine, stored), f"flow {flow_id}"
        )
        is_new = flow.state is FlowState.ACCEPTED
        self._lifecycle_listener.notify_start(run)
        with self._lock:
            by = self._resumed.pop(flow_id, {})
        run.save_flow_transition(
            FlowState.RUNNING if is_new or run.is_committed else flow.state,
            {"result": {"resumed": not is_new, "epoch": flow.epoch, **by}},
            "started_at" if is_new else None,
            fingerprint=digest,
        )
        if taken.unrecorded is not None:
            run.record_note(taken.unrecorded)
        LOG.info("%s flow %s (%s)", "running" if is_new else "resuming", flow_id, flow.operation)
        if not outcome.has_engine_finished(stored):
            with self._lock:
                if self._is_stopping:
                    return
                self._running[flow_id] = run, engine
                requests = self._cancelled.pop(flow_id, [])
            try:
                for request in requests:
                    if not _is_stored(flow, request):
                        self._cancel_run(run, request)
                self._run_engine(run, engine)
            finally:
                with self._lock:
                    del self._running[flow_id]
        self._record_outcome(run, stored, _steps_without_effect(engine))

    def _take_up(self, flow_id: str) -> takeover.TakenFlow | None:
        with self._lock:
            is_accepted_here = flow_id in self._accepted
        if is_accepted_here:
            taken = takeover.take_up_accepted(self._database, flow_id, self.name)
            # From now on, only a takeover separates a second run from the saves of the first.
            with self._lock:
                self._accepted.discard(flow_id)
            # If another conductor has taken it, it is left to that one, which is not to be fenced.
            return taken
        return takeover.take_over(self._database, flow_id, self.name, self._fence)

    def _go_forward_only_if_committed(self, run: FlowRun, engine: ParallelEngine, stored: Any) -> None:
        """Determine whether the flow has passed its point of no return; if so, it only goes forward."""
        graph = engine.compilation.execution_graph
        commit = point_of_no_return.find_commit_step(graph)
        if commit is None:
            return
        run.forward_only = point_of_no_return.atom_names_after(graph, commit)
        # A flow that no conductor has taken up before cannot have committed.
        if not run.is_committed and run.flow.epoch > 1:
            with self._database.read() as session:
                is_unrecorded = point_of_no_return.has_committed(session, run.flow, stored, commit)
            if is_unrecorded:
                run.commit(self._database, _write_empty_transaction, heeds_cancel=False)
        if run.is_committed:
            point_of_no_return.prepare_forward_only(stored, commit, run.forward_only)

    def _build_engine(
        self, flow: records.Flow, definition: Definition, run: FlowRun, stored: Any
    ) -> ParallelEngine:
        graph = definition.build(**flow.shape)
        backend = persistence.RunPersistence(run, stored)
        engine = ParallelEngine(
            graph, stored, backend, {"executor": self._steps, "round": run.defer_step_starts}
        )
        engine.compile()
        nodes = list(engine.compilation.execution_graph.nodes)
        backend.keep_results_unmasked(
            frozenset(node.name for node in nodes if getattr(node, "save_as", None))
        )
        for node in nodes:
            if isinstance(node, Task | Backoff):
                node.bind_to_run(run)
        backend.set_atoms_without_undo(
            frozenset(node.name for node in nodes if not getattr(node, "has_undo", False))
        )
        # Collaborators are never stored. The symbols are part of the flow's own record.
        fenced = {
            name: thing.with_guard(run.guard_transaction) if isinstance(thing, Database) else thing
            for name, thing in self._collaborators.items()
        }
        engine.storage.inject({**flow.symbols, **fenced}, transient=True)
        return engine

    def _run_engine(self, run: FlowRun, engine: ParallelEngine) -> None:
        try:
            engine.run()
        except FenceLost:
            raise
        except Exception as error:
            # The engine raises the failures of a reverted flow. The outcome is determined from the atoms, and
            # only by the flow's current owner.
            if run.owner.lost is not None:
                raise run.owner.lost from error
            LOG.debug("flow %s ended with a failure", run.flow.id, exc_info=True)

    def _record_outcome(self, run: FlowRun, stored: Any, without_effect: frozenset[str]) -> None:
        verdict = outcome.outcome_of(stored, without_effect)
        if verdict is None:
            if not run.is_stopping:
                LOG.error(
                    "flow %s stopped in state %s; it goes on at the next start", run.flow.id, stored.state
                )
            return
        detail: dict[str, Any] | None = None
        next_undo = _undo_retry_columns(run.flow, verdict.state)
        if verdict.state is not FlowState.SUCCESS:
            detail = {"failure": {"message": verdict.reason, "leftovers": list(verdict.leftovers)}}
            ended = f"flow {run.flow.id} ({run.flow.operation}) {verdict.state}"
            what = f"{ended}: {to_sentence(verdict.reason or '')}"
            if verdict.state is FlowState.ROLLBACK_FAILED:
                next_step = undo_retry_text(run.flow.id, next_undo["undo_at"])
                detail["result"] = next_step
                # This comes before the notification: whoever waits for that reads the resource next.
                run.retry_while_unavailable(
                    lambda: self._record_failed_rollback(run, verdict, next_undo["undo_at"]),
                    f"flow {run.flow.id}",
                )
                what = f"{what} {next_step}"
            LOG.warning("%s", what)
        self._lifecycle_listener.notify_end(run, verdict, is_last=next_undo["undo_at"] is None)
        position = run.save_flow_transition(
            verdict.state,
            detail,
            "ended_at",
            reason=verdict.reason,
            leftovers={"atoms": list(verdict.leftovers), "skipped": list(run.flow.skipped)},
            **next_undo,
        )
        run.wait_durable(position)

    def _record_failed_rollback(
        self, run: FlowRun, verdict: outcome.Outcome, undo_at: datetime | None
    ) -> None:
        with self._database.with_guard(run.guard_transaction).write() as session:
            flows.record_failed_rollback(session, run.flow, verdict.reason or "", undo_at)


def _is_stored(flow: records.Flow, request: CancelRequest) -> bool:
    """Return whether a cancel is the one that was stored with the flow when it was read."""
    stored = flow.cancel_request or {}
    return all(stored.get(name) == value for name, value in request.detail["result"].items())


def _write_empty_transaction(database: Database) -> None:
    with database.write():
        pass


def _steps_without_effect(engine: ParallelEngine) -> frozenset[str]:
    """Return the steps that leave no effect: without an undo, or released with the flow."""
    nodes = engine.compilation.execution_graph.nodes
    return frozenset(
        node.name
        for node in nodes
        if not isinstance(node, Task) or node.is_released_with_flow or not node.has_undo
    )


def _undo_retry_columns(flow: records.Flow, state: FlowState) -> dict[str, Any]:
    """Return when a failed rollback is retried automatically: pauses double, and attempts are limited."""
    if state is not FlowState.ROLLBACK_FAILED or flow.undo_attempts >= UNDO_ATTEMPTS:
        return {"undo_at": None}
    pause = timedelta(seconds=UNDO_PAUSE_S * 2**flow.undo_attempts)
    return {"undo_at": clock.now() + pause, "undo_attempts": flow.undo_attempts + 1}
