"""Notifications of operations (S140 to S143): number of events, resources, and the status at the end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import conductor
from cgflow.errors import ConfigError
from cgflow.notifications import notifier
from cgflow.notifications.notifier import Notification, Notifier, to_log
from cgflow.status import FlowState
from flows import flow_actions, service
from flows.acceptance import Accepted
from tests.support.recording_notifier import RecordingNotifier, event_statuses
from tests.support.world import CALLER, HOST, world


def test_an_empty_group_is_told_of_twice_s142(tmp_path: Path, listener: RecordingNotifier) -> None:
    """S140, S141."""
    with world(tmp_path, MemoryDriver()) as w:
        w.type()
        group_id = w.make(w.accept_group())
        start, end = listener.take()
        w.make(w.delete_group(group_id))
        assert event_statuses(listener) == [
            ("consistencygroup.delete.start", "deleting"),
            ("consistencygroup.delete.end", "deleted"),
        ]
    assert (start.event_type, end.event_type) == (
        "consistencygroup.create.start",
        "consistencygroup.create.end",
    )
    assert (start.priority, end.publisher_id) == ("INFO", f"consistencygroup.{HOST}")
    assert start.publisher_id.startswith("consistencygroup.")
    assert set(end.payload) == {
        *("tenant_id", "user_id", "availability_zone", "consistencygroup_id", "name", "created_at", "status")
    }
    assert (end.payload["consistencygroup_id"], end.payload["status"]) == (group_id, "available")
    assert (end.payload["tenant_id"], end.payload["user_id"]) == ("project", "user")
    assert start.payload["status"] == "creating"


def test_a_cgsnapshot_of_one_member_is_told_of_four_times_each_s142(
    tmp_path: Path, listener: RecordingNotifier
) -> None:
    """S141."""
    with world(tmp_path, MemoryDriver()) as w:
        group_id = w.group_of(1)
        listener.take()
        cgsnapshot_id = w.make(w.accept_cgsnapshot(group_id))
        (snapshot,) = w.all("snapshot")
        heard = list(listener.heard)
        assert event_statuses(listener) == [
            ("cgsnapshot.create.start", "creating"),
            ("snapshot.create.start", "creating"),
            ("cgsnapshot.create.end", "available"),
            ("snapshot.create.end", "available"),
        ]
        w.make(w.delete_cgsnapshot(cgsnapshot_id))
        assert event_statuses(listener) == [
            ("cgsnapshot.delete.start", "deleting"),
            ("snapshot.delete.start", "deleting"),
            ("cgsnapshot.delete.end", "deleted"),
            ("snapshot.delete.end", "deleted"),
        ]
    assert set(heard[0].payload) == {
        *("tenant_id", "user_id", "cgsnapshot_id", "name", "consistencygroup_id", "created_at", "status")
    }
    assert [one.payload["snapshot_id"] for one in (heard[1], heard[3])] == [snapshot.id, snapshot.id]
    assert heard[1].payload["created_at"] is not None, "that of the acceptance, until it has a record"


def test_members_are_told_of_although_they_are_gone_s143(tmp_path: Path, listener: RecordingNotifier) -> None:
    with world(tmp_path, MemoryDriver()) as w:
        group_id = w.group_of(2)
        members = {one.id for one in w.all("volume")}
        listener.take()
        w.make(w.delete_group(group_id))
        ends = [one for one in listener.take() if one.event_type == "volume.delete.end"]
    assert {one.payload["volume_id"] for one in ends} == members
    assert {one.payload["status"] for one in ends} == {"deleted"}


def test_changes_and_copies_are_told_of(tmp_path: Path, listener: RecordingNotifier) -> None:
    """S140, C8."""
    with world(tmp_path, MemoryDriver()) as w:
        group_id = w.group_of(1)
        outsider = w.make(w.accept_volume())
        listener.take()
        w.make(w.extend(outsider, 2))
        assert event_statuses(listener) == [
            ("volume.resize.start", "extending"),
            ("volume.resize.end", "available"),
        ]
        w.make(w.update_group(group_id, add=[outsider]))
        assert event_statuses(listener) == [
            ("consistencygroup.update.start", "updating"),
            ("volume.update.start", "available"),
            ("volume.update.start", "available"),
            ("consistencygroup.update.end", "available"),
            ("volume.update.end", "available"),
            ("volume.update.end", "available"),
        ]
        cgsnapshot_id = w.make(w.accept_cgsnapshot(group_id))
        listener.take()
        for source in ({"group": group_id}, {"cgsnapshot": cgsnapshot_id}):
            w.make(w.group_from(**source))
            assert event_statuses(listener) == [
                ("consistencygroup.create.start", "creating"),
                ("volume.create.start", "creating"),
                ("volume.create.start", "creating"),
                ("consistencygroup.create.end", "available"),
                ("volume.create.end", "available"),
                ("volume.create.end", "available"),
            ]


def test_a_group_that_is_put_back_is_told_of_with_its_members(
    tmp_path: Path, listener: RecordingNotifier
) -> None:
    with world(tmp_path, MemoryDriver()) as w:
        cgsnapshot_id = w.make(w.accept_cgsnapshot(w.group_of(1)))
        listener.take()
        w.make(w.revert_group(cgsnapshot_id))
        assert event_statuses(listener) == [
            ("consistencygroup.revert.start", "reverting"),
            ("volume.revert.start", "reverting"),
            ("consistencygroup.revert.end", "available"),
            ("volume.revert.end", "available"),
        ]


def test_a_failure_is_told_with_its_reason_s143(tmp_path: Path, listener: RecordingNotifier) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        group_id = w.group_of(1)
        listener.take()
        faults.add_fault(Fault("cut", "final"))
        assert w.finish(w.accept_cgsnapshot(group_id)).state is FlowState.REVERTED
        heard = list(listener.heard)
        assert [event for event, _ in event_statuses(listener)] == [
            "cgsnapshot.create.start",
            "snapshot.create.start",
            "cgsnapshot.create.error",
            "snapshot.create.error",
        ]
        told_of_members = [
            one.payload["status"] for one in heard if one.event_type == "snapshot.create.error"
        ]
        assert told_of_members == ["error"], "although its record is gone"
    failed = next(one for one in heard if one.event_type == "cgsnapshot.create.error")
    assert (failed.payload["status"], failed.priority) == ("error", "ERROR")
    assert "cut failed by order" in str(failed.payload["reason"])


def test_of_a_delete_that_fails_each_member_is_told_of_as_it_is(
    tmp_path: Path, listener: RecordingNotifier
) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        cgsnapshot_id = w.make(w.accept_cgsnapshot(w.group_of(2)))
        stays = w.all("snapshot")[0].id
        listener.take()
        faults.add_fault(Fault("delete_snapshot", "final", times=None, target=stays))
        assert w.finish(w.delete_cgsnapshot(cgsnapshot_id)).state is FlowState.REVERTED
        faults.clear()
        assert event_statuses(listener) == [
            ("cgsnapshot.delete.start", "deleting"),
            ("snapshot.delete.start", "deleting"),
            ("snapshot.delete.start", "deleting"),
            ("cgsnapshot.delete.error", "error_deleting"),
            ("snapshot.delete.error", "error_deleting"),
            ("snapshot.delete.end", "deleted"),
        ]


def test_a_failed_rollback_that_is_tried_again_is_told_once(
    tmp_path: Path, listener: RecordingNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = FaultSchedule()
    monkeypatch.setattr(conductor, "UNDO_PAUSE_S", 3600)
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        w.type()
        faults.add_fault(Fault("create_group", "ambiguous", when="after"))
        faults.add_fault(Fault("delete_group", "final", times=None))
        accepted = w.accept_group()
        assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
        faults.clear()
        flow_actions.retry(w.runtime, CALLER, accepted.flow_id)
        assert w.finish(accepted).state is FlowState.REVERTED
        assert [event for event, _ in event_statuses(listener)] == [
            "consistencygroup.create.start",
            "consistencygroup.create.error",
        ]


def test_the_last_automatic_retry_of_an_undo_is_announced_when_it_fails(
    tmp_path: Path,
    listener: RecordingNotifier,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = FaultSchedule()
    monkeypatch.setattr(conductor, "UNDO_PAUSE_S", 3600)
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 2)
    failed = ("consistencygroup.create.error", "error")
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        w.type()
        faults.add_fault(Fault("create_group", "ambiguous", when="after"))
        faults.add_fault(Fault("delete_group", "final", times=None))
        accepted = w.accept_group()
        announced, logged = [], []
        for _ in range(3):
            assert w.finish(accepted).state is FlowState.ROLLBACK_FAILED
            announced.append([event for event in event_statuses(listener) if event == failed])
            logged.append(caplog.messages[-2:])
            caplog.clear()
            flow_actions.retry_automatically(w.runtime, accepted.flow_id)
        assert announced == [[failed], [], [failed]]
    first, second, last = (" ".join(words) for words in logged)
    assert "The undo is tried again by itself at " in first
    assert "The undo is tried again by itself at " in second
    assert "The undo is not tried again by itself. An administrator has to " in last


def test_what_could_not_be_told_for_a_restart_is_told_after_it(
    tmp_path: Path, listener: RecordingNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = MemoryDriver()
    with world(tmp_path, driver) as w:
        w.type()
        w.runtime.conductor.stop()
        accepted = w.accept_group()
    assert listener.take() == []
    with world(tmp_path, driver) as w:
        w.make(Accepted(accepted.flow_id, accepted.resource_id))
        assert [event for event, _ in event_statuses(listener)] == [
            "consistencygroup.create.start",
            "consistencygroup.create.end",
        ]


def test_a_notifier_that_fails_is_logged_and_keeps_nobody_from_going_on(
    tmp_path: Path,
    listener: RecordingNotifier,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: Notification) -> None:
        raise OSError("the broker is away")

    monkeypatch.setattr(service.notifier, "load_notifiers", lambda _names: Notifier([broken, listener]))
    with world(tmp_path, MemoryDriver()) as w:
        w.type()
        w.make(w.accept_group())
        assert len(listener.take()) == 2
    assert "the broker is away" in caplog.text
    assert "not told: " in caplog.text


def test_the_log_tells_in_lines_of_json(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    payload: dict[str, Any] = {"name": "ä"}
    with caplog.at_level(logging.INFO):
        to_log(Notification(event_type="volume.create.end", publisher_id="volume.h", payload=payload))
    (record,) = caplog.records
    assert record.name == "cgflow.notification.volume.create.end"
    assert '"publisher_id": "volume.h"' in record.getMessage()


def test_notifiers_are_chosen_by_name() -> None:
    assert notifier.load_notifiers([]).is_silent
    assert not notifier.load_notifiers(["log"]).is_silent
    with pytest.raises(ConfigError, match="no notifier pigeon. Valid values: log"):
        notifier.load_notifiers(["log", "pigeon"])
