"""The block jobs of a daemon: merge a layer into its backing, or flatten it.

The daemon runs a job by itself, whichever process started it. A merge job that has ended stays
until it is dismissed, so that its outcome survives this process. A flattening job is dismissed
automatically: as long as it exists, QEMU 7.2 keeps a filter node without a child, and crashes when
the nodes are listed. Its outcome is seen from the layer, which has no backing any more or still has
its former one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cgflow.drivers.contract import JSON
from cgflow.drivers.qsd.model.records import Merge, file_name, node_name
from cgflow.drivers.qsd.qemu.qmp_client import DaemonLost, EventQueue, QmpClient, event_data
from cgflow.errors import AmbiguousDriverError

STALL_DEADLINE = 60.0
"""Seconds without progress after which a job is no longer waited for."""


class BlockJobs:
    """The jobs of one daemon. ``discard_cached_nodes`` is called when its cached nodes may be outdated."""

    def __init__(self, client: QmpClient, folder: Path, discard_cached_nodes: Callable[[], None]) -> None:
        self._client = client
        self._folder = folder
        self._discard_cached_nodes = discard_cached_nodes

    def start_merge(self, merge: Merge, root: int) -> None:
        """Start to merge a layer into its backing. ``root`` is the layer itself or one that reads through it.

        Raises: CommandRefused, DaemonLost.
        """
        arguments: JSON = {
            "job-id": merge_job_id(merge),
            "device": node_name(root),
            "base-node": node_name(merge.base),
            "auto-dismiss": False,
        }
        if not merge.active:
            arguments |= {"top-node": node_name(merge.top), "backing-file": file_name(merge.base)}
        self._client.execute("block-commit", arguments)

    def start_flattening(self, layer: int) -> None:
        """Start to copy into a layer all that it reads through. Raises: CommandRefused, DaemonLost."""
        self._client.execute("block-stream", {"job-id": flattening_job_id(layer), "device": node_name(layer)})

    def wait_for_status(
        self, job: str, statuses: Sequence[str], events: EventQueue, deadline: float | None = None
    ) -> str | None:
        """Return the status of a job when it is one of ``statuses`` (``absent`` if there is no such job).

        ``events`` must already be listening when this is called. Returns None at the deadline
        (``time.monotonic`` seconds).

        Raises: AmbiguousDriverError, if the job makes no progress for ``STALL_DEADLINE``.
        """
        self._discard_cached_nodes()
        progress, stalled = None, time.monotonic() + STALL_DEADLINE
        while True:
            found = self.query_jobs().get(job, {"status": "absent"})
            if found["status"] in (*statuses, "absent"):
                self._discard_cached_nodes()
                return str(found["status"])
            if found != progress:
                progress, stalled = found, time.monotonic() + STALL_DEADLINE
            elif time.monotonic() >= stalled:
                raise AmbiguousDriverError(f"the job {job} in {self._folder} makes no progress")
            if deadline is not None and time.monotonic() >= deadline:
                return None
            events.wait(
                lambda e: (
                    e["event"] == "JOB_STATUS_CHANGE"
                    and event_data(e, "id") == job
                    and event_data(e, "status") in (*statuses, "null")
                ),
                stalled if deadline is None else min(stalled, deadline),
            )

    def send_job_command(self, command: str, job: str) -> None:
        """Run ``job-complete``, ``job-cancel`` or ``job-dismiss``. Raises: AmbiguousDriverError."""
        self._client.execute(command, {"id": job})

    def query_jobs(self) -> dict[str, JSON]:
        """Return the jobs by id. Raises: AmbiguousDriverError."""
        answer = self._client.execute("query-jobs")
        if not isinstance(answer, list):
            raise DaemonLost("qemu-storage-daemon answered query-jobs with something that is not a list")
        return {str(job["id"]): job for job in answer}


def merge_job_id(merge: Merge) -> str:
    """Return the id of a merge's job."""
    return f"merge-{node_name(merge.top)}"


def flattening_job_id(layer: int) -> str:
    """Return the id of a flattening's job."""
    return f"flatten-{node_name(layer)}"


def failure_reason(events: EventQueue, job: str) -> str | None:
    """Return why a job failed, according to the events received so far; None if none says so."""
    completed = events.drain(lambda e: e["event"] == "BLOCK_JOB_COMPLETED" and event_data(e, "device") == job)
    return next((str(event_data(event, "error")) for event in completed if event_data(event, "error")), None)
