"""Rounds of random operations and kills on the same state, which is checked after each round."""

from __future__ import annotations

import json
import random
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.soak import soak_round
from tests.soak.soak_round import Round
from tests.soak.tally import Tally
from tests.support.crash_cases import WORKERS, run_job_in_process
from tests.support.crash_process import stored_histories_of_job
from tests.support.kill_points import EXECUTE, PAUSE, REVERT, KillRecord

ROUNDS_A_LIFE = 40
BEGIN_MOMENTS = 90
# The phases in which to kill (None: any), each with the number of moments to choose from.
AIMS: tuple[tuple[str | None, int], ...] = (
    *((None, 25),) * 3,
    *((REVERT, 15),) * 3,
    (EXECUTE, 20),
    (PAUSE, 2),
)

# Makes an empty database and returns its URL; None means SQLite in the folder of the state.
NewUrl = Callable[[], str] | None
SQLITE: Mapping[str, NewUrl] = {"sqlite": None}


@dataclass(frozen=True)
class Life:
    """A state that runs through many rounds; all choices follow from its seed and number.

    In an ``orderly`` one the order of the moments follows too, so that the same seed kills at the same
    moments. In the others flows run in parallel, as in a service, so that each kill hits a random
    place.
    """

    seed: int
    number: int
    database: str
    new_url: NewUrl

    @property
    def orderly(self) -> bool:
        """Whether one flow and one step run at a time. Each database is used with both kinds."""
        return (self.number + self.number // 2) % 2 == 1


def soak(
    seed: int,
    kills: int,
    report_line: Callable[[str], None] = lambda _: None,
    databases: Mapping[str, NewUrl] = SQLITE,
) -> Tally:
    """Run until this many processes were killed or something is wrong; lives use the databases in turn."""
    total, number = Tally(), 0
    with ThreadPoolExecutor(WORKERS) as pool:
        while total.kills < kills and not total.wrong:
            # Run as many lives at once as there are processors, and divide the remaining kills among them.
            lives = [make_life(seed, each, databases) for each in range(number, number + WORKERS)]
            number += WORKERS
            share = -(-(kills - total.kills) // WORKERS)
            begun = [pool.submit(run_life, each, share, report_line) for each in lives]
            total = sum((done.result() for done in begun), total)
    return total


def make_life(seed: int, number: int, databases: Mapping[str, NewUrl] = SQLITE) -> Life:
    """Return the n-th life of a soak."""
    name = list(databases)[number % len(databases)]
    return Life(seed, number, name, databases[name])


def run_life(it: Life, kills: int, report_line: Callable[[str], None] = lambda _: None) -> Tally:
    """Run rounds on one state, which is kept if something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="cgflow-soak-"))
    chance = random.Random(f"{it.seed} {it.number}")
    url = it.new_url() if it.new_url else None
    job = Round(str(folder), "", "", (), url=url, orderly=it.orderly, seed=chance.getrandbits(32))
    if run_job_in_process(soak_round.set_up_life, job) != 0:
        return Tally(wrong=(f"nothing could be made in {folder}",))
    total = Tally()
    for number in range(ROUNDS_A_LIFE):
        job = replace(
            job, seed=chance.getrandbits(32), known=tuple(stored_histories_of_job(replace(job, known=())))
        )
        played = _run_round(job, chance)
        total += replace(played, databases=Counter({it.database: played.kills}))
        where = f"seed={it.seed} life={it.number} ({it.database}) round={number}"
        deaths = ", ".join(map(str, played.deaths)) or "nowhere"
        report_line(f"soak: {where} kills={total.kills} flows={total.flows} killed {deaths}")
        if total.wrong:
            kept = f"{where}, killed {deaths}, state kept in {folder}"
            return replace(total, wrong=tuple(f"{kept}: {what}" for what in total.wrong))
        if total.kills >= kills:
            break
    shutil.rmtree(folder)
    return total


def _run_round(job: Round, chance: random.Random) -> Tally:
    """Start operations, kill, resume, kill again; finally wait for the end of all flows and check."""
    deaths = []
    for number, (do, aimed) in enumerate(_plan(chance)):
        code = run_job_in_process(do, replace(job, number=number, **aimed))  # type: ignore[arg-type]
        killed = Path(job.folder) / "killed"
        if code == -signal.SIGKILL and killed.exists():
            deaths.append(KillRecord.taken(killed))
        elif code != 0:
            return Tally(deaths, wrong=(f"{do.__name__} ended with {code}",))
    found = json.loads((Path(job.folder) / "found.json").read_text())
    return Tally(deaths, flows=len(found["states"]), retries=found["retries"], wrong=tuple(found["problems"]))


def _plan(chance: random.Random) -> Iterator[tuple[Callable[[Round], None], dict[str, object]]]:
    kill_in, moments = chance.choice(AIMS)
    if kill_in is None:
        moments = BEGIN_MOMENTS
    yield soak_round.start_operations, {"kill_at": chance.randint(1, moments), "kill_in": kill_in}
    for _ in range(chance.randint(1, 3)):
        kill_in, moments = chance.choice(AIMS)
        yield soak_round.resume_flows, {"kill_at": chance.randint(1, moments), "kill_in": kill_in}
    yield soak_round.finish_and_check, {}
