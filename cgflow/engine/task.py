"""A step: one effect and its undo, under a name that is stored.

The signature of ``execute`` (and of ``revert``) is the declaration:
collaborators first, which the conductor injects and never stores, then the
symbols, which are JSON. ``execute`` and ``revert`` are idempotent and keyed by
ids that were minted before the flow began: a step in flight when the process
dies is begun again. ``revert`` looks at no result, because an effect may have
happened although its answer was lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from taskflow import task

from cgflow.db.database import Database
from cgflow.errors import CgflowError, describe

if TYPE_CHECKING:
    from cgflow.engine.flow_run import FlowRun

LOG = logging.getLogger(__name__)

_EXECUTE, _REVERT = "execute", "revert"


class Task(task.Task):  # type: ignore[misc]  # TaskFlow ships no types; this is the one seam
    """Base of every step.

    ``atom`` is the step's stored name, such as ``quota.reserve``: renaming one
    would make stored flows run it twice. A step that is repeated for the
    members of a group is made with ``member``, the symbols of that member, and
    has that one of them in brackets behind its name which ``key`` says. ``reads``
    tells for arguments under which other name their symbol stands in the story:
    so one step serves two stories. The step at which a story can no longer be
    undone is a ``Commit``. One that ``leaves_nothing`` made no more than what is let
    go with the flow, such as a claim: it is never listed as left behind.
    """

    atom: ClassVar[str]
    key: ClassVar[str] = "volume_id"
    reads: ClassVar[Mapping[str, str]] = {}
    leaves_nothing: ClassVar[bool] = False

    # TaskFlow saves 0 % and 100 % for every task unless it has no such event.
    TASK_EVENTS = ()

    def __init__(self, member: Mapping[str, str | None] | None = None) -> None:
        name = self.atom if member is None else f"{self.atom}[{member[self.key]}]"
        inject = None if member is None else dict(member)
        super().__init__(name=name, rebind=dict(self.reads), inject=inject)
        self._run: FlowRun | None = None

    @property
    def has_undo(self) -> bool:
        """Whether the step defines an undo of its own; TaskFlow's does nothing."""
        return type(self).revert is not task.Task.revert

    def bind(self, run: FlowRun) -> None:
        """Tie the step to the run that owns its flow.

        A database that goes away in the middle of the step is waited for, and
        the step begun again: the same as after a crash.
        """
        self._run = run
        for phase in (_EXECUTE, _REVERT):
            setattr(self, phase, self._patient(getattr(self, phase)))

    def check_wanted(self) -> None:
        """Go on with a long step, or leave it: when the service stops to the next start, else for good.

        Raises: ServiceUnavailable, CancelRequested.
        """
        if self._run is not None:
            self._run.check_wanted(self.name)

    def _patient(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def patient(*args: Any, **kwargs: Any) -> Any:
            try:
                if self._run is None:
                    return real(*args, **kwargs)
                return self._run.retry_while_unavailable(lambda: real(*args, **kwargs), f"step {self.name}")
            except Exception as error:
                _cut_chain(error)
                raise
            except BaseException as error:
                LOG.exception("step %s was ended", self.name)
                # TaskFlow makes failures of exceptions only: anything else would leave the flow unjudged.
                raise CgflowError(f"Step {self.name} was ended by {describe(error)}.") from None

        return patient

    def pre_execute(self) -> None:
        """Begin nothing before the intent is durable, and nothing after another step failed."""
        if self._run is not None:
            self._run.before_execute(self.name)

    def pre_revert(self) -> None:
        """Undo nothing before the failure that calls for it is durable."""
        if self._run is not None:
            self._run.before_revert(self.name)


class Commit(Task):
    """The point of no return of a story: the step whose one write transaction commits the operation.

    The engine has that transaction begin with a compare-and-set on the flow's
    record (``committed_at``). So the rows and the record are committed together,
    a cancel is recorded before the commit or refused after it, and a restart
    decides by the record, whatever is stored of the step. A commit that is
    recorded is not made again and has not failed, and no step before it is undone.

    A story has one such step at most. What follows it has no undo and is retried
    until it is done (``flows.segments.forward_only``). Every ``execute`` names
    ``database``. One that only forgets what has gone does not ``heed`` a cancel:
    there is nothing left to give back.
    """

    heeds_cancel: ClassVar[bool] = True
    leaves_nothing = True

    def bind(self, run: FlowRun) -> None:
        """Tie the step to the run that owns its flow, which makes the commit at most once."""
        execute = self.execute

        def commit(**symbols: Any) -> None:
            def work(database: Database) -> None:
                execute(**{**symbols, "database": database})

            run.commit(symbols["database"], work, heeds_cancel=self.heeds_cancel)

        setattr(self, _EXECUTE, commit)
        super().bind(run)

    def pre_execute(self) -> None:
        """Begin, also when a cancel was asked for: the transaction decides between the two."""
        if self._run is not None:
            self._run.before_execute(self.name, is_commit=True)


def _cut_chain(error: BaseException) -> None:
    """Cut the chain of causes before one that is no Exception, which TaskFlow cannot store."""
    following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if isinstance(following, Exception):
        _cut_chain(following)
    elif following is not None:
        # Setting a cause, be it none, also suppresses the context.
        error.__cause__ = None
