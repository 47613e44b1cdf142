"""The thread pool that runs steps and allows only JSON results.

A step that returns anything else fails, with the reason, as if it had raised, and the flow is
reverted. If the database found this out later, the flow could only stand still. Every result is
converted to JSON and back, so that the next step receives the same value whether or not a restart
lies between them.
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
    """A thread pool for the engine, whose calls return a pair (event, result)."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a step, then convert its result to JSON, or to a failure if it is not JSON."""
        return super().submit(_run_with_json_result, fn, *args, **kwargs)

    def wait_for_free_thread(self) -> None:
        """Return when a thread has been free for a step. Raises: RuntimeError, after the shutdown."""
        super().submit(lambda: None).result()


def _run_with_json_result(fn: Callable[..., Any], step: Any, *args: Any, **kwargs: Any) -> tuple[str, Any]:
    done, result = fn(step, *args, **kwargs)
    if isinstance(result, failure.Failure):
        return done, result
    if done != executor.EXECUTED:
        # The result of an undo is not used.
        return done, None
    try:
        return done, json.loads(json.dumps(result, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        refusal = CgflowError(f"What step {step.name} gives is not JSON: {error}")
        return done, failure.Failure.from_exception(refusal)
