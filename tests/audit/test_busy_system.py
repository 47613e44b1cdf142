"""No false alarm: a busy system is audited continuously, and only planted drift is found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cgflow.audit.findings import Finding
from cgflow.db.models import Flow
from cgflow.drivers.fault_injection.faulty_driver import FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from flows.audit.run import audit
from tests.audit.test_finding_kinds import repaired
from tests.support import planted_drift
from tests.support.postgresql_server import postgres_server
from tests.support.qsd_fixture import QsdDriverFixture, require_qsd
from tests.support.random_clients import clients_running
from tests.support.world import World, world

PLANTED = (
    *("volume.missing", "volume.orphan", "volume.larger", "volume.elsewhere", "group.missing"),
    *("group.orphan", "snapshot.missing", "snapshot.orphan", "cgsnapshot.incomplete", "restore.kept"),
    *(
        "snapshot.cgsnapshot_gone",
        "status.passing",
        "claim.left",
        "quota.usage",
        "reservation.left",
        "attachment.volume_gone",
    ),
)


def unlimited(w: World) -> None:
    w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
    planted_drift.shared_group(w)


def ended(w: World) -> Counter[str]:
    with w.database.read() as session:
        return Counter(dict(session.execute(select(Flow.state, func.count()).group_by(Flow.state)).all()))


@pytest.mark.slow
def test_a_busy_system_is_in_order_and_what_is_planted_is_found_there(tmp_path: Path) -> None:
    faults = FaultSchedule()
    alarms: list[Finding] = []
    looks = 0
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults)) as w:
        unlimited(w)
        with clients_running(w, 3, 1, faults) as is_busy:
            while is_busy():
                alarms += audit(w.runtime).findings
                looks += 1
        assert [str(one) for one in alarms] == []
        assert ended(w)["reverted"], "something was undone meanwhile"
        assert looks > 2
        faults.clear()
        expected = sorted(f"{code}:{planted_drift.PLANTS[code](w)}" for code in PLANTED)
        met = 0
        with clients_running(w, 1, 1) as is_busy:
            while is_busy():
                assert sorted(one.id for one in audit(w.runtime).findings) == expected
                met += 1
        assert met > 1


@pytest.mark.postgresql
@pytest.mark.real
@pytest.mark.slow
def test_the_same_on_postgresql(tmp_path: Path) -> None:
    """On PostgreSQL, each read of the rows has to request a consistent snapshot of the database."""
    alarms: list[Finding] = []
    with postgres_server() as server, world(tmp_path, MemoryDriver(), url=server.new_url()) as w:
        unlimited(w)
        with clients_running(w, 2, 1) as is_busy:
            while is_busy():
                alarms += audit(w.runtime).findings
        assert [str(one) for one in alarms] == []
        expected = sorted(f"{code}:{planted_drift.PLANTS[code](w)}" for code in PLANTED)
        assert sorted(one.id for one in audit(w.runtime).findings) == expected
        repaired(w, "safe", *PLANTED)
        assert w.faults() == []


@pytest.mark.real
@pytest.mark.slow
def test_real_volumes_that_are_busy_are_in_order() -> None:
    require_qsd()
    bench = QsdDriverFixture()
    alarms: list[Finding] = []
    looks = 0
    try:
        with world(bench.root, bench.driver) as w:
            unlimited(w)
            with clients_running(w, 2, 1) as is_busy:
                while is_busy():
                    alarms += audit(w.runtime).findings
                    looks += 1
        assert [str(one) for one in alarms] == []
        assert looks > 2
    finally:
        bench.clean()
