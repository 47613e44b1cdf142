"""Volumes with many layers are compacted by flows that the service starts in the background."""

from __future__ import annotations

import threading
from pathlib import Path

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import FinalDriverError
from cgflow.status import FlowState
from flows import flow_actions
from flows.auto_compaction import MAX_CONCURRENT, SERVICE_USER, accept_due_compactions
from tests.stories.scripts import slow_volume
from tests.support.world import CALLER, world


class Slowly(MemoryDriver):
    """Completes no compaction before it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)
        self.allowed = threading.Event()
        self.failure: FinalDriverError | None = None

    def compact_volume(self, volume: VolumeSpec, seconds: float) -> bool:
        self.asked.release()
        if self.failure is not None:
            raise self.failure
        return self.allowed.wait(0.01) and super().compact_volume(volume, seconds)


def test_what_is_due_is_compacted_and_told(tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver()) as w:
        volume = slow_volume(w)
        (begun,) = accept_due_compactions(w.runtime)
        flow = w.finish(begun)
        assert (flow.state, flow.operation, flow.resource_id) == (FlowState.SUCCESS, "volume.compact", volume)
        assert (flow.user_id, flow.project_id) == (SERVICE_USER, CALLER.project_id)
        assert accept_due_compactions(w.runtime) == []
        assert w.faults() == []


def test_one_is_under_way_in_a_group_few_in_all_and_none_is_in_the_way(tmp_path: Path) -> None:
    driver = Slowly()
    with world(tmp_path, driver) as w:
        group = w.group_of(2)
        members = [slow_volume(w, group) for _ in range(2)]
        others = [slow_volume(w) for _ in range(MAX_CONCURRENT)]
        begun = accept_due_compactions(w.runtime)
        assert len(begun) == MAX_CONCURRENT
        assert len({one.resource_id for one in begun} & set(members)) <= 1
        assert accept_due_compactions(w.runtime) == []
        for _ in begun:
            assert driver.asked.acquire(timeout=10)
        for volume in (*members, *others):
            assert w.get("volume", volume).claimed_by is None
        w.make(w.accept_cgsnapshot(group))
        w.make(w.extend(members[0], 2))
        driver.allowed.set()
        for one in begun:
            assert w.finish(one).state is FlowState.SUCCESS
        left = {one.resource_id for one in begun} ^ {*members, *others}
        while left:
            again = accept_due_compactions(w.runtime)
            assert again
            left -= {one.resource_id for one in again if w.finish(one).state is FlowState.SUCCESS}
        assert driver.compactions_due() == []


def test_what_failed_is_left_for_a_while_as_it_was(tmp_path: Path) -> None:
    driver = Slowly()
    with world(tmp_path, driver) as w:
        volume = slow_volume(w)
        driver.failure = FinalDriverError("there is no room")
        (begun,) = accept_due_compactions(w.runtime)
        flow = w.finish(begun)
        assert (flow.state, flow.reason) == (FlowState.REVERTED, "there is no room")
        assert w.get("volume", volume).status == "available"
        assert accept_due_compactions(w.runtime) == []
        assert w.faults() == []


def test_one_that_is_cancelled_ends(tmp_path: Path) -> None:
    driver = Slowly()
    with world(tmp_path, driver) as w:
        slow_volume(w)
        (begun,) = accept_due_compactions(w.runtime)
        assert driver.asked.acquire(timeout=10)
        flow_actions.cancel(w.runtime, CALLER, begun.flow_id, reason="not now")
        flow = w.finish(begun)
        assert flow.state is FlowState.REVERTED
        assert "not now" in str(flow.reason)


def test_a_stop_does_not_wait_for_it_and_the_next_start_goes_on(tmp_path: Path) -> None:
    driver = Slowly()
    with world(tmp_path, driver) as w:
        volume = slow_volume(w)
        (begun,) = accept_due_compactions(w.runtime)
        assert driver.asked.acquire(timeout=10)
    assert driver.compactions_due() != []
    driver.allowed.set()
    with world(tmp_path, driver) as w:
        flow = w.finish(begun)
        assert (flow.state, flow.epoch, flow.resource_id) == (FlowState.SUCCESS, 2, volume)
        assert driver.compactions_due() == []
