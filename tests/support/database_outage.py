"""A database outage in the middle of a step: the step is held, the database stops, and the engine notices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cgflow.db import database as databases
from cgflow.db import transient_errors
from cgflow.db.repositories import flow as flows
from cgflow.engine import writer
from flows.acceptance import Accepted
from tests.functional.caller import Caller, check_fault
from tests.support.failing_steps import StepFaults, StepPoint
from tests.support.small_flows import Gate
from tests.support.world import World


def shorten_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the intervals of retries and lock timeouts."""
    monkeypatch.setattr(writer, "RETRY_PAUSE_S", 0.02)
    monkeypatch.setattr(transient_errors, "PAUSE_S", 0.02)
    monkeypatch.setattr(databases, "_BUSY_TIMEOUT_S", 0.2)


class HoldingStepFaults(StepFaults):
    """Holds the flow once at one point of a step until the gate opens; fails once at each other point."""

    def __init__(self) -> None:
        super().__init__()
        self.hold: StepPoint | None = None
        self.gate = Gate()

    def at(self, point: StepPoint) -> Gate:
        """Hold at this point from now on; return the gate."""
        self.hold, self.gate = point, Gate()
        return self.gate

    def meet(self, point: StepPoint) -> None:
        held = self.hold
        if held is not None and (point.atom.partition("[")[0], point.phase, point.when) == (
            held.atom,
            held.phase,
            held.when,
        ):
            self.hold = None
            self.gate()
        super().meet(point)


@contextmanager
def hold_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[HoldingStepFaults]:
    sabotage = HoldingStepFaults()
    with monkeypatch.context() as patch:
        patch.setattr("flows.service.definition_of", sabotage.define)
        yield sabotage


class OutageWitness:
    """Counts how often the engine has met the outage."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = threading.Semaphore(0)
        for module in (transient_errors, writer):
            real = module.is_unavailable

            def noticed(error: BaseException, real: Callable[[BaseException], bool] = real) -> bool:
                answer = real(error)
                if answer:
                    self.times.release()
                return answer

            monkeypatch.setattr(module, "is_unavailable", noticed)

    def wait(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.times.acquire(timeout=60), "nobody has noticed that the database is away"


def await_all_flows(w: World) -> list[str]:
    """Wait for the end of every flow; return the states."""
    with w.database.read() as session:
        ids = [(flow.id, flow.resource_id) for flow in flows.list_unfinished(session)]
    return [str(w.finish(Accepted(flow_id, resource)).state) for flow_id, resource in ids]


def check_each_step_ran_once(w: World, accepted: Accepted) -> None:
    """Check that no step of a flow was started more than once, and that no event was recorded twice."""
    with w.database.read() as session:
        events = flows.all_events(session, accepted.flow_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    begun = [event.atom for event in events if event.atom and event.to_state == "RUNNING"]
    assert len(begun) == len(set(begun)), begun


def check_retry_later(caller: Caller, method: str, path: str, body: object = None) -> None:
    answer = caller.call(method, path, body)
    message = check_fault(answer, 503, "serviceUnavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "database" in message
