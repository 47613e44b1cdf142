"""One round of a soak, in the processes that may die: start random operations, or end what is left."""

from __future__ import annotations

import random
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

from taskflow import states

import flows.acceptance
import flows.service
from cgflow.db.upgrade import upgrade
from cgflow.engine.definition import Definition
from cgflow.errors import CgflowError
from cgflow.status import FlowState
from flows import flow_actions
from flows.acceptance import Accepted
from tests.support.crash_process import (
    Job,
    database_url,
    job_process,
    serve_job_state,
    stored_histories_of_job,
    write_report,
)
from tests.support.failing_steps import InjectedFailure, StepFaults, StepPoint
from tests.support.history_checks import StoredHistory, history_problems, stored_histories
from tests.support.world import CALLER, World

OPERATIONS_A_ROUND = 3
# Deletes only go forward and are retried, which must happen often.
BREAKS_PERCENT = {"create": {"execute": 8, "revert": 2}, "delete": {"execute": 30, "revert": 2}}


@dataclass(frozen=True)
class Round(Job):
    """A job whose choices follow from ``seed``. ``number`` distinguishes the processes of a round."""

    seed: int = 0
    number: int = 0


class SeededFailures(StepFaults):
    """Fails at points chosen by the seed and by how often the point was met."""

    def __init__(self, seed: str, verb: str = "create") -> None:
        super().__init__()
        self._seed = seed
        self._breaks_percent = BREAKS_PERCENT.get(verb, BREAKS_PERCENT["create"])
        self._met: Counter[StepPoint] = Counter()

    def define(self, operation: str) -> Definition:
        """Return the definition of an operation for one flow, with failures of its own."""
        return super(SeededFailures, SeededFailures(self._seed, operation.rpartition(".")[2])).define(
            operation
        )

    def meet(self, point: StepPoint) -> None:
        """Fail if the point is to fail this time."""
        self._met[point] += 1
        chance = zlib.crc32(f"{self._seed} {point} {self._met[point]}".encode()) % 100
        if chance < self._breaks_percent[point.phase]:
            raise InjectedFailure(f"injected at {point}")


def set_up_life(job: Round) -> None:
    """Create the schema, a type, unlimited quotas, and a group of two volumes."""
    upgrade(database_url(job))
    _seed_new_ids(job)
    with job_process(job) as moments, serve_job_state(job, moments) as world:
        world.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        world.group_of(2)


def start_operations(job: Round) -> None:
    """Resume unfinished flows, start random operations beside them, and wait for the end of all."""
    chance = random.Random(f"{job.seed} {job.number}")
    _run(job, lambda world: _start_random_operations(world, chance, job.orderly))


def resume_flows(job: Round) -> None:
    """Resume unfinished flows and wait for their end."""
    _run(job, lambda _: iter(()))


def finish_and_check(job: Round) -> None:
    """Resume unfinished flows without failures, retry failed undos, and check everything."""
    with job_process(job) as moments:
        before = stored_histories_of_job(job)
        with serve_job_state(job, moments) as world:
            for flow_id, left in before.items():
                it = Accepted(flow_id, left.resource_id)
                if world.finish(it).state is FlowState.ROLLBACK_FAILED:
                    flow_actions.retry(world.runtime, CALLER, flow_id)
                    world.finish(it)
            after = stored_histories(world.database, job.known).values()
            stuck = [
                f"a flow ended as {now.state}" for now in after if now.state is FlowState.ROLLBACK_FAILED
            ]
            problems = [*history_problems(world, before, job.known), *stuck]
            write_report(job, world, problems, [], retries=sum(map(_count_retries, after)))


def _count_retries(flow: StoredHistory) -> int:
    return sum(event.to_state == states.RETRYING for event in flow.events)


def _run(job: Round, begin_with: Callable[[World], Iterator[Accepted]]) -> None:
    with job_process(job) as moments:
        before = stored_histories_of_job(job)
        flows.service.definition_of = SeededFailures(f"{job.seed} {job.number}").define
        _seed_new_ids(job)
        moments.arm()
        with serve_job_state(job, moments) as world:
            begun = list(begin_with(world))
            for it in [*begun, *(Accepted(flow_id, left.resource_id) for flow_id, left in before.items())]:
                world.finish(it)


def _seed_new_ids(job: Round) -> None:
    """Derive ids from the seed too, because the choice of failures depends on them."""
    chance = random.Random(f"ids {job.seed} {job.number}")
    minted = SimpleNamespace(uuid4=lambda: uuid.UUID(int=chance.getrandbits(128), version=4))
    flows.acceptance.uuid = minted  # type: ignore[assignment]


def _start_random_operations(world: World, chance: random.Random, orderly: bool) -> Iterator[Accepted]:
    """Start a few operations that are possible; refusals are expected."""
    for _ in range(OPERATIONS_A_ROUND):
        try:
            it = chance.choice(_possible_operations(world))()
        except CgflowError:
            continue
        if orderly:
            world.finish(it)
        yield it


def _possible_operations(world: World) -> list[Callable[[], Accepted]]:
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
