"""Cases of a crash sweep: prepare a state once, copy it, crash a process on the copy, start another, check.

Processes are forked from one that has only imported what they need and has no threads. A case is
identified by its operation, its mode and the moments at which its processes die. The folder of a
failed case is kept, with the job in it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import count, islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from cgflow.db.models import Flow
from cgflow.drivers.memory.driver import MemoryDriver
from tests.stories.points_of_no_return import turning_step
from tests.stories.scripts import SCRIPTS
from tests.support import crash_process
from tests.support.crash_process import DEADLINE_S, Job
from tests.support.kill_points import POINT_OF_NO_RETURN, KillRecord
from tests.support.world import world

Found = dict[str, Any]
Point = tuple[str, str, str]
AnyJob = TypeVar("AnyJob", bound=Job)
BEFORE_COMMIT, AFTER_COMMIT = f"before commit {POINT_OF_NO_RETURN}", f"after commit {POINT_OF_NO_RETURN}"
WORKERS = max(2, os.cpu_count() or 2)

_CONTEXT = multiprocessing.get_context("forkserver")
_TURN = threading.Lock()
_CONTEXT.set_forkserver_preload(["tests.support.crash_process"])


@dataclass(frozen=True)
class Case:
    """Kill processes one after the other at these moments, while steps fail.

    ``once``: steps fail in the first process only. ``stuck``: the undo itself fails in all of them, and
    one more process retries it without failures. ``broken``: the engine lacks a safeguard, so that the
    check must find faults. ``cancelled``: a cancel is requested after the first process has died.
    ``kill_on``: the kind of moment that is counted.
    """

    kills: tuple[int, ...]
    failing: tuple[Point, ...] = ()
    once: bool = False
    stuck: bool = False
    broken: bool = False
    cancelled: bool = False
    kill_on: str | None = None

    def __str__(self) -> str:
        how = ["once"] * self.once + ["stuck"] * self.stuck + ["cancelled"] * self.cancelled
        on = [self.kill_on] if self.kill_on else []
        return "-".join([*map(str, self.kills), *(point[0] for point in self.failing), *how, *on])


@dataclass
class Outcome:
    """Where a case's processes died, the faults found, and the moments of a process that lived.

    ``is_committed``: one died past the point of no return. ``is_cancelled``: a cancel was accepted.
    """

    case: Case
    killed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    state: str | None = None
    moments: list[str] = field(default_factory=list)
    is_committed: bool = False
    is_cancelled: bool = False

    def met(self, number: int) -> bool:
        """Whether this many processes have died."""
        return len(self.killed) >= number

    def meet(self, act: Callable[[Job], None], job: Job, dies: bool) -> Found | None:
        """Run one process of the case; return its report, or None if it died."""
        code = run_job_in_process(act, job)
        killed, found = Path(job.folder) / "killed", Path(job.folder) / "found.json"
        if dies and code == -signal.SIGKILL and killed.exists():
            self.killed.append(str(KillRecord.taken(killed)))
            self.is_committed = self.is_committed or crash_process.is_committed(job)
            return None
        if code != 0:
            self.problems.append(f"the process ended with {code}, see {job.folder}")
            return None
        seen: Found = json.loads(found.read_text())
        self.problems += seen["problems"]
        self.state, self.moments = next(iter(seen["states"]), None), seen["moments"]
        return seen


@dataclass(frozen=True)
class PreparedOperation:
    """A state in a folder in which an operation can be requested; the world before and after it."""

    job: Job
    before: Found
    finished: Found
    steps: tuple[str, ...]
    forward: bool
    moments: tuple[str, ...]

    @property
    def late(self) -> Point:
        """The point of no return, failing before its effect: everything must be undone."""
        return (self._undoable[-1], "execute", "before")

    @property
    def _undoable(self) -> tuple[str, ...]:
        return self.steps[: self.steps.index(turning_step(self.job.operation)) + 1]

    @property
    def member(self) -> Point | None:
        """The last step of a member, failing before its effect; None if members have no own steps."""
        mine = [step for step in self.steps if "[" in step]
        return (mine[-1], "execute", "before") if mine else None

    @property
    def undo(self) -> Point:
        """The undo of a step in the middle, failing after its effect."""
        return (self._undoable[len(self._undoable) // 2], "revert", "after")

    def run(self, case: Case) -> Outcome:
        """Run a case on a copy of the state. The copy is kept if there are faults."""
        outcome = Outcome(case)
        folder = Path(self.job.folder).parent / f"{self.job.operation} {case}"
        job = replace(
            copy_job(self.job, folder), failing=case.failing, broken=case.broken, kill_on=case.kill_on
        )
        acts = (crash_process.request_operation, *(crash_process.resume_flows for _ in case.kills))
        for number, (act, kill_at) in enumerate(zip(acts, (*case.kills, None), strict=True)):
            found = outcome.meet(act, replace(job, kill_at=kill_at), number < len(case.kills))
            if case.once:
                job = replace(job, failing=())
            if case.cancelled and number == 0 and outcome.met(1):
                outcome.is_cancelled = crash_process.cancel_unfinished_flows(job)
            if not outcome.met(number + 1):
                # No kill was met, so the operation has ended and a next process would have nothing to do.
                break
        if found is not None:
            outcome.problems += self._differences(found, case, outcome)
            if case.stuck and found["states"] == ["rollback_failed"]:
                mended = outcome.meet(crash_process.retry_failed_undos, replace(job, failing=()), dies=False)
                outcome.problems += (
                    [] if mended is None else self._differences(mended, replace(case, stuck=False), outcome)
                )
        if not outcome.problems:
            shutil.rmtree(folder)
        return outcome

    def _differences(self, found: Found, case: Case, outcome: Outcome) -> Iterator[str]:
        if outcome.is_committed and found["states"] != ["success"]:
            yield "it was behind its point of no return, and did not succeed"
        if outcome.is_committed and outcome.is_cancelled:
            yield "it was behind its point of no return, and its cancel was accepted"
        now, known = found["portrait"], set(self.before["things"])
        unchanged, finished = (
            now == self.before,
            without_generated_ids(now, known) == without_generated_ids(self.finished, known),
        )
        match found["states"]:
            case []:
                if not unchanged:
                    yield f"it was not accepted, and left {_describe_differences(now, self.before)}"
            case ["success"]:
                if not finished:
                    yield f"it succeeded, and left {_describe_differences(now, self.finished)}"
                if case.failing and not case.once:
                    yield "it succeeded although a step always fails"
                if outcome.is_cancelled and not self.forward:
                    yield "it succeeded although its cancel was accepted"
            case ["reverted"]:
                if not case.failing and not outcome.is_cancelled:
                    yield "it was undone although nothing failed"
                if case.stuck:
                    yield "it was undone although an undo always fails"
                if not unchanged and not self.forward:
                    yield f"it was undone, and left {_describe_differences(now, self.before)}"
            case ["rollback_failed"] if case.stuck:
                pass
            case states:
                yield f"it ended as {states}"


def prepare_operation(operation: str, base: Path) -> PreparedOperation:
    """Create the state that the operation's script needs under ``base``, and run it once without failures."""
    script = SCRIPTS[operation]
    folder = base / "prepared"
    folder.mkdir(parents=True)
    with world(folder, MemoryDriver(state_file=folder / "memory.journal")) as w:
        w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        target = script.arrange(w)
        before = crash_process.state_as_json(w)
        with w.database.read() as session:
            known = tuple(session.scalars(select(Flow.id)))
    job = Job(str(folder), operation, target, known)
    played = copy_job(job, base / "played")
    code = run_job_in_process(crash_process.request_operation, played)
    assert code == 0, f"{operation} could not be played: {code}, see {played.folder}"
    found = json.loads((Path(played.folder) / "found.json").read_text())
    assert (found["problems"], found["states"]) == ([], ["success"]), found
    steps = tuple(found["steps"])
    return PreparedOperation(job, before, found["portrait"], steps, script.forward, tuple(found["moments"]))


def run_cases(prepared: PreparedOperation, cases: Iterable[Case]) -> Iterator[Outcome]:
    """Run cases in parallel until the first process of one is not killed: that is the end of the sweep."""
    cases = iter(cases)
    with ThreadPoolExecutor(WORKERS) as pool:
        while wave := list(islice(cases, WORKERS)):
            outcomes = list(pool.map(prepared.run, wave))
            yield from outcomes
            if not all(outcome.met(1) for outcome in outcomes):
                return


def every_nth_moment(stride: int, make: Callable[[int], Case]) -> Iterator[Case]:
    """Yield the cases of the first moment and of every ``stride``-th after it, without end."""
    return map(make, count(1, stride))


def without_generated_ids(portrait: Found, known: set[str]) -> Found:
    """Return a portrait without the ids that the operation generated, which differ between runs."""
    ids = {name.partition(" ")[2] for name in known}
    made = {name.partition(" ")[2] for name in portrait["things"]} - ids
    things = [
        [
            name if name in known else name.partition(" ")[0],
            ["new" if value in made else value for value in values],
        ]
        for name, values in portrait["things"].items()
    ]
    inventory = {
        name: sorted(id if id in ids else "new" for id in there)
        for name, there in portrait["inventory"].items()
    }
    content = sorted((id if id in ids else "new", held) for id, held in portrait["content"].items())
    return {**portrait, "things": sorted(things, key=str), "inventory": inventory, "content": content}


def _describe_differences(now: Found, other: Found) -> str:
    parts = [f"{part} {now[part]} instead of {other[part]}" for part in now if now[part] != other[part]]
    return "; ".join(parts)


def copy_job(job: Job, folder: Path) -> Job:
    """Return the job with a copy of its state in another folder."""
    shutil.copytree(job.folder, folder)
    copied = replace(job, folder=str(folder))
    (folder / "job.json").write_text(json.dumps(asdict(copied)))
    return copied


def run_job_in_process(do: Callable[[AnyJob], None], job: AnyJob) -> int:
    """Run a job in a process of its own; return its exit code."""
    process = _CONTEXT.Process(target=do, args=(job,))
    # multiprocessing polls all children when it starts one, which is unsafe while another thread does so.
    with _TURN:
        process.start()
    ended = wait([process.sentinel], DEADLINE_S)
    with _TURN:
        if not ended:
            process.kill()
            (Path(job.folder) / "killed").unlink(missing_ok=True)
        process.join()
        code = process.exitcode
        process.close()
    assert code is not None
    return code
