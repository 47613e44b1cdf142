"""The base class of steps: one effect and its undo, under a stored name.

The signature of ``execute`` (and of ``revert``) is the declaration: collaborators first, which the
conductor injects and never stores, then the symbols, which are JSON. ``execute`` and ``revert`` are
idempotent and keyed by ids that were generated before the flow began, because a step that is
running when the process dies runs again. ``revert`` uses no result of ``execute``: an effect may
have happened although its response was lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from taskflow import task

from cgflow.db.database import Database
from cgflow.errors import CgflowError, type_and_text

if TYPE_CHECKING:
    from cgflow.engine.flow_run import FlowRun

LOG = logging.getLogger(__name__)

_EXECUTE, _REVERT = "execute", "revert"
# The arguments of a step's method depend on its class, the member's symbols, and the symbols read.
_ARGUMENTS: dict[tuple[type, str, frozenset[str], frozenset[tuple[str, str]]], Any] = {}


class Task(task.Task):  # type: ignore[misc]  # TaskFlow ships no types
    """Base class of every step.

    ``atom`` is the step's stored name, such as ``quota.reserve``; if it were renamed, a stored flow
    would run the step twice. A step that is repeated for the members of a group is made with
    ``member``, the symbols of that member; its name then ends with the value of the symbol ``key``
    in brackets. ``reads`` maps an argument to the name of its symbol in the flow where the two
    differ, and ``provides`` replaces the symbols that the step provides, so that one step serves
    several operations. The step from which a flow can no longer be undone is a ``Commit``. A step
    with ``is_released_with_flow`` makes only what is released with the flow, such as a claim; it is
    never listed as a leftover.

    A step starts when its start is durable, so that a restart knows what may have to be undone. The
    start of a step that ``is_database_only`` is not waited for, nor that of its undo: it changes
    nothing at a backend, and its write transactions store the start together with the effect. The
    ``execute`` of a step with ``reads_only`` changes nothing that its undo would have to undo, so
    it does not wait either.
    """

    atom: ClassVar[str]
    key: ClassVar[str] = "volume_id"
    is_released_with_flow: ClassVar[bool] = False
    is_database_only: ClassVar[bool] = False
    reads_only: ClassVar[bool] = False

    # TaskFlow saves a progress of 0 % and 100 % for every task that has this event.
    TASK_EVENTS = ()

    def __init__(
        self,
        member: Mapping[str, str | None] | None = None,
        *,
        reads: Mapping[str, str] = MappingProxyType({}),
        provides: Collection[str] | None = None,
    ) -> None:
        name = self.atom if member is None else f"{self.atom}[{member[self.key]}]"
        inject = None if member is None else dict(member)
        super().__init__(name=name, rebind=dict(reads), inject=inject, provides=provides)
        self._run: FlowRun | None = None

    @property
    def has_undo(self) -> bool:
        """Whether the step defines an undo of its own; TaskFlow's does nothing."""
        return type(self).revert is not task.Task.revert

    def _build_arg_mapping(
        self,
        executor: Any,
        requires: Any = None,
        rebind: Any = None,
        auto_extract: bool = True,  # noqa: FBT001, FBT002 - TaskFlow's signature
        ignore_list: Any = None,
    ) -> Any:
        """Return TaskFlow's mapping of a method's arguments, which reads each signature only once."""
        names = frozenset(self.inject or ()), frozenset((rebind or {}).items())
        key = (type(self), executor.__name__, *names)
        if key not in _ARGUMENTS:
            _ARGUMENTS[key] = super()._build_arg_mapping(
                executor, requires, rebind, auto_extract, ignore_list
            )
        return _ARGUMENTS[key]

    def bind_to_run(self, run: FlowRun) -> None:
        """Attach the step to the run that owns its flow.

        If the database becomes unavailable during the step, the step waits and runs again, as after
        a crash.
        """
        self._run = run
        for phase in (_EXECUTE, _REVERT):
            setattr(self, phase, self._with_retry(getattr(self, phase)))

    def check_not_stopped(self) -> None:
        """End a long step early when the service stops or the flow is cancelled.

        Raises: ServiceUnavailable, when the service stops: the step continues at the next start;
        CancelRequested.
        """
        if self._run is not None:
            self._run.check_not_stopped(self.name)

    def _with_retry(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call_with_retry(*args: Any, **kwargs: Any) -> Any:
            try:
                if self._run is None:
                    return real(*args, **kwargs)
                return self._run.retry_while_unavailable(lambda: real(*args, **kwargs), f"step {self.name}")
            except Exception as error:
                _cut_cause_chain(error)
                raise
            except BaseException as error:
                LOG.exception("step %s was ended", self.name)
                # TaskFlow stores failures of Exception only; anything else would leave the flow without an
                # outcome.
                raise CgflowError(f"Step {self.name} was ended by {type_and_text(error)}.") from None

        return call_with_retry

    def pre_execute(self) -> None:
        """Wait until the start is durable, if it must be; refuse it after another step failed."""
        if self._run is not None:
            needs_durable_start = not (self.is_database_only or self.reads_only)
            self._run.before_execute(self.name, needs_durable_start=needs_durable_start)

    def pre_revert(self) -> None:
        """Wait until the failure that causes the undo is durable, if it must be."""
        if self._run is not None:
            self._run.before_revert(self.name, needs_durable_start=not self.is_database_only)


class Commit(Task):
    """The point of no return: the step whose one write transaction commits the operation.

    The engine begins that transaction with a compare-and-set on the flow's record
    (``committed_at``). So the rows and the record are committed together, a cancel is recorded
    before the commit or refused after it, and a restart decides by the record, whatever the stored
    state of the step. A recorded commit is not repeated and counts as a success, and no step before
    it is undone.

    A flow has at most one such step. The steps behind it have no undo and are retried until they
    succeed (``flows.subflows.forward_only``). Every ``execute`` has the argument ``database``. A
    commit that only deletes the records of what is gone has ``heeds_cancel`` False: there is
    nothing left to restore.
    """

    heeds_cancel: ClassVar[bool] = True
    is_released_with_flow = True
    is_database_only = True

    def bind_to_run(self, run: FlowRun) -> None:
        """Attach the step to the run that owns its flow, which commits at most once."""
        execute = self.execute

        def commit(**symbols: Any) -> None:
            def work(database: Database) -> None:
                execute(**{**symbols, "database": database})

            run.commit(symbols["database"], work, heeds_cancel=self.heeds_cancel)

        setattr(self, _EXECUTE, commit)
        super().bind_to_run(run)

    def pre_execute(self) -> None:
        """Start even when a cancel was requested: the transaction orders the two."""
        if self._run is not None:
            self._run.before_execute(self.name, needs_durable_start=False, is_commit=True)


def _cut_cause_chain(error: BaseException) -> None:
    """Cut the chain of causes before one that is not an Exception, which TaskFlow cannot store."""
    following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if isinstance(following, Exception):
        _cut_cause_chain(following)
    elif following is not None:
        # Setting a cause, even to None, also suppresses the context.
        error.__cause__ = None
