"""A conductor in a process of its own that is stopped in the middle of a step, and continued much later.

It stops itself, with all its threads, with SIGSTOP; the process that started it continues it. Every
step that is started or done is a line in the file ``steps``.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import flows.service
from cgflow.engine import writer
from cgflow.engine.conductor import Conductor
from tests.stories.scripts import SCRIPTS
from tests.support.failing_steps import InjectedFailure, StepFaults, StepPoint
from tests.support.folder_driver import FolderDriver
from tests.support.world import world

LAST = StepPoint("record.commit", "execute", "before")


@dataclass(frozen=True)
class Job:
    """Run this operation in a folder and on a database, and stop at a point of one step.

    ``stop_at``: the step, its phase, and ``before`` or ``after`` it; or ``in flight``, within the
    driver's call, immediately before its effect. ``failing``: the last step fails, so that the flow is
    rolled back. ``unfenced``: both halves of the fence are removed, as the control of the test itself.
    """

    folder: str
    url: str
    operation: str
    target: str
    stop_at: tuple[str, str, str]
    failing: bool = False
    unfenced: bool = False


class StoppingSteps(StepFaults):
    """Records every point of every step, and stops at one."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._file = Path(job.folder) / "steps"
        self._stopped = False
        self._once = threading.Lock()
        self._calling = threading.local()

    def meet(self, point: StepPoint) -> None:
        with self._file.open("a") as file:
            file.write(f"{point}\n")
        here = (point.atom.partition("[")[0], point.phase)
        self._calling.is_it = point.when == "before" and (*here, "in flight") == self._job.stop_at
        if (*here, point.when) == self._job.stop_at:
            self._stop()
        if self._job.failing and point == LAST:
            raise InjectedFailure(f"injected at {point}")

    def in_flight(self, _kind: str, _id: str) -> None:
        """Stop if this is the effect to stop before. The driver calls this before each effect."""
        if getattr(self._calling, "is_it", False):
            self._stop()

    def _stop(self) -> None:
        with self._once:
            if self._stopped:
                return
            self._stopped = True
            # Sent to this thread, so that the process is stopped before the call returns.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            with self._file.open("a") as file:
                file.write("continued\n")


LET_GO = threading.Event()


class SignallingConductor(Conductor):
    """Signals when it no longer works at a flow."""

    def _run_flow(self, flow_id: str) -> None:
        super()._run_flow(flow_id)
        LET_GO.set()


def main(words: str) -> None:
    """Run the job; print ``let go`` when the conductor no longer works at the flow; end with stdin."""
    values = json.loads(words)
    job = Job(**{**values, "stop_at": tuple(values["stop_at"])})
    folder = Path(job.folder)
    logging.basicConfig(filename=folder / "log", level=logging.INFO)
    telling = StoppingSteps(job)
    flows.service.definition_of = telling.define
    flows.service.Conductor = SignallingConductor  # type: ignore[misc]
    if job.unfenced:
        writer._check_owners = lambda _connection, _owners: None
        # The saves that the transaction carries would be refused because of their event numbers.
        writer.Writer.guard_transaction = lambda _writer, _owner: nullcontext(lambda _session: None)  # type: ignore[method-assign]
    driver = FolderDriver(folder / "backend")
    driver.in_flight = telling.in_flight
    with world(folder, driver, url=job.url) as w:
        SCRIPTS[job.operation].act(w, job.target)
        LET_GO.wait()
        sys.stdout.write("let go\n")
        sys.stdout.flush()
        sys.stdin.read()


def job_argument(job: Job) -> str:
    """Return the job as the argument of such a process."""
    return json.dumps(asdict(job))


if __name__ == "__main__":
    main(sys.argv[1])
