"""The threads that steps run in, and the border that what they give has to cross: only JSON passes.

A step that gives something else fails, with the reason, as if it had raised:
the flow is undone. Found out later, by the database, it could only stand still.
What passes has been through JSON, so that the next step is given the same
whether or not a restart lies between them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from taskflow.engines.action_engine import executor
from taskflow.types import failure

from cgflow.errors import CgflowError


class JsonStepExecutor(ThreadPoolExecutor):
    """A pool for the engine: its work are calls that return (what was done, result)."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do a step, then turn its result into JSON or into the failure to be that."""
        return super().submit(_through_json, fn, *args, **kwargs)

    def run_empty(self) -> None:
        """Return when a thread has been free for a step. Raises: RuntimeError, after the shutdown."""
        super().submit(lambda: None).result()


def _through_json(fn: Callable[..., Any], step: Any, *args: Any, **kwargs: Any) -> tuple[str, Any]:
    done, result = fn(step, *args, **kwargs)
    if isinstance(result, failure.Failure):
        return done, result
    if done != executor.EXECUTED:
        # Nobody asks what an undo gives.
        return done, None
    try:
        return done, json.loads(json.dumps(result, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        refusal = CgflowError(f"What step {step.name} gives is not JSON: {error}")
        return done, failure.Failure.from_exception(refusal)
