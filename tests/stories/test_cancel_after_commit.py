"""Past a point of no return: a cancel is refused, and the safety cgsnapshot stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import InvalidState
from cgflow.status import FlowState
from flows import flow_actions, subflows
from flows.acceptance import Accepted
from tests.stories.scripts import SCRIPTS
from tests.support.failing_steps import StepPoint, inject_step_faults
from tests.support.volume_content import NEW, OLD
from tests.support.world import CALLER, World, await_flow_reason, world


class EmptyList(list[StepPoint]):
    """A list that stays empty, so that the same point fails again."""

    def append(self, point: StepPoint) -> None:
        """Ignore the point."""


def cancelled_in(w: World, faults: FaultSchedule, accepted: Accepted) -> FlowState:
    """Cancel a flow while it hangs in the scheduled fault, release it, and return its final state."""
    assert faults.await_firings(1, 10)
    flow_actions.cancel(w.runtime, CALLER, accepted.flow_id, reason="a change of mind")
    faults.release_hanging_calls()
    return w.finish(accepted).state


def held(w: World) -> set[str]:
    """Return the words in the content of the volumes."""
    return {word.partition(" ")[0] for word in w.state()["content"].values()}


@pytest.mark.parametrize(("call", "is_late"), [("delete_volume", False), ("delete_group", True)])
def test_a_delete_of_which_all_is_gone_is_done(tmp_path: Path, call: str, is_late: bool) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        group_id = w.group_of(1)
        faults.add_fault(Fault(call, "hang", when="after"))
        state = cancelled_in(w, faults, w.delete_group(group_id))
        assert state is (FlowState.SUCCESS if is_late else FlowState.REVERTED)
        assert (w.faults(), len(w.all("consistencygroup"))) == ([], 0 if is_late else 1)


@pytest.mark.parametrize("operation", ["consistencygroup.revert", "volume.revert"])
def test_what_is_not_yet_put_back_for_good_is_given_back(tmp_path: Path, operation: str) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        target = SCRIPTS[operation].arrange(w)
        faults.add_fault(Fault("restore", "hang", when="after"))
        assert cancelled_in(w, faults, SCRIPTS[operation].act(w, target)) is FlowState.REVERTED
        assert (w.faults(), NEW in held(w)) == ([], True)


@pytest.mark.parametrize("operation", ["consistencygroup.revert", "volume.revert"])
def test_what_is_put_back_for_good_is_not_cancelled(tmp_path: Path, operation: str) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        target = SCRIPTS[operation].arrange(w)
        faults.add_fault(Fault("finish_restore", "hang", when="before"))
        accepted = SCRIPTS[operation].act(w, target)
        with pytest.raises(InvalidState, match="committed its change"):
            cancelled_in(w, faults, accepted)
        faults.release_hanging_calls()
        assert w.finish(accepted).state is FlowState.SUCCESS
        assert (w.faults(), OLD in held(w)) == ([], True)


def test_what_cannot_be_finished_is_given_up_and_its_safety_cgsnapshot_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subflows, "PERSISTENCE_ATTEMPTS", 1)
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        target = SCRIPTS["consistencygroup.revert"].arrange(w)
        running = [flow.id for flow in w.all("cgsnapshot")]
        # Fail each time, not only once.
        sabotage.fired = EmptyList()
        sabotage.wanted = lambda point: point == StepPoint("record.commit", "execute", "before")
        accepted = SCRIPTS["consistencygroup.revert"].act(w, target)
        assert "injected" in await_flow_reason(w, accepted.flow_id)
        flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="I know")
        assert w.finish(accepted).state is FlowState.ABANDONED
        sabotage.stop()
        (safety,) = [one for one in w.all("cgsnapshot") if one.id not in running]
        assert safety.status == "available"
        assert (w.faults(), held(w)) == ([], {OLD})
        w.make(w.revert_group(safety.id))
        assert held(w) == {NEW}


def test_a_flow_that_goes_on_is_not_given_up(tmp_path: Path) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        target = SCRIPTS["volume.revert"].arrange(w)
        faults.add_fault(Fault("finish_restore", "hang", when="before"))
        accepted = SCRIPTS["volume.revert"].act(w, target)
        assert faults.await_firings(1, 10)
        with pytest.raises(InvalidState, match="goes on failing"):
            flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="too slow")
        faults.release_hanging_calls()
        assert w.finish(accepted).state is FlowState.SUCCESS
