"""The lifecycle of groups, volumes and snapshots on a real qemu-storage-daemon."""

import pytest

from cgflow.drivers.contract import GroupSnapshots, VolumeSpec
from cgflow.drivers.qsd.driver import GIB
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.nbd_client import NbdClient, NbdError
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    snapshot_specs,
    take_cgsnapshot,
    volume_specs,
    write_block,
)

pytestmark = pytest.mark.real


def test_every_call_twice_is_the_same_call(bench: QsdDriverFixture) -> None:
    driver, volumes = bench.driver, volume_specs(2)
    for _ in range(2):
        driver.create_group("g")
        for volume in volumes:
            driver.create_volume(volume)
    snapshots = snapshot_specs(volumes, "c")
    for _ in range(2):
        for snapshot in snapshots:
            driver.prepare(snapshot)
    first = driver.cut("c", "g", snapshots)
    assert driver.cut("c", "g", snapshots) == first
    assert first["members"] == 2
    for snapshot in snapshots:
        driver.prepare(snapshot)
        assert driver.snapshot(snapshot) == driver.snapshot(snapshot)
        assert driver.export_snapshot(snapshot) == driver.export_snapshot(snapshot)
    inventory = driver.inventory("g")
    assert inventory.groups == {"g"}
    assert inventory.volumes == {"v0", "v1"}
    assert inventory.snapshots == inventory.exports == {"c.v0", "c.v1"}
    assert inventory.problems == ()
    for _ in range(2):
        for snapshot in snapshots:
            driver.unexport_snapshot(snapshot)
        for snapshot in snapshots:
            driver.delete_snapshot(snapshot)
        for volume in volumes:
            driver.delete_volume(volume)
        driver.delete_group("g")
    assert driver.inventory() == driver.inventory("g")
    assert not any((bench.state_dir / "homes").iterdir())
    assert not any((bench.state_dir / "run").iterdir())


def test_a_lone_volume_has_a_place_of_its_own(bench: QsdDriverFixture) -> None:
    lone = VolumeSpec(id="lone", size_gib=1)
    bench.driver.create_volume(lone)
    write_block(bench.driver, lone, 1)
    inventory = bench.driver.inventory()
    assert inventory.volumes == {"lone"}
    assert inventory.groups == frozenset()
    bench.driver.delete_volume(lone)
    assert not any((bench.state_dir / "homes").iterdir())


def test_a_snapshot_holds_what_was_written_before_the_cut_and_refuses_writes(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    for index, client in enumerate(clients):
        client.write(0, bytes([index + 1]) * BLOCK)
    snapshots = take_cgsnapshot(bench.driver, volumes, "c")
    for client in clients:
        client.write(0, b"\xff" * BLOCK)
    for index, snapshot in enumerate(snapshots):
        exported = bench.client(bench.driver.export_snapshot(snapshot))
        assert exported.read_only
        assert exported.size_bytes == GIB
        assert exported.read(0, BLOCK) == bytes([index + 1]) * BLOCK
        with pytest.raises(NbdError):
            exported.write(0, b"x" * BLOCK)


def test_extend_is_refused_while_a_client_is_connected_and_can_be_undone(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    client = bench.client(bench.driver.connection(volume))
    client.write(0, b"\7" * BLOCK)
    with pytest.raises(BusyDriverError, match="disconnect that client"):
        bench.driver.extend_volume(volume, 2)
    assert client.read(0, BLOCK) == b"\7" * BLOCK
    bench.hang_up()
    bench.driver.extend_volume(volume, 2)
    bench.driver.extend_volume(volume, 2)
    larger = bench.client(bench.driver.connection(volume))
    assert larger.size_bytes == 2 * GIB
    assert larger.read(0, BLOCK) == b"\7" * BLOCK
    bench.hang_up()
    bench.driver.extend_volume(volume, 1)
    assert bench.client(bench.driver.connection(volume)).size_bytes == GIB


def test_an_overlay_prepared_before_a_resize_is_made_again(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    (snapshot,) = snapshot_specs([volume], "c")
    bench.driver.prepare(snapshot)
    bench.driver.extend_volume(volume, 2)
    bench.driver.cut("c", "g", [snapshot])
    assert bench.client(bench.driver.connection(volume)).size_bytes == 2 * GIB
    assert bench.client(bench.driver.export_snapshot(snapshot)).size_bytes == 2 * GIB


def test_a_volume_is_not_made_smaller_than_its_snapshots(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    bench.driver.extend_volume(volume, 2)
    take_cgsnapshot(bench.driver, [volume], "c")
    with pytest.raises(FinalDriverError, match="smaller than its snapshots"):
        bench.driver.extend_volume(volume, 1)


def test_refusals_change_nothing(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    driver = bench.driver
    prepared, not_prepared = snapshot_specs(volumes, "c")
    driver.prepare(prepared)
    files = bench.files("g")
    for refused in (
        lambda: driver.cut("c", "g", [prepared, not_prepared]),
        lambda: driver.cut("c", "g", []),
        lambda: driver.delete_volume(volumes[0]),
        lambda: driver.delete_group("g"),
        lambda: driver.create_volume(VolumeSpec("x", 1, "no-such-group")),
        lambda: driver.create_volume(VolumeSpec("../x", 1)),
        lambda: driver.connection(VolumeSpec("x", 1, "g")),
        lambda: driver.export_snapshot(prepared),
        lambda: driver.snapshot(not_prepared),
        lambda: driver.prepare(snapshot_specs([VolumeSpec("x", 1, "g")], "c")[0]),
        lambda: driver.extend_volume(VolumeSpec("x", 1, "g"), 2),
    ):
        with pytest.raises(FinalDriverError):
            refused()
    assert bench.files("g") == files
    assert driver.inventory().volumes == {"v0", "v1"}


def test_connections_beyond_a_hundred_do_not_hang(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    for _ in range(120):
        bench.client(bench.driver.connection(volume))


def test_the_report_says_what_placement_needs(bench: QsdDriverFixture) -> None:
    bench.make_group(2)
    report = bench.driver.report()
    assert report.thin
    assert report.provisioned_gib == 2
    assert 0 < report.free_gib <= report.total_gib
    assert report.capabilities["consistencygroup_support"] is True
    assert report.capabilities["consistent_group_snapshot_enabled"] is True
    assert isinstance(bench.driver, GroupSnapshots)


def test_clients_of_a_deleted_volume_are_disconnected(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    client = NbdClient.from_uri(str(bench.driver.connection(volume).data["uri"]))
    bench.driver.delete_volume(volume)
    with pytest.raises(NbdError):
        client.read(0, BLOCK)
    client.abort()
