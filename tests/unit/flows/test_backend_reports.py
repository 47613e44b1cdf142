"""Notifications from backend reports: each incident once, each problem when it appears and disappears."""

from __future__ import annotations

import logging

import pytest

from cgflow.drivers.contract import Incident, Report
from cgflow.notifications.notifier import ERROR, Notification, Notifier
from flows.backend_reports import ReportObserver


def reported(numbers: tuple[int, ...] = (), problems: tuple[str, ...] = ()) -> Report:
    incidents = tuple(Incident(number, "2026-01-01T00:00:00", "g", f"death {number}") for number in numbers)
    return Report(0, 0, 0, thin=True, problems=problems, incidents=incidents)


def test_each_incident_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Notification] = []
    observer = ReportObserver(Notifier([sent.append]))
    for numbers in ((), (1,), (1,), (1, 2, 3)):
        observer.notify_changes("h@one", reported(numbers))
    observer.notify_changes("h@two", reported((1,)))
    assert [(one.payload["host"], one.payload["reason"]) for one in sent] == [
        ("h@one", "death 1"),
        ("h@one", "death 2"),
        ("h@one", "death 3"),
        ("h@two", "death 1"),
    ]
    assert {(one.event_type, one.priority) for one in sent} == {("backend.data_service_restarted", ERROR)}
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 4


def test_problems_are_logged_when_they_come_and_when_they_go(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    observer = ReportObserver(Notifier([]))
    for problems in (("a",), ("a",), ("a", "b"), ()):
        observer.notify_changes("h@one", reported(problems=problems))
    assert [(record.levelname, record.message.rpartition(": ")[2]) for record in caplog.records] == [
        ("WARNING", "a"),
        ("WARNING", "b"),
        ("INFO", "a"),
        ("INFO", "b"),
    ]


def test_a_stored_report_is_read_whoever_wrote_it() -> None:
    stored = {"total_gib": 1.0, "free_gib": 1.0, "provisioned_gib": 0.0, "thin": True, "later": 1}
    assert Report.from_json(stored) == Report(1.0, 1.0, 0.0, thin=True)
    assert Report.from_json({**stored, "problems": ["a"]}).problems == ("a",)
