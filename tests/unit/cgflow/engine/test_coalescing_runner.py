"""Work that never runs twice at the same time for one key, and flows, which rely on it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cgflow.engine.coalescing_runner import CoalescingRunner
from cgflow.status import FlowState
from tests.support.small_flows import (
    Gate,
    StepLog,
    accept_flow,
    await_flow,
    create_database,
    running_conductor,
)


def test_what_is_wanted_meanwhile_is_done_afterwards_by_whoever_is_at_it() -> None:
    gate, did = Gate(), []

    def work(key: str) -> None:
        did.append((key, threading.current_thread().name))
        if len(did) == 1:
            gate()

    once = CoalescingRunner(work)
    at_it = threading.Thread(target=once, args=("a",), name="first")
    at_it.start()
    assert gate.reached.wait(30)
    for _ in range(3):
        once("a")
    once("b")
    assert did == [("a", "first"), ("b", threading.current_thread().name)]
    gate.open()
    at_it.join(30)
    assert did[2:] == [("a", "first")], "three calls were one wish"


def test_a_failure_leaves_nothing_at_work() -> None:
    did: list[str] = []

    def work(key: str) -> None:
        did.append(key)
        raise ValueError(key)

    once = CoalescingRunner(work)
    for _ in range(2):
        with pytest.raises(ValueError, match="a"):
            once("a")
    assert did == ["a", "a"]


def test_a_flow_that_is_woken_again_has_no_second_run_beside_the_first(tmp_path: Path) -> None:
    db = create_database(f"sqlite:///{tmp_path / 'test.db'}")
    gate = Gate()
    world = StepLog(at={"a": gate})
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        assert gate.reached.wait(30)
        conductor.submit_flow(flow_id)
        # A flow that was accepted later has ended: the second wake-up has been handled.
        later = accept_flow(db)
        conductor.submit_flow(later)
        assert await_flow(db, conductor, later).state is FlowState.SUCCESS
        gate.open()
        flow = await_flow(db, conductor, flow_id)
    db.close()
    assert (flow.state, flow.epoch) == (FlowState.SUCCESS, 1)
    assert world.did.count("a") == 1
