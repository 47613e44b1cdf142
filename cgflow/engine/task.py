"""A step: one effect and its undo, under a name that is stored.

The signature of ``execute`` (and of ``revert``) is the declaration:
collaborators first, which the conductor injects and never stores, then the
symbols, which are JSON. ``execute`` and ``revert`` are idempotent and keyed by
ids that were minted before the flow began: a step in flight when the process
dies is begun again. ``revert`` looks at no result, because an effect may have
happened although its answer was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from taskflow import task

if TYPE_CHECKING:
    from cgflow.engine.run import Run


class Task(task.Task):  # type: ignore[misc]  # TaskFlow ships no types; this is the one seam
    """Base of every step.

    ``atom`` is the step's stored name, such as ``quota.reserve``: renaming one
    would make stored flows run it twice. A step that is repeated for the
    members of a group is made with ``member``, the symbols of that member, and
    has that one of them in brackets behind its name which ``key`` says. ``reads``
    tells for arguments under which other name their symbol stands in the story:
    so one step serves two stories. One from which there is no way back is not
    ``is_cancellable``: whoever cancels the flow by then comes too late, and it
    goes on to its end. One that ``leaves_nothing`` made no more than what is let
    go with the flow, such as a claim: it is never listed as left behind.
    """

    atom: ClassVar[str]
    key: ClassVar[str] = "volume_id"
    reads: ClassVar[Mapping[str, str]] = {}
    is_cancellable: ClassVar[bool] = True
    leaves_nothing: ClassVar[bool] = False

    # TaskFlow saves 0 % and 100 % for every task unless it has no such event.
    TASK_EVENTS = ()

    def __init__(self, member: Mapping[str, str | None] | None = None) -> None:
        name = self.atom if member is None else f"{self.atom}[{member[self.key]}]"
        inject = None if member is None else dict(member)
        super().__init__(name=name, rebind=dict(self.reads), inject=inject)
        self._run: Run | None = None

    @property
    def has_undo(self) -> bool:
        """Whether the step defines an undo of its own; TaskFlow's does nothing."""
        return type(self).revert is not task.Task.revert

    def bind(self, run: Run) -> None:
        """Tie the step to the run that owns its flow.

        A database that goes away in the middle of the step is waited for, and
        the step begun again: the same as after a crash.
        """
        self._run = run
        for phase in ("execute", "revert"):
            setattr(self, phase, self._patient(getattr(self, phase)))

    def check_wanted(self) -> None:
        """Go on with a long step, or leave it: when the service stops to the next start, else for good.

        Raises: ServiceUnavailable, CancelRequested.
        """
        if self._run is not None:
            self._run.check_wanted(self.name)

    def _patient(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def patient(*args: Any, **kwargs: Any) -> Any:
            if self._run is None:
                return real(*args, **kwargs)
            return self._run.patiently(lambda: real(*args, **kwargs), f"step {self.name}")

        return patient

    def pre_execute(self) -> None:
        """Begin nothing before the intent is durable, and nothing after another step failed."""
        if self._run is not None:
            self._run.before_execute(self.name, is_cancellable=self.is_cancellable)

    def pre_revert(self) -> None:
        """Undo nothing before the failure that calls for it is durable."""
        if self._run is not None:
            self._run.before_revert(self.name)
