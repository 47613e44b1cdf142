"""Every kind of drift is planted, found as exactly that kind, repaired, and gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from cgflow import clock
from cgflow.audit.findings import KINDS
from cgflow.db.models import Flow
from cgflow.db.repositories import volume
from cgflow.drivers.contract import DetailedInventory, Inventory
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import conductor
from cgflow.errors import InvalidState, NotFound
from cgflow.status import FlowState
from flows import flow_actions
from flows.acceptance import Accepted, new_id
from flows.audit import repair
from flows.audit.run import audit
from tests.support import planted_drift
from tests.support.world import CALLER, World, world


@pytest.fixture(scope="module")
def w(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with one resource of each kind and without drift."""
    with world(tmp_path_factory.mktemp("audit"), MemoryDriver()) as made:
        made.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        made.make(made.accept_cgsnapshot(planted_drift.shared_group(made)))
        made.make(made.accept_snapshot(made.make(made.accept_volume())))
        assert made.faults() == []
        yield made


def found(w: World) -> list[str]:
    return sorted(one.id for one in audit(w.runtime).findings)


def repaired(w: World, *wanted: str) -> list[repair.Repair]:
    """Repair, and run the flows to their ends."""
    _, repairs = repair.repair(w.runtime, CALLER, wanted, dry_run=False)
    for one in repairs:
        if one.flow_id is not None:
            flow = w.finish(Accepted(one.flow_id, one.finding.subject))
            assert flow.state is FlowState.SUCCESS, flow.reason
    return repairs


def test_everything_that_can_be_repaired_is_planted() -> None:
    assert set(planted_drift.PLANTS) == {code for code, kind in KINDS.items() if kind.is_repairable}


@pytest.mark.parametrize("code", sorted(planted_drift.PLANTS))
def test_it_is_found_and_repaired(w: World, code: str) -> None:
    expected = f"{code}:{planted_drift.PLANTS[code](w)}"
    before = w.driver.inventory()
    assert found(w) == [expected]
    _, planned = repair.repair(w.runtime, CALLER, [expected], dry_run=True)
    assert [one.state for one in planned] == [repair.PLANNED]
    assert found(w) == [expected], "a plan repairs nothing"
    if not KINDS[code].is_safe:
        assert repaired(w, repair.SAFE) == []
        assert w.driver.inventory() == before, "what takes away is only done when it is named"
    done = repaired(w, expected)
    assert [one.state for one in done] == [repair.DONE if done[0].flow_id is None else repair.ACCEPTED]
    assert w.faults() == []


def test_what_an_orphan_is_in_does_not_matter(w: World) -> None:
    """A member without a record, with a snapshot without a record, in a group that has a record."""
    volume_id = planted_drift.plant_member_orphan(w)
    assert found(w) == [f"volume.orphan:{volume_id}"]
    repaired(w, "volume.orphan")
    assert w.faults() == []


def test_accepted_flow_is_reported_when_no_conductor_has_taken_it_up_for_long(w: World) -> None:
    """Until then it waits for its conductor, which the audit does not know to have died."""
    assert found(w) == []
    flow_id = planted_drift.accept_extend_without_waking(w, conductor="died").flow_id
    assert found(w) == []
    with w.database.write() as session:
        long_ago = clock.now() - timedelta(hours=9)
        session.execute(update(Flow).where(Flow.id == flow_id).values(created_at=long_ago))
    expected = f"flow.standing:{flow_id}"
    assert found(w) == [expected]
    repaired(w, expected)
    assert w.faults() == []


def test_a_size_is_not_rounded_to_that_of_the_record(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    volume_id = w.make(w.accept_volume())
    driver = w.driver
    detail = driver.detail()
    shorter = {**detail.volumes, volume_id: replace(detail.volumes[volume_id], size_bytes=4096)}
    monkeypatch.setattr(driver, "detail", lambda: replace(detail, volumes=shorter))
    (finding,) = audit(w.runtime).findings
    assert finding.code == "volume.smaller"
    assert "has 4096 bytes on backend" in finding.message
    assert finding.message.endswith("but 1 GiB by its record.")


def test_what_is_repaired_twice_is_refused(w: World) -> None:
    volume_id = planted_drift.plant_volume_missing(w)
    _, repairs = repair.repair(w.runtime, CALLER, ["volume.missing"], dry_run=False)
    (stale,) = [one.finding for one in repairs]
    assert [one.state for one in repairs] == [repair.DONE]
    assert repair.repair_records.repair(w.runtime, CALLER, [stale]) == {
        stale.id: "The finding no longer holds. Audit again."
    }
    assert w.get("volume", volume_id).reason.startswith(stale.message)
    w.make(w.delete_volume(volume_id))
    assert w.faults() == []


def test_a_flow_makes_sure_of_the_finding_itself(w: World) -> None:
    volume_id = planted_drift.plant_volume_orphan(w)
    (orphan,) = audit(w.runtime).findings
    w.driver.delete_volume(planted_drift.VolumeSpec(volume_id, 1))
    accepted = repair.accept_repairs.accept_repair(w.runtime, CALLER, orphan)
    flow = w.finish(accepted)
    assert flow.state is FlowState.REVERTED
    assert "no longer holds" in str(flow.reason)
    assert w.faults() == []


def test_a_restore_that_was_not_finished_is_put_back(w: World) -> None:
    flow_id = planted_drift.plant_restore_kept(w)
    with w.database.write() as session:
        session.execute(update(Flow).where(Flow.id == flow_id).values(state=FlowState.ABANDONED))
    assert found(w) == [f"restore.kept:{flow_id}"]
    repaired(w, "restore.kept")
    assert w.faults() == []


def test_a_record_in_a_place_of_its_own_is_repaired_with_its_cgsnapshot(w: World) -> None:
    copy = w.get("snapshot", planted_drift.plant_snapshot_missing(w))
    repaired(w, "safe")
    assert w.faults() == []
    whole = w.get("cgsnapshot", copy.cgsnapshot_id)
    assert (whole.status, w.get("snapshot", copy.id).status) == ("error", "error")
    w.make(w.delete_cgsnapshot(whole.id))
    assert w.faults() == []


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_cgsnapshot_comes_back_for_all_its_copies_and_can_be_deleted(w: World, is_marked: bool) -> None:
    """Its row was marked as deleted, or does not exist any more."""
    whole = w.make(w.accept_cgsnapshot(planted_drift.create_group(w, 2)))
    copies = [copy.id for copy in w.all("snapshot") if copy.cgsnapshot_id == whole]
    if is_marked:
        planted_drift.delete_record(w, "cgsnapshot", whole)
    else:
        w.database.engine.dispose()
        with sqlite3.connect(str(w.database.engine.url.database)) as by_hand:
            by_hand.execute("DELETE FROM cgsnapshots WHERE id = ?", [whole])
        by_hand.close()
    assert found(w) == sorted(f"snapshot.cgsnapshot_gone:{id_}" for id_ in copies)
    assert [one.state for one in repaired(w, "safe")] == [repair.DONE, repair.DONE]
    assert w.faults() == []
    assert (w.get("cgsnapshot", whole).status, len(copies)) == ("error", 2)
    w.make(w.delete_cgsnapshot(whole))
    assert not w.driver.inventory().snapshots & set(copies)
    assert w.faults() == []


def test_a_copy_whose_cgsnapshot_and_group_are_gone_is_deleted_alone(w: World) -> None:
    copy = w.get("snapshot", planted_drift.plant_snapshot_cgsnapshot_gone(w))
    group_id = w.get("volume", copy.volume_id).consistencygroup_id
    planted_drift.delete_record(w, "consistencygroup", group_id, consistencygroups=1)
    (refused,) = repaired(w, "snapshot.cgsnapshot_gone")
    assert refused.state == repair.REFUSED
    assert f"cgflow snapshot delete {copy.id}" in str(refused.reason)
    repaired(w, "volume.group_gone")
    w.make(w.delete_snapshot(copy.id))
    repaired(w, "group.orphan")
    assert w.faults() == []


def test_a_member_does_not_leave_the_group_that_a_cgsnapshot_has_a_copy_of(w: World) -> None:
    """Its record names no group; leaving would lose its snapshot to the cgsnapshot."""
    group_id = planted_drift.create_group(w, 2)
    whole = w.make(w.accept_cgsnapshot(group_id))
    member = next(one.id for one in w.all("volume") if one.consistencygroup_id == group_id)
    with w.database.write() as session:
        volume.REPOSITORY.update_unclaimed(session, member, consistencygroup_id=None)
    assert found(w) == [f"volume.elsewhere:{member}"]
    (refused,) = repaired(w, "safe")
    assert refused.state == repair.REFUSED
    assert f"Cgsnapshot {whole} of consistency group {group_id} contains a" in str(refused.reason)
    with pytest.raises(InvalidState, match=f"Volume {member} has a snapshot in cgsnapshot {whole}"):
        w.group_from(cgsnapshot=whole)
    w.make(w.delete_cgsnapshot(whole))
    assert [one.state for one in repaired(w, "safe")] == [repair.ACCEPTED]
    assert w.faults() == []


def test_one_run_removes_what_hangs_together_one_after_the_other(w: World) -> None:
    """Snapshots of a recorded volume and of an unrecorded one in such a group; members of a known group."""
    living, group_id, volume_id = w.make(w.accept_volume()), new_id(), new_id()
    planted_drift.plant_member_orphan(w)
    planted_drift.plant_member_orphan(w)
    w.driver.create_group(group_id)
    w.driver.create_volume(planted_drift.VolumeSpec(volume_id, 1, group_id))
    for of, group in ((living, None), (volume_id, group_id)) * 2:
        planted_drift.create_orphan_snapshot(w, of, group)
    assert len(found(w)) == 8
    named = [repair.repair(w.runtime, CALLER, found(w), dry_run=False)[1]]
    while waiting := [one for one in named[-1] if one.state == repair.LATER]:
        ended = [w.finish(Accepted(one.flow_id, "")).state for one in named[-1] if one.flow_id is not None]
        assert ended
        assert set(ended) == {FlowState.SUCCESS}
        for one in waiting:
            assert "Repeat it when that flow has ended" in str(one.reason)
        named.append(repair.repair(w.runtime, CALLER, [one.finding.id for one in waiting], dry_run=False)[1])
    assert {one.state for round_ in named for one in round_} == {repair.ACCEPTED, repair.LATER}
    for one in named[-1]:
        w.finish(Accepted(str(one.flow_id), ""))
    assert w.faults() == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_named_and_not_found_is_refused_and_nothing_is_done(w: World, dry_run: bool) -> None:
    planted = f"status.passing:{planted_drift.plant_status_passing(w)}"
    for name in (
        f"volume.orphan:{new_id()}",
        planted.replace("passing", "unknown").replace("status", "flow"),
    ):
        with pytest.raises(NotFound, match=f"There is no finding '{name}', so nothing was repaired"):
            repair.repair(w.runtime, CALLER, [planted, name], dry_run=dry_run)
    assert found(w) == [planted]
    repaired(w, planted)
    assert w.faults() == []


class Odd(MemoryDriver):
    """A backend that cannot read its objects."""

    problems: tuple[str, ...] = ()

    def detail(self) -> DetailedInventory:
        really = super().detail()
        nothing: frozenset[str] = frozenset()
        if not self.problems:
            return really
        inventory = Inventory(nothing, nothing, nothing, problems=self.problems)
        return replace(really, inventory=inventory, volumes={}, snapshots={})


@pytest.fixture
def odd(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    with world(tmp_path_factory.mktemp("odd"), FaultyDriver(Odd(), FaultSchedule())) as made:
        planted_drift.shared_group(made)
        yield made


def test_what_a_backend_cannot_read_is_its_only_fault(odd: World) -> None:
    volume_id = odd.all("volume")[0].id
    inside: Odd = odd.driver.driver  # type: ignore[attr-defined]
    inside.problems = (f"{volume_id} cannot be served: its file is gone",)
    assert found(odd) == [f"backend.problem:{volume_id}"]
    assert [one.reason for one in audit(odd.runtime).backends] == [
        "It reports problems, so nothing on it is reported as missing."
    ]
    assert [one.state for one in repaired(odd, "backend.problem")] == [repair.REFUSED]
    inside.problems = ()
    assert found(odd) == []


def test_a_backend_that_does_not_answer(odd: World) -> None:
    faults: FaultSchedule = odd.driver.faults  # type: ignore[attr-defined]
    faults.add_fault(Fault("detail", "final", times=None))
    (one,) = audit(odd.runtime).findings
    assert (one.code, one.host) == ("backend.unreachable", "here@memory")
    faults.clear()
    assert found(odd) == []


def test_a_problem_is_named_although_a_flow_failed_there_and_is_tried_again(
    odd: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: FaultSchedule = odd.driver.faults  # type: ignore[attr-defined]
    inside: Odd = odd.driver.driver  # type: ignore[attr-defined]
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 5)
    monkeypatch.setattr(conductor, "UNDO_PAUSE_S", 3600)
    faults.add_fault(Fault("create_volume", "final", when="after"))
    faults.add_fault(Fault("delete_volume", "final", times=None))
    stuck = odd.accept_volume()
    flow = odd.finish(stuck)
    assert (flow.state, flow.undo_at is None) == (FlowState.ROLLBACK_FAILED, False)
    inside.problems = (f"{stuck.resource_id} cannot be served: its file is torn",)
    both = [f"backend.problem:{stuck.resource_id}", f"flow.undo_failed:{stuck.flow_id}"]
    assert found(odd) == both
    failed = next(one for one in audit(odd.runtime).findings if one.code == "flow.undo_failed")
    assert "The undo is tried again by itself at " in failed.message
    faults.clear()
    faults.add_fault(Fault("delete_volume", "hang", deadline_s=600))
    flow_actions.retry_automatically(odd.runtime, stuck.flow_id)
    assert faults.await_firings(1, 60)
    assert found(odd) == both, "also while it is tried again"
    faults.release_hanging_calls()
    assert odd.finish(stuck).state is FlowState.REVERTED
    inside.problems = ()
    assert found(odd) == []


def test_what_was_given_up_and_is_there_all_the_same(odd: World) -> None:
    faults: FaultSchedule = odd.driver.faults  # type: ignore[attr-defined]
    faults.add_fault(Fault("create_volume", "final", when="after"))
    faults.add_fault(Fault("delete_volume", "final", times=None))
    stuck = odd.accept_volume()
    assert odd.finish(stuck).state is FlowState.ROLLBACK_FAILED
    flow_actions.abandon(odd.runtime, CALLER, stuck.flow_id, reason="a drill")
    assert found(odd) == [f"volume.given_up:{stuck.resource_id}"]
    faults.clear()
    odd.make(odd.delete_volume(stuck.resource_id))
    assert found(odd) == []


def test_records_on_a_backend_that_nobody_knows(odd: World) -> None:
    volume_id = odd.make(odd.accept_volume())
    planted_drift.write_columns(odd, "volume", volume_id, host="gone@nowhere")
    assert found(odd) == ["backend.unknown:gone@nowhere"]
    assert [one.id for one in audit(odd.runtime, "here@memory").findings] == []


def test_an_undo_that_waits_for_an_operator_and_a_flow_of_another_release(odd: World) -> None:
    faults: FaultSchedule = odd.driver.faults  # type: ignore[attr-defined]
    faults.add_fault(Fault("create_volume", "final", when="after"))
    faults.add_fault(Fault("delete_volume", "final", times=None))
    stuck = odd.accept_volume()
    assert odd.finish(stuck).state is FlowState.ROLLBACK_FAILED
    assert found(odd) == [f"flow.undo_failed:{stuck.flow_id}"], "and what it left is no orphan: it says so"
    faults.clear()
    other = planted_drift.plant_flow_unknown(odd)
    assert sorted(found(odd)) == sorted([f"flow.undo_failed:{stuck.flow_id}", f"flow.unknown:{other}"])
    assert {one.state for one in repaired(odd, "flow.unknown", "flow.undo_failed")} == {repair.REFUSED}
