"""What a failed or abandoned undo leaves is visible, and can be removed with the ordinary commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cgflow.drivers.contract import Inventory
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import conductor
from cgflow.errors import Busy, InvalidState
from cgflow.status import FlowState
from flows import flow_actions
from flows.attachment import legacy_actions
from tests.support.failing_steps import StepPoint, inject_step_faults
from tests.support.world import CALLER, World, world


class HalfBlind(MemoryDriver):
    """A backend whose inventory is empty and reports a problem while ``is_blind``."""

    is_blind = False

    def inventory(self, group_id: str | None = None) -> Inventory:
        really = super().inventory(group_id)
        if not self.is_blind:
            return really
        nothing: frozenset[str] = frozenset()
        return replace(
            really, groups=nothing, volumes=nothing, snapshots=nothing, problems=("a file cannot be read",)
        )


@pytest.fixture(autouse=True)
def _no_automatic_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)


def test_what_the_backend_cannot_read_is_not_forgotten(tmp_path: Path) -> None:
    blind = HalfBlind()
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(blind, faults)) as w:
        group_id = w.group_of(2)
        before = w.usage()
        blind.is_blind = True
        faults.add_fault(Fault("delete_volume", "final", times=None))
        flow = w.finish(w.delete_group(group_id))
        assert flow.state is FlowState.REVERTED
        assert w.usage() == before
        assert {volume.status for volume in w.all("volume")} == {"error_deleting"}
        blind.is_blind = False
        faults.clear()
        w.make(w.delete_group(group_id))
        assert w.faults() == []
        assert w.usage() == {}


def abandoned_extend(w: World, faults: FaultSchedule) -> str:
    """Abandon the failed extension of a group's member; return the id of the group."""
    group_id = w.group_of(2)
    member = w.all("volume")[0].id
    faults.add_fault(Fault("extend_volume", "final", when="after", times=None))
    accepted = w.extend(member, 2)
    assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
    flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="the array is strange")
    faults.clear()
    return group_id


def test_an_abandoned_extend_leaves_a_volume_that_can_be_used(tmp_path: Path) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        group_id = abandoned_extend(w, faults)
        assert {volume.status for volume in w.all("volume")} == {"available"}
        assert w.faults() == [], "usage is the sum over the rows again"
        w.make(w.delete_cgsnapshot(w.make(w.accept_cgsnapshot(group_id))))
        w.make(w.delete_group(group_id))
        assert w.usage() == {}


def test_an_abandoned_deletion_keeps_the_status_of_a_volume_that_is_being_attached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(point: StepPoint) -> bool:
        return point.phase == "revert" or point.atom.startswith("driver.")

    with inject_step_faults(monkeypatch) as faults, world(tmp_path, MemoryDriver()) as w:
        w.type()
        volume_id = w.make(w.accept_volume(None))
        snapshot_id = w.make(w.accept_snapshot(volume_id))
        legacy_actions.reserve(w.runtime, CALLER, volume_id)
        faults.order(fails)
        accepted = w.delete_snapshot(snapshot_id)
        assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
        flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="the array is strange")
        assert w.get("volume", volume_id).status == "attaching"


def test_an_abandoned_member_is_in_nobodys_way_and_can_be_deleted_alone(tmp_path: Path) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        group_id = w.group_of(1)
        faults.add_fault(Fault("create_volume", "final", when="after"))
        faults.add_fault(Fault("delete_volume", "final", times=None))
        accepted = w.accept_volume(group_id)
        assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
        flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="never mind")
        faults.clear()
        w.make(w.delete_cgsnapshot(w.make(w.accept_cgsnapshot(group_id))))
        w.make(w.delete_volume(accepted.resource_id))
        assert w.faults() == []


def test_an_abandoned_group_can_be_deleted_s25(tmp_path: Path) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        w.type()
        faults.add_fault(Fault("create_group", "final", when="after"))
        faults.add_fault(Fault("delete_group", "final", times=None))
        accepted = w.accept_group()
        assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
        with pytest.raises((Busy, InvalidState)):
            w.delete_group(accepted.resource_id)
        flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="a drill")
        faults.clear()
        w.make(w.delete_group(accepted.resource_id))
        assert w.faults() == []
        assert w.driver.inventory().groups == frozenset()


def test_copies_that_no_record_knows_go_with_their_group(tmp_path: Path) -> None:
    faults = FaultSchedule()
    driver = MemoryDriver()
    with world(tmp_path, FaultyDriver(driver, faults)) as w:
        group_id = w.group_of(2)
        faults.add_fault(Fault("cut", "final", when="after"))
        faults.add_fault(Fault("delete_snapshot", "final", times=None))
        accepted = w.accept_cgsnapshot(group_id)
        assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
        flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="a drill")
        faults.clear()
        assert {copy.status for copy in w.all("snapshot")} == {"error"}
        w.make(w.delete_cgsnapshot(accepted.resource_id))
        assert w.faults() == []
        # Also those whose rows are gone, as after a skipped step.
        faults.add_fault(Fault("cut", "final", when="after"))
        faults.add_fault(Fault("delete_snapshot", "final", times=None))
        skipped = w.accept_cgsnapshot(group_id)
        flow = w.finish(skipped)
        while flow.state is FlowState.ROLLBACK_FAILED:
            stuck = [str(item["task"]) for item in flow.leftovers if item["state"] == "REVERT_FAILURE"]
            flow_actions.skip(w.runtime, CALLER, skipped.flow_id, task=stuck[0], reason="a drill")
            flow = w.finish(skipped)
        faults.clear()
        assert driver.inventory().snapshots
        w.make(w.delete_cgsnapshot(skipped.resource_id))
        w.make(w.delete_group(group_id))
        assert w.faults() == []
        assert driver.inventory().snapshots == frozenset()


def test_a_malformed_drill_fails_an_undo_until_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/drills.md describes."""
    drill = tmp_path / "faults.json"
    driver = FaultyDriver(MemoryDriver(), FaultSchedule.from_file(drill))
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, driver) as w:
        group_id = w.group_of(1)
        before = w.state()

        def breaks(point: StepPoint) -> bool:
            if point == StepPoint("driver.cut", "execute", "after"):
                drill.write_text("no list")
                return True
            return False

        sabotage.order(breaks)
        accepted = w.accept_cgsnapshot(group_id)
        assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
        sabotage.stop()
        assert any("faults.json" in str(item) for item in w.finish(accepted).leftovers)
        drill.unlink()
        flow_actions.retry(w.runtime, CALLER, accepted.flow_id)
        assert w.finish(accepted).state is FlowState.REVERTED
        assert (w.faults(), w.state()) == ([], before)
