"""The long work of a daemon: a layer folded into the one below it, or made to lie over nothing.

The daemon works at a job by itself, whoever has begun it. A merge's job stays
when it is over until it is dismissed, so that its outcome outlives us. That of
a flattening goes at once: QEMU 7.2 keeps a filter of it with nothing under it
for as long as the job is there, and crashes when somebody lists the nodes. How
it ended is seen from the layer, which lies over nothing or over what it did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cgflow.drivers.contract import JSON
from cgflow.drivers.qsd.model.layer_names import file_name, node
from cgflow.drivers.qsd.model.records import Merge
from cgflow.drivers.qsd.qemu.qmp_client import DaemonLost, Events, QmpClient, data_of
from cgflow.errors import AmbiguousDriverError

STALL_DEADLINE = 60.0
"""Seconds without progress after which a job is no longer waited for."""


class Jobs:
    """The jobs of one daemon. ``forget`` is called when what is known of its nodes may have changed."""

    def __init__(self, client: QmpClient, folder: Path, forget: Callable[[], None]) -> None:
        self._client = client
        self._folder = folder
        self._forget = forget

    def merge(self, merge: Merge, root: int) -> None:
        """Begin to fold a layer, which ``root`` reads through or is, into the one below.

        Raises: CommandRefused, DaemonLost.
        """
        arguments: JSON = {
            "job-id": of_merge(merge),
            "device": node(root),
            "base-node": node(merge.base),
            "auto-dismiss": False,
        }
        if not merge.active:
            arguments |= {"top-node": node(merge.top), "backing-file": file_name(merge.base)}
        self._client.execute("block-commit", arguments)

    def flatten(self, layer: int) -> None:
        """Begin to copy into a layer all that it reads through. Raises: CommandRefused, DaemonLost."""
        self._client.execute("block-stream", {"job-id": of_flattening(layer), "device": node(layer)})

    def wait(
        self, job: str, statuses: Sequence[str], events: Events, deadline: float | None = None
    ) -> str | None:
        """Return the status of a job when it is one of these (``absent`` if there is none).

        ``events`` must have been listened to before. None at the deadline
        (``time.monotonic`` seconds). Raises: AmbiguousDriverError, if the job
        makes no progress for a minute.
        """
        self._forget()
        progress, stalled = None, time.monotonic() + STALL_DEADLINE
        while True:
            found = self.all().get(job, {"status": "absent"})
            if found["status"] in (*statuses, "absent"):
                self._forget()
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
                    and data_of(e, "id") == job
                    and data_of(e, "status") in (*statuses, "null")
                ),
                stalled if deadline is None else min(stalled, deadline),
            )

    def tell(self, command: str, job: str) -> None:
        """Run ``job-complete``, ``job-cancel`` or ``job-dismiss``. Raises: AmbiguousDriverError."""
        self._client.execute(command, {"id": job})

    def all(self) -> dict[str, JSON]:
        """Return the jobs by id. Raises: AmbiguousDriverError."""
        answer = self._client.execute("query-jobs")
        if not isinstance(answer, list):
            raise DaemonLost("qemu-storage-daemon answered query-jobs with something that is not a list")
        return {str(job["id"]): job for job in answer}


def of_merge(merge: Merge) -> str:
    """Return the name of a merge's job."""
    return f"merge-{node(merge.top)}"


def of_flattening(layer: int) -> str:
    """Return the name of a flattening's job."""
    return f"flatten-{node(layer)}"


def failure(events: Events, job: str) -> str | None:
    """Return why a job failed, of the events that have come so far; None if none says so."""
    told = events.drain(lambda e: e["event"] == "BLOCK_JOB_COMPLETED" and data_of(e, "device") == job)
    return next((str(data_of(event, "error")) for event in told if data_of(event, "error")), None)
