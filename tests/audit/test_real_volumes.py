"""Drift on real volumes: a missing layer, a dead daemon, folders of another service."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.errors import DriverError, FinalDriverError
from flows.acceptance import new_id
from flows.audit.run import audit
from tests.audit.test_finding_kinds import repaired
from tests.support import planted_drift
from tests.support.qsd_fixture import QsdDriverFixture, require_qsd
from tests.support.world import World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

# The kinds that can be planted with driver calls only.
PLANTED = (
    *("volume.missing", "volume.orphan", "volume.smaller", "volume.elsewhere", "group.missing"),
    *("group.orphan", "snapshot.missing", "snapshot.orphan", "snapshot.exported", "restore.kept"),
)


@pytest.fixture
def bench() -> Iterator[QsdDriverFixture]:
    require_qsd()
    made = QsdDriverFixture()
    yield made
    made.clean()


def found(w: World) -> list[str]:
    return sorted(one.id for one in audit(w.runtime).findings)


def test_drift_on_real_volumes_is_found_and_repaired(bench: QsdDriverFixture) -> None:
    with world(bench.root, bench.driver) as w:
        planted_drift.shared_group(w)
        assert found(w) == []
        expected = [f"{code}:{planted_drift.PLANTS[code](w)}" for code in PLANTED]
        assert found(w) == sorted(expected)
        repaired(w, "safe", *PLANTED)
        assert w.faults() == []


def test_a_layer_that_is_gone_and_the_daemon_with_it(bench: QsdDriverFixture) -> None:
    with world(bench.root, bench.driver) as w:
        volume_id = w.make(w.accept_volume(kind=None))
        (layer,) = (bench.state_dir / "homes" / volume_id).glob("*.qcow2")
        aside = bench.root / "aside"
        layer.rename(aside)
        named = f"backend.problem:{volume_id}"
        assert found(w) == [named], "although the daemon has it open, and clients read and write"
        os.kill(bench.pid(volume_id), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not any("cannot be served" in text for text in bench.driver.inventory().problems):
            # A call also notices that the daemon cannot be started again.
            with suppress(DriverError):
                bench.driver.create_volume(VolumeSpec(volume_id, 1))
            assert time.monotonic() < deadline
        (one,) = audit(w.runtime).findings
        assert (one.id, one.kind.is_repairable) == (named, False)
        with pytest.raises(FinalDriverError, match=f"volume {volume_id} cannot be served"):
            bench.driver.connection(VolumeSpec(volume_id, 1))
        aside.rename(layer)
        bench.driver.connection(VolumeSpec(volume_id, 1))
        assert w.faults() == []
        layer.unlink()
        assert found(w) == [named]
        w.make(w.delete_volume(volume_id))
        assert w.faults() == []


def test_folders_of_another_service(bench: QsdDriverFixture) -> None:
    group_id, volume_id = new_id(), new_id()
    foreign = QsdDriver(bench.root / "other")
    foreign.start()
    foreign.create_group(group_id)
    foreign.create_volume(VolumeSpec(volume_id, 1, group_id))
    other = bench.root / "other" / "homes" / group_id
    with world(bench.root, bench.driver) as w:
        assert found(w) == []
    bench.driver.stop()
    shutil.copytree(other, bench.state_dir / "homes" / group_id)
    foreign.delete_volume(VolumeSpec(volume_id, 1, group_id))
    foreign.delete_group(group_id)
    foreign.stop()
    _layers_without_a_manifest(bench.state_dir / "homes" / "lost")
    bench.driver = QsdDriver(bench.state_dir)
    with world(bench.root, bench.driver) as w:
        (problem,) = [one for one in audit(w.runtime).findings if one.code == "backend.problem"]
        assert "contains layers but no manifest" in problem.message
        expected = {f"group.orphan:{group_id}", f"volume.orphan:{volume_id}", problem.id}
        assert set(found(w)) == expected
        repaired(w, "volume.orphan")
        repaired(w, "group.orphan")
        assert found(w) == [problem.id]


def _layers_without_a_manifest(folder: Path) -> None:
    folder.mkdir()
    (folder / "1.qcow2").write_bytes(b"something")
