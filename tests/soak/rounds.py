"""One round of a soak, in the processes that may die: begin random operations, or end what is left."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import flows.service
from cgflow.db.upgrade import upgrade
from cgflow.errors import CgflowError
from cgflow.status import FlowState
from flows import operate
from flows.acceptance import Accepted
from tests.support.crashing import Job, alone, opened, report, stored
from tests.support.crashing_history import told, untrue
from tests.support.sabotage import Injected, Point, Sabotage
from tests.support.world import CALLER, World

OPERATIONS_A_ROUND = 3
BREAKS_PERCENT = {"execute": 4, "revert": 2}


@dataclass(frozen=True)
class Round(Job):
    """A job whose choices follow from ``seed``. ``number`` tells the processes of a round apart."""

    seed: int = 0
    number: int = 0


class Unlucky(Sabotage):
    """Fails at points that follow from the seed, each time they are met in this process."""

    def __init__(self, seed: str) -> None:
        super().__init__()
        self._seed = seed

    def meet(self, point: Point) -> None:
        """Fail if the point is one of the unlucky ones."""
        if zlib.crc32(f"{self._seed} {point}".encode()) % 100 < BREAKS_PERCENT[point.phase]:
            raise Injected(f"injected at {point}")


def furnish(job: Round) -> None:
    """Make the schema, a type, no limits, and a group of two volumes."""
    upgrade(stored(job))
    with alone(job) as moments, opened(job, moments) as world:
        world.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        world.group_of(2)


def begin(job: Round) -> None:
    """Resume what is left, and begin random operations beside it; see all of them to their end."""
    chance = random.Random(f"{job.seed} {job.number}")
    _run(job, lambda world: _some(world, chance))


def go_on(job: Round) -> None:
    """Resume what is left, and see it to its end."""
    _run(job, lambda world: [])


def end(job: Round) -> None:
    """Resume what is left while nothing fails any more, have failed undos tried again, and look at it all."""
    with alone(job) as moments:
        before = told(stored(job), job.known)
        with opened(job, moments) as world:
            for flow_id, left in before.items():
                it = Accepted(flow_id, left.resource_id)
                if world.finish(it).state is FlowState.ROLLBACK_FAILED:
                    operate.retry(world.desk, CALLER, flow_id)
                    world.finish(it)
            states = [now.state for now in told(world.database, job.known).values()]
            stuck = [f"a flow ended as {state}" for state in states if state is FlowState.ROLLBACK_FAILED]
            report(job, world, [*untrue(world, before, job.known), *stuck], [])


def _run(job: Round, begin_with: Callable[[World], list[Accepted]]) -> None:
    with alone(job) as moments:
        before = told(stored(job), job.known)
        flows.service.define = Unlucky(f"{job.seed} {job.number}").define  # type: ignore[attr-defined]
        moments.arm()
        with opened(job, moments) as world:
            begun = begin_with(world)
            for it in [*begun, *(Accepted(flow_id, left.resource_id) for flow_id, left in before.items())]:
                world.finish(it)


def _some(world: World, chance: random.Random) -> list[Accepted]:
    """Begin a few operations, whichever are possible; a refusal is an answer like any other."""
    begun = []
    for _ in range(OPERATIONS_A_ROUND):
        try:
            begun.append(chance.choice(_possible(world))())
        except CgflowError:
            continue
    return begun


def _possible(world: World) -> list[Callable[[], Accepted]]:
    groups, volumes, cuts = (world.all(noun) for noun in ("consistencygroup", "volume", "cgsnapshot"))
    able: list[Callable[[], Accepted]] = []
    if len(groups) < 4:
        able.append(world.accept_group)
    if len(volumes) < 12:
        able += [lambda id=group.id: world.accept_volume(id) for group in groups]  # type: ignore[misc]
        able.append(world.accept_volume)
    if len(cuts) < 6:
        able += 2 * [lambda id=group.id: world.accept_cgsnapshot(id) for group in groups]
    able += [lambda id=cut.id: world.delete_cgsnapshot(id) for cut in cuts]  # type: ignore[misc]
    able += [lambda it=it: world.extend(it.id, it.size + 1) for it in volumes]  # type: ignore[misc]
    able += [lambda id=it.id: world.delete_volume(id) for it in volumes]  # type: ignore[misc]
    able += [lambda id=group.id: world.delete_group(id) for group in groups]  # type: ignore[misc]
    return able
