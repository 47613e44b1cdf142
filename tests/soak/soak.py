"""Rounds of random operations and kills over the same state, each looked at when it is over."""

from __future__ import annotations

import json
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.soak import rounds
from tests.soak.rounds import Round
from tests.support.crashing import stored
from tests.support.crashing_cases import WORKERS, process_of
from tests.support.crashing_history import told

ROUNDS_A_LIFE = 40
BEGIN_MOMENTS, GO_ON_MOMENTS = 90, 45


@dataclass
class Tally:
    """What a soak did, and what was wrong."""

    kills: int = 0
    flows: int = 0
    wrong: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.kills + other.kills, self.flows + other.flows, self.wrong + other.wrong)


def soak(
    seed: int,
    kills: int,
    tell: Callable[[str], None] = lambda _: None,
    new_url: Callable[[], str] | None = None,
) -> Tally:
    """Go on until so many processes were killed or something is wrong.

    ``new_url`` makes an empty database; without it each state has one in its folder.
    """
    total, life = Tally(), 0
    with ThreadPoolExecutor(WORKERS) as pool:
        while total.kills < kills and not total.wrong:
            # As many lives at once as there are processors; what is left to kill is shared out.
            lives = range(life, life + WORKERS)
            life += WORKERS
            share = -(-(kills - total.kills) // WORKERS)
            begun = [pool.submit(_live, seed, number, share, tell, new_url) for number in lives]
            total = sum((done.result() for done in begun), total)
    return total


def _live(
    seed: int, life: int, kills: int, tell: Callable[[str], None], new_url: Callable[[], str] | None
) -> Tally:
    """Play rounds over one state, which is kept if something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="cgflow-soak-"))
    chance = random.Random(f"{seed} {life}")
    job = Round(str(folder), "", "", (), url=new_url() if new_url else None)
    if process_of(rounds.furnish, job) != 0:
        return Tally(wrong=(f"nothing could be made in {folder}",))
    total = Tally()
    for number in range(ROUNDS_A_LIFE):
        job = replace(job, seed=chance.getrandbits(32), known=tuple(told(stored(job))))
        total += _play(job, chance)
        tell(f"soak: seed={seed} life={life} round={number} kills={total.kills} flows={total.flows}")
        if total.wrong:
            where = f"seed {seed}, life {life}, round {number}, state kept in {folder}"
            return replace(total, wrong=tuple(f"{where}: {what}" for what in total.wrong))
        if total.kills >= kills:
            break
    shutil.rmtree(folder)
    return total


def _play(job: Round, chance: random.Random) -> Tally:
    """Begin, die, go on, die again; at last see everything to its end and look."""
    tally = Tally()
    for number, (do, kill_at) in enumerate(_plan(chance)):
        code = process_of(do, replace(job, kill_at=kill_at, number=number))
        killed = Path(job.folder) / "killed"
        if code == -signal.SIGKILL and killed.exists():
            killed.unlink()
            tally.kills += 1
        elif code != 0:
            return replace(tally, wrong=(f"{do.__name__} ended with {code}",))
    found = json.loads((Path(job.folder) / "found.json").read_text())
    return Tally(tally.kills, len(found["states"]), tuple(found["problems"]))


def _plan(chance: random.Random) -> Iterator[tuple[Callable[[Round], None], int | None]]:
    yield rounds.begin, chance.randint(1, BEGIN_MOMENTS)
    for _ in range(chance.randint(0, 2)):
        yield rounds.go_on, chance.randint(1, GO_ON_MOMENTS)
    yield rounds.end, None
