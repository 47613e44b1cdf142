"""The level of a cut: what the operator allows, what a request requires, what the backend really did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cgflow.db.models import VolumeType
from cgflow.drivers.contract import JSON, SnapshotSpec
from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import InvalidState
from cgflow.status import FlowState
from tests.support.world import World, world

PER_VOLUME = {"cut_level": "per-volume"}


class Doing(MemoryDriver):
    """A backend whose cuts do what a test says, whatever it reports."""

    changes: JSON = {}

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        told = {**super().cut(cgsnapshot_id, group_id, snapshots), **self.changes}
        return {key: value for key, value in told.items() if value is not ...}


def group_of(w: World, **extra_specs: str) -> str:
    w.type("kind", **extra_specs)
    group_id = w.make(w.accept_group("kind"))
    for _ in range(2):
        w.make(w.accept_volume(group_id, kind="kind"))
    return group_id


def evidence(w: World, cgsnapshot_id: str) -> dict[str, Any]:
    found: dict[str, Any] = w.get("cgsnapshot", cgsnapshot_id).evidence
    return found


def test_a_cgsnapshot_tells_how_it_was_cut(tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver()) as w:
        told = evidence(w, w.make(w.accept_cgsnapshot(group_of(w), CutLevel.CRASH)))
    assert (told["level"], told["members"], told["skew_ms"]) == ("crash", 2, 0.0)
    assert told["cut_at"].startswith("20")
    assert told["duration_ms"] >= 0


def test_a_lower_level_is_given_to_nobody_who_did_not_allow_it(tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver(level=CutLevel.PER_VOLUME)) as w:
        w.type()
        flow = w.finish(w.accept_group())
        assert flow.state is FlowState.REVERTED
        assert (
            "lacks consistencygroup_support (needs '<is> True', has False; it cuts one volume after"
            in str(flow.reason)
        )
        assert "cut_level='per-volume' among the extra specs of the volume type allows" in str(flow.reason)


def test_where_it_is_allowed_the_evidence_tells_the_skew(tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver(level=CutLevel.PER_VOLUME)) as w:
        group_id = group_of(w, **PER_VOLUME)
        told = evidence(w, w.make(w.accept_cgsnapshot(group_id)))
        assert told["level"] == "per-volume"
        assert told["skew_ms"] > 0
        # Operations on single volumes or on existing snapshots are not affected.
        volume_id = w.make(w.accept_volume(kind="kind"))
        w.make(w.accept_snapshot(volume_id))
        w.make(w.accept_volume(kind="kind", source_volid=volume_id))
        w.make(w.group_from(group=group_id))
        w.make(w.group_from(cgsnapshot=w.make(w.accept_cgsnapshot(group_id, CutLevel.PER_VOLUME))))
        assert w.faults() == []


def test_a_demand_that_the_backend_does_not_reach_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver(level=CutLevel.PER_VOLUME)) as w:
        group_id = group_of(w, **PER_VOLUME)
        before = w.state()
        with pytest.raises(InvalidState, match="cuts at level per-volume, but level crash is demanded"):
            w.accept_cgsnapshot(group_id, CutLevel.CRASH)
        assert (w.state(), w.faults()) == (before, [])


def test_one_member_alone_is_one_instant_whatever_the_backend(tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver(level=CutLevel.PER_VOLUME)) as w:
        w.type("kind", **PER_VOLUME)
        group_id = w.make(w.accept_group("kind"))
        w.make(w.accept_volume(group_id, kind="kind"))
        whole = w.make(w.accept_cgsnapshot(group_id, CutLevel.CRASH))
        assert (evidence(w, whole)["level"], evidence(w, whole)["members"]) == ("crash", 1)
        w.make(w.accept_volume(group_id, kind="kind"))
        with pytest.raises(InvalidState, match="level crash is demanded"):
            w.accept_cgsnapshot(group_id, CutLevel.CRASH)
        with w.database.write() as session:
            # As in a database of an earlier release: the specs of types in use can no longer be changed.
            session.scalars(select(VolumeType).where(VolumeType.name == "kind")).one().extra_specs = []
        # Making volumes from one cgsnapshot needs no second cut.
        w.make(w.group_from(cgsnapshot=whole))
        assert w.faults() == []


def test_a_permission_that_was_taken_back_ends_the_lower_level(tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver(level=CutLevel.PER_VOLUME)) as w:
        group_id = group_of(w, **PER_VOLUME)
        with w.database.write() as session:
            # As in a database of an earlier release: the specs of types in use can no longer be changed.
            session.scalars(select(VolumeType).where(VolumeType.name == "kind")).one().extra_specs = []
        for accept in (w.accept_cgsnapshot, lambda id_: w.group_from(group=id_)):
            with pytest.raises(InvalidState, match="level crash is required. .* can allow a lower"):
                accept(group_id)


@pytest.mark.parametrize(
    "specs", [{"cut_level": "<or> crash <or> per-volume"}, {"capabilities:cut_level": "crash"}]
)
def test_a_better_backend_is_held_to_what_it_reports(tmp_path: Path, specs: dict[str, str]) -> None:
    """Also where the operator would allow less."""
    driver = Doing()
    with world(tmp_path, driver) as w:
        group_id = group_of(w, **specs)
        before = w.state()
        driver.changes = {"level": "per-volume"}
        for accept in (w.accept_cgsnapshot, lambda id_: w.group_from(group=id_)):
            flow = w.finish(accept(group_id))
            assert flow.state is FlowState.REVERTED
            assert "cut at level per-volume, but level crash" in str(flow.reason)
        driver.changes = {"level": ...}
        flow = w.finish(w.accept_cgsnapshot(group_id))
        assert "did not report at which level it cut" in str(flow.reason)
        assert (w.state(), w.faults()) == (before, [])


def test_a_backend_that_turns_out_worse_after_acceptance_is_found_out(tmp_path: Path) -> None:
    driver = Doing()
    with world(tmp_path, driver) as w:
        group_id = group_of(w)
        w.runtime.conductor.stop()
        accepted = w.accept_cgsnapshot(group_id, CutLevel.CRASH)
        driver.level = CutLevel.PER_VOLUME
    with world(tmp_path, driver) as w:
        flow = w.finish(accepted)
        assert flow.state is FlowState.REVERTED
        assert "lacks consistencygroup_support" in str(flow.reason)
        assert w.faults() == []
