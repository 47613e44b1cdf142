"""The record of a member whose creation failed does not affect operations on its group."""

from __future__ import annotations

from pathlib import Path

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState
from tests.support.world import world


def test_a_rolled_back_member_does_not_keep_the_group_from_being_cut(tmp_path: Path) -> None:
    faults = FaultSchedule()
    driver = FaultyDriver(MemoryDriver(), faults)
    with world(tmp_path, driver) as w:
        group_id = w.group_of(2)
        faults.add_fault(Fault("create_volume", "final"))
        failed = w.accept_volume(group_id)
        assert w.finish(failed).state is FlowState.REVERTED
        cgsnapshot_id = w.make(w.accept_cgsnapshot(group_id))
        copies = [copy.volume_id for copy in w.all("snapshot") if copy.cgsnapshot_id == cgsnapshot_id]
        assert len(copies) == 2
        assert failed.resource_id not in copies
        w.make(w.delete_volume(failed.resource_id))
        assert w.faults() == []
