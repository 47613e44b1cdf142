"""Behind a point of no return: who cancels comes too late, and what was kept for safety stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgflow.drivers.faults import Fault, Faults, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import conductor
from cgflow.status import FlowState
from flows import operate, segments
from flows.acceptance import Accepted
from tests.stories.scripts import SCRIPTS
from tests.support.content import NEW, OLD
from tests.support.sabotage import sabotaged
from tests.support.world import CALLER, World, world


def cancelled_in(w: World, faults: Faults, accepted: Accepted) -> FlowState:
    """Cancel a flow while it hangs in the call that was ordered to, let it go on, and return its end."""
    assert faults.await_fired(1, 10)
    operate.cancel(w.desk, CALLER, accepted.flow_id, reason="a change of mind")
    faults.release()
    return w.finish(accepted).state


def held(w: World) -> set[str]:
    """The words that lie on the volumes."""
    return {word.partition(" ")[0] for word in w.state()["content"].values()}


@pytest.mark.parametrize(("call", "is_late"), [("delete_volume", False), ("delete_group", True)])
def test_a_delete_of_which_all_is_gone_is_done(tmp_path: Path, call: str, is_late: bool) -> None:
    faults = Faults()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        group_id = w.group_of(1)
        faults.order(Fault(call, "hang", when="after"))
        state = cancelled_in(w, faults, w.delete_group(group_id))
        assert state is (FlowState.SUCCESS if is_late else FlowState.REVERTED)
        assert (w.faults(), len(w.all("consistencygroup"))) == ([], 0 if is_late else 1)


@pytest.mark.parametrize(("call", "is_late"), [("restore", False), ("finish_restore", True)])
@pytest.mark.parametrize("operation", ["consistencygroup.revert", "volume.revert"])
def test_what_is_put_back_by_then_stays_so(tmp_path: Path, operation: str, call: str, is_late: bool) -> None:
    faults = Faults()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        target = SCRIPTS[operation].arrange(w)
        faults.order(Fault(call, "hang", when="after"))
        state = cancelled_in(w, faults, SCRIPTS[operation].act(w, target))
        assert state is (FlowState.SUCCESS if is_late else FlowState.REVERTED)
        assert (w.faults(), (OLD if is_late else NEW) in held(w)) == ([], True)


@pytest.mark.parametrize("gives_up", ["skip", "abandon"])
def test_a_safety_cgsnapshot_survives_whoever_gives_up_what_cannot_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gives_up: str
) -> None:
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    monkeypatch.setattr(segments, "PERSISTENCE_ATTEMPTS", 1)
    with sabotaged(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        target = SCRIPTS["consistencygroup.revert"].arrange(w)
        sabotage.order(lambda point: point.atom == "record.commit" and point.phase == "execute")
        accepted = SCRIPTS["consistencygroup.revert"].act(w, target)
        flow = w.finish(accepted)
        assert flow.state is FlowState.ROLLBACK_FAILED
        sabotage.stop()
        assert "driver.leave_way_back" in str(flow.leftovers)
        if gives_up == "skip":
            operate.skip(w.desk, CALLER, accepted.flow_id, task="driver.leave_way_back", reason="I know")
            assert w.finish(accepted).state is FlowState.REVERTED
        else:
            operate.abandon(w.desk, CALLER, accepted.flow_id, reason="I know")
        (safety,) = [one for one in w.all("cgsnapshot") if one.id != target]
        assert safety.status == "available"
        assert (w.faults(), held(w)) == ([], {OLD})
        w.make(w.revert_group(safety.id))
        assert held(w) == {NEW}
