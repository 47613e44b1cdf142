"""A layer whose file is missing is reported at once, is not relied on, and does not prevent deletion."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.operations import layer_access
from cgflow.errors import FinalDriverError
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real

Cut = list[list[SnapshotSpec]]


@pytest.fixture
def cut(bench: QsdDriverFixture) -> Cut:
    """Three cgsnapshots of two volumes that hold a different value at each, and another one now."""
    volumes = bench.make_group(2)
    made = []
    for value in range(3):
        for volume in volumes:
            write_block(bench.driver, volume, value + 1)
        made.append(take_cgsnapshot(bench.driver, volumes, f"c{value}"))
    for volume in volumes:
        write_block(bench.driver, volume, 4)
    return made


V0, V1 = (VolumeSpec(f"v{index}", 1, "g") for index in range(2))


def lose(bench: QsdDriverFixture, place: int) -> Path:
    """Move away the file of a layer of the first volume, counted from the base; return its former path."""
    gone = bench.state_dir / "homes" / "g" / f"L{bench.manifest('g').volumes['v0'].chain[place]}.qcow2"
    gone.rename(bench.root / "aside")
    return gone


def started_again(bench: QsdDriverFixture) -> QsdDriver:
    """Kill the daemon, which closes the files that it had open, and start the driver again."""
    bench.driver.stop()
    bench.kill_daemon("g")
    return bench.start()


def test_it_is_named_at_once_and_can_be_read_while_its_daemon_lives(
    bench: QsdDriverFixture, cut: Cut
) -> None:
    gone = lose(bench, 1)
    (problem,) = bench.driver.inventory().problems
    assert problem.startswith(f"volume v0 has lost data: {gone} is gone, ")
    assert bench.driver.inventory("g").problems == (problem,)
    assert read_block(bench.driver, V0) == b"\4" * BLOCK
    (bench.root / "aside").rename(gone)
    assert bench.driver.inventory().problems == ()


@pytest.mark.parametrize("is_served", [True, False])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_everything_of_it_can_be_deleted(
    bench: QsdDriverFixture, cut: Cut, place: int, is_served: bool
) -> None:
    bench.driver.export_snapshot(cut[1][0])
    late = snapshot_specs([V0], "never-cut")[0]
    bench.driver.prepare(late)
    lose(bench, place)
    driver = bench.driver if is_served else started_again(bench)
    assert len(driver.inventory().problems) == 1
    for copies in (cut[1], cut[0], cut[2], [late]):
        driver.delete_snapshot(copies[0])
        assert not driver.has_snapshot(copies[0])
    driver.delete_volume(V0)
    assert (driver.inventory().volumes, driver.inventory().problems) == ({"v1"}, ())
    assert read_block(driver, V1) == b"\4" * BLOCK
    assert read_snapshot(driver, cut[0][1]) == b"\1" * BLOCK


@pytest.mark.parametrize("damage", [lambda leaf: leaf.unlink(), lambda leaf: os.truncate(leaf, 0)])
def test_copies_of_what_cannot_be_opened_are_read_where_they_are_whole_and_go(
    bench: QsdDriverFixture, cut: Cut, damage: Callable[[Path], None]
) -> None:
    leaf = bench.state_dir / "homes" / "g" / f"L{bench.manifest('g').volumes['v0'].leaf}.qcow2"
    damage(leaf)
    driver = started_again(bench)
    assert driver.inventory().problems
    if not leaf.exists():
        assert read_snapshot(driver, cut[0][0]) == b"\1" * BLOCK
        driver.unexport_snapshot(cut[0][0])
    for copies in (cut[1], cut[0], cut[2]):
        driver.delete_snapshot(copies[0])
        assert not driver.has_snapshot(copies[0])
    driver.delete_volume(V0)
    assert (driver.inventory().volumes, driver.inventory().problems) == ({"v1"}, ())
    assert read_block(driver, V1) == b"\4" * BLOCK


def test_an_address_that_nobody_serves_is_not_told(bench: QsdDriverFixture, cut: Cut) -> None:
    gone = lose(bench, 0)
    driver = started_again(bench)
    with pytest.raises(FinalDriverError, match=f"volume v0 cannot be served: .*{gone.name}.*or delete it"):
        driver.connection(V0)
    assert read_block(driver, V1) == b"\4" * BLOCK
    (bench.root / "aside").rename(gone)
    assert read_block(driver, V0) == b"\4" * BLOCK, "the question is also how to have it served again"
    assert driver.inventory().problems == ()


def test_nothing_is_made_of_it(bench: QsdDriverFixture, cut: Cut) -> None:
    gone = lose(bench, 0)
    driver, (copy, _) = bench.driver, cut[0]
    target = VolumeSpec("clone", 1)
    for call in (
        lambda: driver.clone_volume(target, copy),
        lambda: driver.snapshot(copy),
        lambda: driver.export_snapshot(copy),
        lambda: driver.restore("r", [copy]),
        lambda: driver.move_volume(V0, None),
        lambda: driver.extend_volume(V0, 2),
        lambda: driver.compact_volume(V0, 1.0),
    ):
        _refuses(call, gone.name)
    lose(bench, -1)
    _refuses(lambda: driver.serve_file(V0), f"L{bench.manifest('g').volumes['v0'].leaf}.qcow2")
    assert driver.inventory().volumes == {"v0", "v1"}
    assert read_block(driver, V0) == b"\4" * BLOCK


def _refuses(call: Callable[[], object], name: str) -> None:
    with pytest.raises(FinalDriverError, match=f"{name} is gone"):
        call()


def test_a_copy_that_is_whole_outlives_the_loss_above_it(bench: QsdDriverFixture, cut: Cut) -> None:
    lose(bench, -1)
    driver = started_again(bench)
    assert read_snapshot(driver, cut[1][0]) == b"\2" * BLOCK
    driver.clone_volume(VolumeSpec("clone", 1), cut[1][0])
    assert read_block(driver, VolumeSpec("clone", 1)) == b"\2" * BLOCK
    driver.restore("r", [cut[0][0]])
    driver.finish_restore("r", [cut[0][0]])
    assert driver.inventory().problems == ()
    assert read_block(driver, V0) == b"\1" * BLOCK


def test_a_restore_over_a_loss_is_undone(bench: QsdDriverFixture, cut: Cut) -> None:
    lose(bench, -1)
    driver = started_again(bench)
    driver.restore("r", [cut[0][0]])
    driver.undo_restore("r", [cut[0][0]])
    assert len(driver.inventory().problems) == 1
    driver.restore("s", [cut[0][0]])
    driver.finish_restore("s", [cut[0][0]])
    assert read_block(driver, V0) == b"\1" * BLOCK


def test_what_goes_while_somebody_looks_is_not_lost(
    bench: QsdDriverFixture, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge drops a layer from the manifest and then removes its file, possibly between two checks."""
    faults, late = layer_access.damaged_layers, [copies[0] for copies in cut]

    def slowly(home: Home, volume: VolumeRecord) -> dict[int, str]:
        while late:
            bench.driver.delete_snapshot(late.pop())
        return faults(home, volume)

    before = set(os.listdir(bench.state_dir / "homes" / "g"))
    monkeypatch.setattr(layer_access, "damaged_layers", slowly)
    assert bench.driver.inventory().problems == ()
    assert before - set(os.listdir(bench.state_dir / "homes" / "g")), (
        "there was something to be mistaken for it"
    )


@pytest.mark.parametrize("is_served", [True, False])
def test_a_prepared_overlay_that_is_gone_is_made_again(
    bench: QsdDriverFixture, cut: Cut, is_served: bool
) -> None:
    snapshots = snapshot_specs([V0, V1], "late")
    for snapshot in snapshots:
        bench.driver.prepare(snapshot)
    held = bench.manifest("g").volumes["v0"].pending[snapshots[0].id]
    (bench.state_dir / "homes" / "g" / f"L{held.layer}.qcow2").unlink()
    driver = bench.driver if is_served else started_again(bench)
    assert driver.inventory().problems == ()
    driver.cut("late", "g", snapshots)
    write_block(driver, V0, 9)
    assert read_snapshot(driver, snapshots[0]) == b"\4" * BLOCK
    assert read_block(started_again(bench), V0) == b"\11" * BLOCK
