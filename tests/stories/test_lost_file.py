"""A volume that has lost a file exists on its backend but has no address; a failed change of it is undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, wrap_with_faults
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState, Status
from flows.acceptance import Accepted
from tests.support.world import World, world

ASK: dict[str, Callable[[World, str, str], Accepted]] = {
    "extend_volume": lambda w, _, volume_id: w.extend(volume_id, 2),
    "move_volume": lambda w, group_id, volume_id: w.update_group(group_id, remove=[volume_id]),
}


@pytest.mark.parametrize("call", ASK)
def test_a_change_that_is_refused_leaves_nothing_held(tmp_path: Path, call: str) -> None:
    faults = FaultSchedule()
    with world(tmp_path, wrap_with_faults(MemoryDriver(), faults)) as w:
        group_id = w.group_of(2)
        volume_id = w.all("volume")[0].id
        before = w.state()
        faults.add_fault(Fault(call, "final"))
        faults.add_fault(Fault("connection", "final", times=None))
        flow = w.finish(ASK[call](w, group_id, volume_id))
        faults.clear()
        assert flow.state is FlowState.REVERTED, flow.leftovers
        assert w.state() == before
        assert w.faults() == []
        assert w.get("consistencygroup", group_id).status is Status.AVAILABLE


@pytest.mark.parametrize("call", ASK)
def test_an_undo_that_leaves_it_otherwise_is_seen(
    tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call takes effect and its undo falsely reports success; no address reveals the difference."""
    driver = MemoryDriver()
    faults = FaultSchedule()
    with world(tmp_path, wrap_with_faults(driver, faults)) as w:
        group_id = w.group_of(2)
        volume_id = w.all("volume")[0].id
        monkeypatch.setattr("cgflow.engine.conductor.UNDO_ATTEMPTS", 0)
        # The call takes effect and raises; its undo reports success and does nothing.
        faults.add_fault(Fault(call, "final", when="after"))
        faults.add_fault(Fault(call, "lie", nth=2))
        faults.add_fault(Fault("connection", "final", times=None))
        flow = w.finish(ASK[call](w, group_id, volume_id))
        faults.clear()
        assert flow.state is FlowState.ROLLBACK_FAILED
