"""Backends: their reports, and marking them as down."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest

from cgflow.db.database import Database
from cgflow.db.models import Volume
from cgflow.db.repositories import backend
from cgflow.drivers.contract import Report
from cgflow.errors import NotFound
from cgflow.status import Status
from tests.support.database_schema import migrate

NOW = datetime.fromisoformat("2026-11-22T10:00:00")
LATER = NOW + timedelta(seconds=10)
REPORT = Report(
    total_gib=100, free_gib=40.5, provisioned_gib=120, thin=True, max_over_subscription_ratio=2.0,
    capabilities={"consistencygroup_support": True, "nic": {"speed": 5}},
)  # fmt: skip


@pytest.fixture
def session(tmp_path):
    url = f"sqlite:///{tmp_path}/cgflow.sqlite"
    migrate(url)
    database = Database(url)
    with database.write() as session:
        yield session
    database.close()


def test_what_was_reported_is_read_back(session):
    backend.record_report(session, "h@a", "nova", REPORT, NOW)
    found = backend.get(session, "h@a")
    assert found.report == REPORT
    assert (found.availability_zone, found.reported_at) == ("nova", NOW)
    assert (found.is_up, found.reason) == (True, None)


def test_the_last_report_stands(session):
    backend.record_report(session, "h@a", "nova", REPORT, NOW)
    assert backend.get(session, "h@a").report.free_gib == 40.5
    emptier = Report(total_gib=100, free_gib=1, provisioned_gib=2, thin=False)
    backend.record_report(session, "h@a", "az2", emptier, LATER)
    found = backend.get(session, "h@a")
    assert (found.report, found.availability_zone, found.reported_at) == (emptier, "az2", LATER)
    assert len(backend.all(session)) == 1


def test_down_keeps_the_report_and_the_moment_it_began(session):
    backend.record_report(session, "h@a", "nova", REPORT, NOW)
    backend.mark_down(session, "h@a", "no daemon", LATER)
    backend.mark_down(session, "h@a", "still none", LATER + timedelta(hours=1))
    found = backend.get(session, "h@a")
    assert (found.is_up, found.reason, found.reported_at) == (False, "still none", LATER)
    assert found.report == REPORT


def test_a_report_brings_it_up_again(session):
    backend.record_report(session, "h@a", "nova", REPORT, NOW)
    backend.mark_down(session, "h@a", "no daemon", NOW)
    backend.record_report(session, "h@a", "nova", REPORT, LATER)
    found = backend.get(session, "h@a")
    assert (found.is_up, found.reason, found.reported_at) == (True, None, LATER)


def test_down_before_any_report_is_known_if_its_zone_is(session):
    backend.mark_down(session, "h@a", "no daemon", NOW)
    assert backend.all(session) == []
    backend.mark_down(session, "h@a", "no daemon", NOW, availability_zone="nova")
    (found,) = backend.all(session)
    assert (found.is_up, found.reason, found.report.total_gib) == (False, "no daemon", 0)


def test_down_is_for_one_backend(session):
    backend.record_report(session, "h@b", "nova", REPORT, NOW)
    backend.record_report(session, "h@a", "nova", REPORT, NOW)
    backend.mark_down(session, "h@a", "no daemon", LATER)
    assert [(found.name, found.is_up) for found in backend.all(session)] == [("h@a", False), ("h@b", True)]


def test_unknown_is_not_found(session):
    with pytest.raises(NotFound, match="Backend h@x could not be found."):
        backend.get(session, "h@x")


def test_live_placed_volumes_are_counted(session):
    for host, deleted in [("h@a", False), ("h@a", False), ("h@a", True), ("h@b", False), (None, False)]:
        session.add(
            Volume(
                id=str(uuid.uuid4()), user_id="u", project_id="p", status=Status.AVAILABLE.value, size=1,
                availability_zone="nova", volume_metadata={}, host=host, deleted=deleted,
            )
        )  # fmt: skip
    session.flush()
    assert backend.volume_counts(session) == {"h@a": 2, "h@b": 1}
