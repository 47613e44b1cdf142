"""Notifications of a safety cgsnapshot are those of any other, whatever becomes of the reverted group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState
from tests.support.recording_notifier import RecordingNotifier, event_sort_key, event_statuses
from tests.support.world import world


def test_a_safety_cgsnapshot_is_told_of_as_any_other(tmp_path: Path, listener: RecordingNotifier) -> None:
    with world(tmp_path, MemoryDriver()) as w:
        cgsnapshot_id = w.make(w.accept_cgsnapshot(w.group_of(2)))
        usual = payloads(listener, "cgsnapshot.create", "snapshot.create")
        w.make(w.revert_group(cgsnapshot_id, safety="before"))
        heard = list(listener.heard)
        safety = payloads(listener, "cgsnapshot.create", "snapshot.create")
        (made,) = [one for one in w.all("cgsnapshot") if one.id != cgsnapshot_id]
        copies = {one.id for one in w.all("snapshot") if one.cgsnapshot_id == made.id}
    assert [kind for kind, _ in safety] == [kind for kind, _ in usual]
    for (_, one), (_, other) in zip(safety, usual, strict=True):
        assert one.keys() == other.keys()
        assert one["status"] == other["status"]
        assert None not in (one["created_at"], one["tenant_id"], one["user_id"])
    of_whole = [one.payload for one in heard if one.event_type.startswith("cgsnapshot.")]
    of_copies = [one.payload for one in heard if one.event_type.startswith("snapshot.")]
    assert {(one["cgsnapshot_id"], one["name"]) for one in of_whole} == {(made.id, "before")}
    assert {one["snapshot_id"] for one in of_copies} == copies
    assert {(one["cgsnapshot_id"], one["volume_size"]) for one in of_copies} == {(made.id, 1)}
    others = [one.event_type for one in heard if not one.event_type.partition(".")[0].endswith("snapshot")]
    assert len(others) == len(heard) - len(safety) == 6


def payloads(listener: RecordingNotifier, *kinds: str) -> list[tuple[str, dict[str, object]]]:
    heard = [(one.event_type, one.payload) for one in listener.take()]
    return [(kind, payload) for kind, payload in heard if kind.rpartition(".")[0] in kinds]


@pytest.mark.parametrize(("call", "when"), [("cut", "before"), ("restore", "after")])
def test_a_failed_revert_notifies_of_its_safety_cgsnapshot(
    tmp_path: Path, listener: RecordingNotifier, call: str, when: Any
) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        cgsnapshot_id = w.make(w.accept_cgsnapshot(w.group_of(1)))
        listener.take()
        faults.add_fault(Fault(call, "final", when=when))
        assert w.finish(w.revert_group(cgsnapshot_id, safety="before")).state is FlowState.REVERTED
        heard = list(listener.heard)
        assert event_statuses(listener) == sorted(
            [
                *STARTED,
                ("consistencygroup.revert.error", "available"),
                ("volume.revert.error", "available"),
                ("cgsnapshot.create.error", "error"),
                ("snapshot.create.error", "error"),
            ],
            key=event_sort_key,
        )
    (reason,) = [one.payload["reason"] for one in heard if one.event_type == "cgsnapshot.create.error"]
    assert f"{call} failed by order" in str(reason)


def test_a_revert_that_fails_behind_its_commit_keeps_its_safety_cgsnapshot(
    tmp_path: Path, listener: RecordingNotifier
) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        cgsnapshot_id = w.make(w.accept_cgsnapshot(w.group_of(1)))
        listener.take()
        faults.add_fault(Fault("finish_restore", "final"))
        assert w.finish(w.revert_group(cgsnapshot_id, safety="before")).state is FlowState.SUCCESS
        assert event_statuses(listener) == sorted(
            [
                *STARTED,
                ("consistencygroup.revert.end", "available"),
                ("volume.revert.end", "available"),
                ("cgsnapshot.create.end", "available"),
                ("snapshot.create.end", "available"),
            ],
            key=event_sort_key,
        )


STARTED = [
    ("consistencygroup.revert.start", "reverting"),
    ("cgsnapshot.create.start", "creating"),
    ("snapshot.create.start", "creating"),
    ("volume.revert.start", "reverting"),
]
