"""The life of groups, volumes and snapshots on a real qemu-storage-daemon."""

import subprocess
from collections.abc import Iterator

import pytest

from cgflow.drivers.contract import GroupSnapshots, VolumeSpec
from cgflow.drivers.qsd.driver import GIB
from cgflow.errors import BusyDriverError, FinalDriverError
from cgflow.nbd import NbdClient, NbdError
from tests.support.qsd import (
    BLOCK,
    Bench,
    group_of,
    read,
    read_snapshot,
    require_qsd,
    snapshots_of,
    take,
    write,
)

pytestmark = pytest.mark.real


@pytest.fixture
def bench() -> Iterator[Bench]:
    require_qsd()
    bench = Bench()
    bench.start()
    yield bench
    bench.clean()


def make_group(bench: Bench, count: int) -> list[VolumeSpec]:
    volumes = group_of(count)
    bench.driver.create_group("g")
    for volume in volumes:
        bench.driver.create_volume(volume)
    return volumes


def test_every_call_twice_is_the_same_call(bench: Bench) -> None:
    driver, volumes = bench.driver, group_of(2)
    for _ in range(2):
        driver.create_group("g")
        for volume in volumes:
            driver.create_volume(volume)
    snapshots = snapshots_of(volumes, "c")
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


def test_a_lone_volume_has_a_place_of_its_own(bench: Bench) -> None:
    lone = VolumeSpec(id="lone", size_gib=1)
    bench.driver.create_volume(lone)
    write(bench.driver, lone, 1)
    inventory = bench.driver.inventory()
    assert inventory.volumes == {"lone"}
    assert inventory.groups == frozenset()
    bench.driver.delete_volume(lone)
    assert not any((bench.state_dir / "homes").iterdir())


def test_a_snapshot_holds_what_was_written_before_the_cut_and_refuses_writes(bench: Bench) -> None:
    volumes = make_group(bench, 2)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    for index, client in enumerate(clients):
        client.write(0, bytes([index + 1]) * BLOCK)
    snapshots = take(bench.driver, volumes, "c")
    for client in clients:
        client.write(0, b"\xff" * BLOCK)
    for index, snapshot in enumerate(snapshots):
        exported = bench.client(bench.driver.export_snapshot(snapshot))
        assert exported.read_only
        assert exported.size_bytes == GIB
        assert exported.read(0, BLOCK) == bytes([index + 1]) * BLOCK
        with pytest.raises(NbdError):
            exported.write(0, b"x" * BLOCK)


def test_a_cgsnapshot_that_is_deleted_leaves_the_files_as_they_were(bench: Bench) -> None:
    volumes = make_group(bench, 3)
    for volume in volumes:
        write(bench.driver, volume, 1)
    before = bench.files("g")
    for snapshot in snapshots_of(volumes, "never-cut"):
        bench.driver.prepare(snapshot)
        bench.driver.delete_snapshot(snapshot)
    assert bench.files("g") == before
    snapshots = take(bench.driver, volumes, "cut")
    for volume in volumes:
        write(bench.driver, volume, 2)
    for snapshot in snapshots:
        bench.driver.delete_snapshot(snapshot)
    assert bench.files("g") == before
    assert bench.manifest("g").cuts == {}
    for volume in volumes:
        assert read(bench.driver, volume) == b"\2" * BLOCK


@pytest.mark.parametrize("victim", [0, 1, 2, 3])
def test_deleting_any_snapshot_under_live_clients_keeps_all_other_data(bench: Bench, victim: int) -> None:
    volumes = make_group(bench, 2)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    taken = []
    for round_ in range(4):
        for client in clients:
            client.write(0, bytes([round_]) * BLOCK)
            client.write((round_ + 1) * BLOCK, bytes([round_ + 100]) * BLOCK)
        taken.append(take(bench.driver, volumes, f"c{round_}"))
    for client in clients:
        client.write(0, b"\xee" * BLOCK)
    for snapshot in taken[victim]:
        bench.driver.delete_snapshot(snapshot)
    for round_, snapshots in enumerate(taken):
        for snapshot in snapshots if round_ != victim else []:
            assert read_snapshot(bench.driver, snapshot) == bytes([round_]) * BLOCK
            for written in range(4):
                held = read_snapshot(bench.driver, snapshot, (written + 1) * BLOCK)
                assert held == bytes([written + 100 if written <= round_ else 0]) * BLOCK
    for client in clients:
        assert client.read(0, BLOCK) == b"\xee" * BLOCK
    bench.hang_up()
    for snapshots in taken:
        for snapshot in snapshots:
            bench.driver.delete_snapshot(snapshot)
    assert len(bench.files("g")) == len(volumes)
    assert all(read(bench.driver, volume) == b"\xee" * BLOCK for volume in volumes)


def test_chains_stay_short_under_clients_that_never_leave(bench: Bench) -> None:
    volumes = make_group(bench, 2)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    for round_ in range(20):
        for client in clients:
            client.write(round_ * BLOCK, bytes([round_ + 1]) * BLOCK)
        for snapshot in take(bench.driver, volumes, f"c{round_}"):
            bench.driver.delete_snapshot(snapshot)
        assert all(len(held.chain) <= 3 for held in bench.manifest("g").volumes.values())
        assert len(bench.files("g")) <= 3 * len(volumes)
    for client in clients:
        for round_ in range(20):
            assert client.read(round_ * BLOCK, BLOCK) == bytes([round_ + 1]) * BLOCK


def test_a_client_that_comes_during_a_merge_into_the_leaf_is_given_way(bench: Bench) -> None:
    (volume,) = make_group(bench, 1)
    write(bench.driver, volume, 1)
    (snapshot,) = take(bench.driver, [volume], "c")
    write(bench.driver, volume, 2, offset=BLOCK)
    arrived: list[NbdClient] = []

    def arrive(point: str) -> None:
        if point == "merge:after-ready" and not arrived:
            arrived.append(bench.client(bench.driver.connection(volume)))
            arrived[0].write(2 * BLOCK, b"\3" * BLOCK)

    bench.start(arrive).delete_snapshot(snapshot)
    assert len(bench.manifest("g").volumes["v0"].chain) == 2
    assert bench.driver.inventory().problems == ()
    arrived[0].write(3 * BLOCK, b"\4" * BLOCK)
    (second,) = take(bench.driver, [volume], "d")
    arrived[0].write(3 * BLOCK, b"\5" * BLOCK)
    bench.driver.delete_snapshot(second)
    held = arrived[0].read(0, 4 * BLOCK)
    assert held == b"\1" * BLOCK + b"\2" * BLOCK + b"\3" * BLOCK + b"\5" * BLOCK
    bench.hang_up()
    bench.driver.delete_snapshot(second)
    assert len(bench.files("g")) == 1
    assert read(bench.driver, volume, offset=3 * BLOCK) == b"\5" * BLOCK


def test_a_layer_that_somebody_reads_is_not_merged_until_he_is_gone(bench: Bench) -> None:
    volumes = make_group(bench, 1)
    write(bench.driver, volumes[0], 1)
    oldest = take(bench.driver, volumes, "oldest")[0]
    write(bench.driver, volumes[0], 2)
    newer = take(bench.driver, volumes, "newer")[0]
    write(bench.driver, volumes[0], 3)
    reader = bench.client(bench.driver.export_snapshot(newer))
    bench.driver.delete_snapshot(oldest)
    assert len(bench.manifest("g").volumes["v0"].chain) == 3
    assert reader.read(0, BLOCK) == b"\2" * BLOCK
    bench.driver.unexport_snapshot(newer)
    assert len(bench.manifest("g").volumes["v0"].chain) == 2
    assert read_snapshot(bench.driver, newer) == b"\2" * BLOCK
    assert read(bench.driver, volumes[0]) == b"\3" * BLOCK


def test_extend_is_refused_while_a_client_is_connected_and_can_be_undone(bench: Bench) -> None:
    (volume,) = make_group(bench, 1)
    client = bench.client(bench.driver.connection(volume))
    client.write(0, b"\7" * BLOCK)
    with pytest.raises(BusyDriverError, match="disconnect"):
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


def test_an_overlay_prepared_before_a_resize_is_made_again(bench: Bench) -> None:
    (volume,) = make_group(bench, 1)
    (snapshot,) = snapshots_of([volume], "c")
    bench.driver.prepare(snapshot)
    bench.driver.extend_volume(volume, 2)
    bench.driver.cut("c", "g", [snapshot])
    assert bench.client(bench.driver.connection(volume)).size_bytes == 2 * GIB
    assert bench.client(bench.driver.export_snapshot(snapshot)).size_bytes == 2 * GIB


def test_a_volume_is_not_made_smaller_than_its_snapshots(bench: Bench) -> None:
    (volume,) = make_group(bench, 1)
    bench.driver.extend_volume(volume, 2)
    take(bench.driver, [volume], "c")
    with pytest.raises(FinalDriverError, match="smaller than its snapshots"):
        bench.driver.extend_volume(volume, 1)


def test_a_snapshot_keeps_its_size_when_the_volume_grows(bench: Bench) -> None:
    (volume,) = make_group(bench, 1)
    write(bench.driver, volume, 1)
    (snapshot,) = take(bench.driver, [volume], "c")
    bench.driver.extend_volume(volume, 2)
    write(bench.driver, volume, 9, offset=2 * GIB - BLOCK)
    assert bench.client(bench.driver.export_snapshot(snapshot)).size_bytes == GIB
    bench.driver.unexport_snapshot(snapshot)
    bench.hang_up()
    bench.driver.delete_snapshot(snapshot)
    assert bench.client(bench.driver.connection(volume)).size_bytes == 2 * GIB
    assert read(bench.driver, volume, offset=2 * GIB - BLOCK) == b"\x09" * BLOCK


def test_refusals_change_nothing(bench: Bench) -> None:
    volumes = make_group(bench, 2)
    driver = bench.driver
    prepared, not_prepared = snapshots_of(volumes, "c")
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
        lambda: driver.prepare(snapshots_of([VolumeSpec("x", 1, "g")], "c")[0]),
        lambda: driver.extend_volume(VolumeSpec("x", 1, "g"), 2),
    ):
        with pytest.raises(FinalDriverError):
            refused()
    assert bench.files("g") == files
    assert driver.inventory().volumes == {"v0", "v1"}


def test_connections_beyond_a_hundred_do_not_hang(bench: Bench) -> None:
    (volume,) = make_group(bench, 1)
    for _ in range(120):
        bench.client(bench.driver.connection(volume))


def test_images_are_what_qemu_calls_sound(bench: Bench) -> None:
    volumes = make_group(bench, 1)
    write(bench.driver, volumes[0], 1)
    for name in ("c1", "c2", "c3"):
        take(bench.driver, volumes, name)
        write(bench.driver, volumes[0], 2)
    bench.driver.delete_snapshot(snapshots_of(volumes, "c2")[0])
    bench.driver.stop()
    bench.kill_daemon("g")
    home = bench.state_dir / "homes" / "g"
    for name in bench.files("g"):
        found = subprocess.run(["qemu-img", "check", str(home / name)], capture_output=True, text=True)
        assert "errors were found" not in found.stdout.replace("No errors were found", ""), found.stdout
        assert found.returncode in (0, 3), found.stdout + found.stderr


def test_the_report_says_what_placement_needs(bench: Bench) -> None:
    make_group(bench, 2)
    report = bench.driver.report()
    assert report.thin
    assert report.provisioned_gib == 2
    assert 0 < report.free_gib <= report.total_gib
    assert report.capabilities["consistencygroup_support"] is True
    assert report.capabilities["consistent_group_snapshot_enabled"] is True
    assert isinstance(bench.driver, GroupSnapshots)


def test_clients_of_a_deleted_volume_are_disconnected(bench: Bench) -> None:
    (volume,) = make_group(bench, 1)
    client = NbdClient.from_uri(str(bench.driver.connection(volume).data["uri"]))
    bench.driver.delete_volume(volume)
    with pytest.raises(NbdError):
        client.read(0, BLOCK)
    client.abort()
