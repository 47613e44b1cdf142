"""Other users of the cluster: clients, readers, other processes of cgflow, and operators."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from cgflow.drivers.conformance.scenario import Scenario
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, wrap_with_faults
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.driver import RbdDriver
from cgflow.errors import AmbiguousDriverError, BusyDriverError, ConfigError, FinalDriverError, SessionFenced
from cgflow.status import FlowState
from tests.support.ceph_harness import Ceph, CephHarness
from tests.support.nbd_client import NbdClient, NbdError
from tests.support.world import world

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def bench(ceph: Ceph) -> Iterator[CephHarness]:
    bench = CephHarness(ceph)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: CephHarness) -> Scenario:
    return Scenario(bench)


def refused_addresses(bench: CephHarness) -> str:
    return bench.cluster.run("ceph", "osd", "blocklist", "ls")


def test_volume_with_a_client_is_busy_and_says_who_it_is(bench: CephHarness, scene: Scenario) -> None:
    volume = scene.new_volume()
    scene.write(volume, "A", 0)
    with pytest.raises(BusyDriverError, match="is in use by 127.0.0.1:0/"):
        bench.driver.delete_volume(volume)
    scene.expect_volume(volume, "A", "a volume that could not be deleted", 0)


def test_reader_is_turned_out_by_another_process_and_never_writes(
    bench: CephHarness, scene: Scenario
) -> None:
    volume = scene.new_volume(scene.new_group())
    scene.write(volume, "A", 0)
    (copy,) = scene.take_cgsnapshot([volume])
    with NbdClient.from_uri(str(bench.driver.export_snapshot(copy).data["uri"])) as reader:
        assert reader.read(0, 1) == b"A"
        with pytest.raises(NbdError):
            reader.write(0, b"B" * 512)
        assert reader.read(0, 1) == b"A"
        bench.begin().unexport_snapshot(copy)
        with pytest.raises(NbdError) as caught:
            reader.read(0, 1)
    assert caught.value.errno == errno.EPIPE
    assert bench.driver.inventory().exports == frozenset()


@pytest.mark.parametrize("is_replaced", [True, False])
def test_nothing_is_cut_or_put_back_of_an_image_that_lost_data(
    bench: CephHarness, scene: Scenario, is_replaced: bool
) -> None:
    volume, other = scene.new_members(2)
    copies = scene.take_cgsnapshot([volume, other])
    bench.driver.delete_snapshot(copies[0])
    late = [replace(copy, id=str(uuid4()), cgsnapshot_id="late") for copy in copies]
    for copy in late:
        bench.driver.prepare(copy)
    image = f"volumes/{names.image(volume.id)}"
    if is_replaced:
        bench.cluster.run("rbd", "rename", image, f"{image}-aside")
        bench.cluster.run("rbd", "create", "--size", "1G", image)
    else:
        bench.cluster.run("rbd", "resize", "--allow-shrink", "--size", "512M", image)
    said = "was replaced" if is_replaced else "has 536870912 bytes"
    with pytest.raises(FinalDriverError, match=said):
        bench.driver.cut("late", volume.group_id, late)
    with pytest.raises(FinalDriverError, match=said):
        bench.driver.prepare(replace(late[0], id=str(uuid4()), cgsnapshot_id="later"))
    assert any(said in problem for problem in bench.driver.inventory().problems)
    for copy in late:
        bench.driver.delete_snapshot(copy)
    if is_replaced:
        bench.cluster.run("rbd", "rm", image)
        bench.cluster.run("rbd", "rename", f"{image}-aside", image)
    else:
        bench.cluster.run("rbd", "resize", "--size", "1G", image)
    assert bench.driver.inventory().problems == ()


def test_next_process_of_a_session_is_fenced_like_the_first(bench: CephHarness, scene: Scenario) -> None:
    stale = bench.another()
    session = str(uuid4())
    stale.open_session(session)
    first = address_of(stale)
    assert stale._session._child is not None
    stale._session._child.kill()
    stale.create_group("g")
    second = address_of(stale)
    assert first != second
    # Requests that the dead process had sent may still arrive.
    assert first in refused_addresses(bench)
    assert second not in refused_addresses(bench)
    bench.driver.fence(session)
    assert second in refused_addresses(bench)
    with pytest.raises(SessionFenced):
        stale.delete_group("g")
    assert bench.driver.inventory().groups == {"g"}


def address_of(driver: RbdDriver) -> str:
    return str(driver._session.facts["address"])


def test_client_that_the_storage_shut_out_without_a_fence_goes_on_as_another(bench: CephHarness) -> None:
    bench.cluster.run("ceph", "osd", "blocklist", "add", address_of(bench.driver))
    with pytest.raises(AmbiguousDriverError, match="shut this client out"):
        bench.driver.create_group("g")
    bench.driver.create_group("g")
    assert bench.driver.inventory().groups == {"g"}


def test_copies_of_a_moved_volume_outlive_its_group(bench: CephHarness, scene: Scenario) -> None:
    members = scene.new_members(2)
    for volume in members:
        scene.write(volume, "A", 0)
    copies = scene.take_cgsnapshot(members)
    moved = scene.move(members[0], scene.new_group())
    scene.delete_snapshot(copies[1])
    scene.delete_volume(members[1])
    scene.delete_group(members[0].group_id or "")
    scene.expect_snapshot(
        scene.up_to_date_spec(copies[0]),
        "A",
        "a copy whose volume was moved and whose group is gone",
        0,
    )
    scene.delete_snapshot(scene.up_to_date_spec(copies[0]))
    scene.delete_volume(moved)
    scene.delete_group(moved.group_id or "")
    assert bench.client.contents() == []


def test_what_others_did_to_the_pool_is_told(bench: CephHarness, scene: Scenario) -> None:
    lost, odd = scene.new_volume(), scene.new_volume()
    (copy,) = scene.take_cgsnapshot([odd])
    run = bench.cluster.run
    run("rbd", "rm", f"volumes/volume-{lost.id}")
    run("rbd", "create", "volumes/volume-stranger", "--size", "1")
    run("rbd", "snap", "rm", f"volumes/volume-{odd.id}@snapshot-{copy.id}")
    found = bench.driver.inventory()
    assert lost.id not in found.volumes
    for words in (
        f"removed or renamed image volume-{lost.id}",
        "volume-stranger is named like a volume",
        copy.id,
    ):
        assert any(words in problem for problem in found.problems), found.problems
    with pytest.raises(FinalDriverError, match="another client removed it"):
        bench.driver.snapshot(copy)


def test_snapshot_of_an_operator_is_not_removed_with_its_volume(bench: CephHarness, scene: Scenario) -> None:
    volume = scene.new_volume()
    bench.cluster.run("rbd", "snap", "create", f"volumes/volume-{volume.id}@mine")
    with pytest.raises(FinalDriverError, match="has a snapshot mine that cgflow did not take"):
        bench.driver.delete_volume(volume)
    bench.cluster.run("rbd", "snap", "rm", f"volumes/volume-{volume.id}@mine")
    scene.delete_volume(volume)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("pool", "nowhere", "pool nowhere"),
        ("user", "nobody", "client.nobody"),
        ("python", "/nowhere/python", "/nowhere/python cannot be started"),
        ("conf", "/nowhere.conf", "/nowhere.conf"),
    ],
)
def test_what_can_never_work_is_refused_at_the_start(
    bench: CephHarness, option: str, value: str, words: str
) -> None:
    bench.options[option] = value
    with pytest.raises(ConfigError, match=words):
        bench.another().open_session("s")


def test_interpreter_without_bindings_is_told_what_it_lacks(bench: CephHarness, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'rados'\" >&2\nexit 1\n")
    python.chmod(0o755)
    bench.options["python"] = str(python)
    with pytest.raises(ConfigError, match="apt-get install python3-rbd"):
        bench.another().open_session("s")


def test_failed_member_rolls_a_cgsnapshot_back_through_the_whole_service(
    bench: CephHarness, tmp_path: Path
) -> None:
    faults = FaultSchedule()
    with world(tmp_path, wrap_with_faults(bench.driver, faults)) as w:
        group = w.group_of(3)
        before, objects = w.state(), bench.client.contents()
        faults.add_fault(Fault("snapshot", "final", nth=2))
        refused = w.accept_cgsnapshot(group)
        flow = w.finish(refused)
        assert flow.state is FlowState.REVERTED
        assert w.state() == before
        assert bench.client.contents() == objects
        w.make(w.delete_cgsnapshot(refused.resource_id))
        cgsnapshot = w.make(w.accept_cgsnapshot(group))
        assert len(w.all("snapshot")) >= 3
        w.make(w.delete_cgsnapshot(cgsnapshot))
        assert w.state() == before
        assert bench.client.contents() == objects
        w.make(w.delete_group(group))
        assert bench.client.contents() == []
        assert w.faults() == []
