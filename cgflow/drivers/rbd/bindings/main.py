"""The main loop of the child: each input line is a call, each output line an answer. Calls run in parallel.

A call is ``{"id", "call", "args"}``. An answer is ``{"id", "value"}``, ``{"id", "errno", "text"}`` or, while
a long call makes progress, ``{"id", "progress"}``. When the input ends (the service ended or was killed),
running calls may finish, for at most the ``timeout_s`` of the call ``connect``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from . import cluster, images
from .cluster import Cluster, Progress
from .exports import ExportServer

_CALLS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        cluster.keys_read,
        cluster.keys_list,
        cluster.keys_write,
        cluster.session_open,
        cluster.session_fence,
        images.image_names,
        images.image_stats,
        images.image_create,
        images.image_resize,
        images.image_rename,
        images.image_remove,
        images.snap_create,
        images.snap_remove,
        images.snap_find,
        images.snap_rollback,
        images.group_names,
        images.group_images,
        images.group_create,
        images.group_remove,
        images.group_add_image,
        images.group_remove_image,
        images.group_snap_create,
        images.group_snap_remove,
        images.snap_copy_to_image,
        images.image_restore,
    )
}

_LEAVE_S = 5.0


class CallDispatcher:
    """A connection to a cluster, created by the call ``connect``, and the calls on it."""

    def __init__(self) -> None:
        self.linger_s = 0.0
        self._cluster: Cluster | None = None
        self._exports: ExportServer | None = None

    def close(self) -> None:
        """Leave the cluster, so that its other clients no longer wait for this one."""
        if self._exports is not None:
            self._exports.close()
        if self._cluster is not None:
            self._cluster.rados.shutdown()

    def execute(self, name: str, args: dict[str, Any], progress: Progress) -> Any:
        """Make a call. Raises: the error of the bindings; KeyError, if the call is unknown."""
        if name == "connect":
            self.linger_s = float(args["timeout_s"])
            self._cluster = Cluster(**args)
            return self._cluster.connection_facts()
        if self._cluster is None:
            raise RuntimeError("the first call must be connect")
        if name == "capacity":
            return self._cluster.capacity()
        if name == "exports_serve":
            self._exports = ExportServer(self._cluster, **args)
            return None
        if name == "exports_withdraw":
            return self._cluster.notify_watchers(f"{args['object']}.exports", args["export"])
        return _CALLS[name](self._cluster, progress, **args)


class CallLoop:
    """The calls of one child. Answers are written to ``out``."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._calls = CallDispatcher()
        self._running: set[threading.Thread] = set()

    def run(self, lines: TextIO) -> None:
        """Answer calls until the input ends and the running calls have ended."""
        for line in lines:
            request = json.loads(line)
            thread = threading.Thread(target=self._execute_and_answer, args=(request,), daemon=True)
            with self._lock:
                self._running.add(thread)
            thread.start()
        deadline = time.monotonic() + self._calls.linger_s
        with self._lock:
            left = list(self._running)
        for thread in left:
            thread.join(max(0.0, deadline - time.monotonic()))
        leaving = threading.Thread(target=self._calls.close, daemon=True)
        leaving.start()
        # Closing may hang while the cluster is unreachable.
        leaving.join(_LEAVE_S)

    def _execute_and_answer(self, request: dict[str, Any]) -> None:
        id_ = request["id"]

        def progress() -> None:
            self._send_answer({"id": id_, "progress": True})

        try:
            value = self._calls.execute(request["call"], request["args"], progress)
            self._send_answer({"id": id_, "value": value})
        except Exception as error:  # noqa: BLE001 - reported to the caller
            code = getattr(error, "errno", None)
            self._send_answer(
                {"id": id_, "errno": abs(code) if isinstance(code, int) else 0, "text": str(error)}
            )
        finally:
            with self._lock:
                self._running.discard(threading.current_thread())

    def _send_answer(self, answer: dict[str, Any]) -> None:
        text = json.dumps(answer, separators=(",", ":")) + "\n"
        with self._lock:
            try:
                self._out.write(text)
                self._out.flush()
            except BrokenPipeError:
                # The caller is gone, but the call has ended.
                return


def main() -> None:
    """Write answers to the original standard output. What the libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    CallLoop(out).run(sys.stdin)
    # Threads of librbd may hang in operations that nobody waits for any more.
    os._exit(0)
