"""Layers of deleted snapshots are merged, and no other data changes."""

import json
import subprocess

import pytest

from cgflow.drivers.qsd.driver import GIB
from tests.support.nbd_client import NbdClient
from tests.support.qsd_fixture import (
    BLOCK,
    MIB,
    ActionAtPoint,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real


def test_a_cgsnapshot_that_is_deleted_leaves_the_files_as_they_were(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(3)
    for volume in volumes:
        write_block(bench.driver, volume, 1)
    before = bench.files("g")
    for snapshot in snapshot_specs(volumes, "never-cut"):
        bench.driver.prepare(snapshot)
        bench.driver.delete_snapshot(snapshot)
    assert bench.files("g") == before
    snapshots = take_cgsnapshot(bench.driver, volumes, "cut")
    for volume in volumes:
        write_block(bench.driver, volume, 2)
    for snapshot in snapshots:
        bench.driver.delete_snapshot(snapshot)
    assert bench.files("g") == before
    assert bench.manifest("g").cuts == {}
    for volume in volumes:
        assert read_block(bench.driver, volume) == b"\2" * BLOCK


@pytest.mark.parametrize("job", ["merge", "flatten", "merge into what was flattened"])
def test_what_a_job_wrote_is_in_the_file_before_the_layers_it_came_from_are_given_up(
    bench: QsdDriverFixture, job: str
) -> None:
    """The daemon may be killed then, and its tables may have been in its memory only."""
    (volume,) = bench.make_group(1)
    bench.options["max_chain_depth"] = 3
    seen: list[int] = []

    def look() -> None:
        held = bench.manifest("g").volumes["v0"]
        path = (
            bench.state_dir
            / "homes"
            / "g"
            / f"L{held.merging.base if held.merging else held.flattening}.qcow2"
        )
        command = ["qemu-io", "-r", "-U", "-f", "qcow2"]
        for place in range(1, 4):
            command += ["-c", f"read -P {place} {place * 64}M {BLOCK}"]
        # Its backing file has the earlier content, so only the clusters of the file itself count.
        listed = subprocess.run(
            ["qemu-img", "map", "-U", "-f", "qcow2", "--output=json", str(path)],
            check=True,
            capture_output=True,
        )
        seen.extend(
            extent["start"] // (64 * MIB)
            for extent in json.loads(listed.stdout)
            if extent["depth"] == 0 and extent["data"]
        )
        done = subprocess.run([*command, str(path)], check=True, capture_output=True, text=True)
        assert "verification failed" not in done.stdout

    is_late = job == "merge into what was flattened"
    bench.start(ActionAtPoint(f"{job[:5] if is_late else job}:after-flush", look))
    copies = []
    for place in range(1, 5):
        write_block(bench.driver, volume, place, offset=place * 64 * MIB)
        copies += take_cgsnapshot(bench.driver, [volume], f"c{place}")
    if job == "merge":
        bench.driver.delete_snapshot(copies[1])
        assert {2, 3} <= set(seen), "the layer of the third took in the second, or the other way round"
        return
    while not bench.driver.compact_volume(volume, 10.0):
        pass
    if is_late:
        write_block(bench.driver, volume, 5, offset=5 * 64 * MIB)
        take_cgsnapshot(bench.driver, [volume], "c5")
        bench.driver.delete_snapshot(copies[3])
        assert 5 in seen
    assert {1, 2, 3} <= set(seen)


@pytest.mark.parametrize("victim", [0, 1, 2, 3])
def test_deleting_any_snapshot_under_live_clients_keeps_all_other_data(
    bench: QsdDriverFixture, victim: int
) -> None:
    volumes = bench.make_group(2)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    taken = []
    for round_ in range(4):
        for client in clients:
            client.write(0, bytes([round_]) * BLOCK)
            client.write((round_ + 1) * BLOCK, bytes([round_ + 100]) * BLOCK)
        taken.append(take_cgsnapshot(bench.driver, volumes, f"c{round_}"))
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
    assert all(read_block(bench.driver, volume) == b"\xee" * BLOCK for volume in volumes)


def test_chains_stay_short_under_clients_that_never_leave(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(2)
    clients = [bench.client(bench.driver.connection(volume)) for volume in volumes]
    for round_ in range(20):
        for client in clients:
            client.write(round_ * BLOCK, bytes([round_ + 1]) * BLOCK)
        for snapshot in take_cgsnapshot(bench.driver, volumes, f"c{round_}"):
            bench.driver.delete_snapshot(snapshot)
        assert all(len(held.chain) <= 3 for held in bench.manifest("g").volumes.values())
        assert len(bench.files("g")) <= 3 * len(volumes)
    for client in clients:
        for round_ in range(20):
            assert client.read(round_ * BLOCK, BLOCK) == bytes([round_ + 1]) * BLOCK


def test_a_client_that_comes_during_a_merge_into_the_leaf_is_given_way(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    (snapshot,) = take_cgsnapshot(bench.driver, [volume], "c")
    write_block(bench.driver, volume, 2, offset=BLOCK)
    arrived: list[NbdClient] = []

    def arrive(point: str) -> None:
        if point == "merge:after-ready" and not arrived:
            arrived.append(bench.client(bench.driver.connection(volume)))
            arrived[0].write(2 * BLOCK, b"\3" * BLOCK)

    bench.start(arrive).delete_snapshot(snapshot)
    assert len(bench.manifest("g").volumes["v0"].chain) == 2
    assert bench.driver.inventory().problems == ()
    arrived[0].write(3 * BLOCK, b"\4" * BLOCK)
    (second,) = take_cgsnapshot(bench.driver, [volume], "d")
    arrived[0].write(3 * BLOCK, b"\5" * BLOCK)
    bench.driver.delete_snapshot(second)
    held = arrived[0].read(0, 4 * BLOCK)
    assert held == b"\1" * BLOCK + b"\2" * BLOCK + b"\3" * BLOCK + b"\5" * BLOCK
    bench.hang_up()
    bench.driver.delete_snapshot(second)
    assert len(bench.files("g")) == 1
    assert read_block(bench.driver, volume, offset=3 * BLOCK) == b"\5" * BLOCK


def test_a_layer_that_somebody_reads_is_not_merged_until_he_is_gone(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(1)
    write_block(bench.driver, volumes[0], 1)
    oldest = take_cgsnapshot(bench.driver, volumes, "oldest")[0]
    write_block(bench.driver, volumes[0], 2)
    newer = take_cgsnapshot(bench.driver, volumes, "newer")[0]
    write_block(bench.driver, volumes[0], 3)
    reader = bench.client(bench.driver.export_snapshot(newer))
    bench.driver.delete_snapshot(oldest)
    assert len(bench.manifest("g").volumes["v0"].chain) == 3
    assert reader.read(0, BLOCK) == b"\2" * BLOCK
    bench.driver.unexport_snapshot(newer)
    assert len(bench.manifest("g").volumes["v0"].chain) == 2
    assert read_snapshot(bench.driver, newer) == b"\2" * BLOCK
    assert read_block(bench.driver, volumes[0]) == b"\3" * BLOCK


def test_a_snapshot_keeps_its_size_when_the_volume_grows(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    (snapshot,) = take_cgsnapshot(bench.driver, [volume], "c")
    bench.driver.extend_volume(volume, 2)
    write_block(bench.driver, volume, 9, offset=2 * GIB - BLOCK)
    assert bench.client(bench.driver.export_snapshot(snapshot)).size_bytes == GIB
    bench.driver.unexport_snapshot(snapshot)
    bench.hang_up()
    bench.driver.delete_snapshot(snapshot)
    assert bench.client(bench.driver.connection(volume)).size_bytes == 2 * GIB
    assert read_block(bench.driver, volume, offset=2 * GIB - BLOCK) == b"\x09" * BLOCK


def test_images_are_what_qemu_calls_sound(bench: QsdDriverFixture) -> None:
    volumes = bench.make_group(1)
    write_block(bench.driver, volumes[0], 1)
    for name in ("c1", "c2", "c3"):
        take_cgsnapshot(bench.driver, volumes, name)
        write_block(bench.driver, volumes[0], 2)
    bench.driver.delete_snapshot(snapshot_specs(volumes, "c2")[0])
    bench.driver.stop()
    bench.kill_daemon("g")
    home = bench.state_dir / "homes" / "g"
    for name in bench.files("g"):
        found = subprocess.run(
            ["qemu-img", "check", "-f", "qcow2", str(home / name)], capture_output=True, text=True
        )
        assert "errors were found" not in found.stdout.replace("No errors were found", ""), found.stdout
        assert found.returncode in (0, 3), found.stdout + found.stderr
