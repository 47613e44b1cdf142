"""Storage failures under a running service: a killed daemon, corrupt records, a full disk."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cgflow.client.http import ServiceError
from tests.integration.conftest import Start
from tests.support.disks import fill_file_system
from tests.support.nbd_client import NbdClient, NbdError
from tests.support.requirements import mount_tmpfs, poll_until
from tests.support.served_project import BLOCK, Project, single_byte_value

pytestmark = pytest.mark.real


def strike(pid: int) -> None:
    """Kill a process, and return when it is dead."""
    watched = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(watched, signal.SIGKILL)
        assert select.select([watched], [], [], 30)[0], f"process {pid} outlived SIGKILL"
    finally:
        os.close(watched)


def reached(uri: str) -> NbdClient | None:
    try:
        return NbdClient.from_uri(uri)
    except OSError:
        return None


def test_a_killed_storage_daemon_is_replaced_at_the_same_address(shared: Project) -> None:
    group_id, [volume_id, other] = shared.group(2)
    uri = shared.address(volume_id)
    before = shared.made(shared.ask_cgsnapshot(group_id, "before"))
    with NbdClient.from_uri(uri) as client:
        client.write(0, b"k" * BLOCK)
        client.flush()
        killed = shared.daemon(group_id)
        strike(killed)
        with pytest.raises(NbdError):
            client.read(0, BLOCK)

    with poll_until(lambda: reached(uri), "a new daemon at the address of the old one") as client:
        assert single_byte_value(client.read(0, BLOCK)) == ord("k")
        client.write(BLOCK, b"l" * BLOCK, fua=True)
    assert shared.daemon(group_id) != killed
    log = shared.served.log
    told = f"storage-daemon of {group_id} ended unexpectedly"
    poll_until(lambda: told in log.read_text(), "the end of a daemon told")
    assert log.read_text().count(f'"subject_id": "{group_id}"') == 1
    assert shared.address(volume_id) == uri
    shared.check()

    strike(shared.daemon(group_id))
    after = shared.made(shared.ask_cgsnapshot(group_id, "after"))
    for cgsnapshot_id, expected in ((before, 0), (after, ord("k"))):
        with (
            shared.copy(shared.copies(cgsnapshot_id)[volume_id]) as address,
            NbdClient.from_uri(address) as copy,
        ):
            assert single_byte_value(copy.read(0, BLOCK)) == expected
    assert shared.read(other) == 0
    shared.check()
    shared.clear(group_id)


def test_a_group_with_a_spoiled_manifest_is_refused_and_the_others_go_on(start: Start) -> None:
    project = start()
    sound, [member] = project.group(1, "sound")
    spoiled, [victim] = project.group(1, "spoiled")
    project.write(victim, 5)
    uri = project.address(victim)
    assert project.served.stop() == 0
    manifest = project.served.state_dir / "qsd" / "homes" / spoiled / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[: len(whole) // 2])

    project.served.start()
    accepted = project.ask_cgsnapshot(spoiled)
    # It cannot be known whether something was created, so the flow does not count as undone.
    flow = project.end(accepted.flow_id, "rollback_failed")
    assert f"{manifest} is corrupt" in flow["reason"]
    assert "restore it, or move the folder away" in flow["reason"]
    with pytest.raises(ServiceError, match="is corrupt") as refusal:
        project.address(victim)
    assert refusal.value.status == 400
    assert manifest.read_bytes() == whole[: len(whole) // 2]
    with NbdClient.from_uri(uri) as client:
        assert single_byte_value(client.read(0, BLOCK)) == 5, "its daemon serves on as before"

    project.made(project.ask_cgsnapshot(sound))
    project.write(member, 6)
    assert project.served.stop() == 0
    manifest.write_bytes(whole)
    project.served.start()
    undone = poll_until(lambda: state_of(project, flow["id"]) == "reverted", "the undo tried again by itself")
    assert undone
    project.check()
    project.made(project.ask_cgsnapshot(spoiled))
    assert project.read(victim) == 5


def state_of(project: Project, flow_id: str) -> str:
    return str(project.client.flows.get(flow_id)["state"])


def test_a_backend_that_is_down_is_told_as_the_reason(place: Path, start: Start) -> None:
    quick = place / "cgflow.conf"
    quick.write_text("[scheduler]\nreport_interval = 1\n")
    project = start("--drills", "--config-file", str(quick), ready=False)
    project.served.state_dir.mkdir()
    project.served.drill({"call": "report", "kind": "final", "times": None})
    project.served.start()

    accepted = project.ask_group()
    flow = project.end(accepted.flow_id, "reverted")
    record = project.client.consistencygroups.get(accepted.record["id"])
    assert record["status"] == "error"
    assert record["cgflow:reason"] == flow["reason"]
    assert "No valid backend" in flow["reason"]
    assert "@qsd: is down since " in flow["reason"]
    assert "report failed by order" in flow["reason"]
    assert project.homes() == {}
    project.end(project.client.consistencygroups.delete(record["id"], force=False).flow_id)
    assert project.usage() == {}

    project.served.drill()

    def recovered() -> str | None:
        asked = project.ask_group()
        assert list(project.client.flows.follow(str(asked.flow_id)))
        return asked.record["id"] if state_of(project, str(asked.flow_id)) == "success" else None

    group_id = poll_until(recovered, "the backend up again")
    project.made(project.ask_volume(group_id))


def test_a_full_backend_undoes_with_clear_words_and_can_still_delete(place: Path, start: Start) -> None:
    # Reports are rare here, so that the driver itself meets the full disk.
    rare = place / "cgflow.conf"
    rare.write_text("[scheduler]\nreport_interval = 3600\n")
    project = start("--config-file", str(rare), ready=False)
    with cramped(project, project.served.state_dir / "qsd"):
        group_id, [member] = project.group(1)
        cgsnapshot_id = project.made(project.ask_cgsnapshot(group_id))
        project.write(member, 9)
        filler = fill_file_system(project.served.state_dir / "qsd")

        for ask, delete in (
            (project.ask_volume, project.client.volumes.delete),
            (project.ask_cgsnapshot, project.client.cgsnapshots.delete),
        ):
            accepted = ask(group_id)
            flow = project.end(accepted.flow_id, "reverted")
            assert "No space left on device" in flow["reason"], flow["reason"]
            project.end(delete(accepted.record["id"]).flow_id)
        assert project.read(member) == 9
        project.end(project.client.cgsnapshots.delete(cgsnapshot_id).flow_id)
        assert project.usage()["volumes"] == 1
        assert "snapshots" not in project.usage()

        filler.unlink()
        project.made(project.ask_volume(group_id, "second"))
        project.made(project.ask_cgsnapshot(group_id))
        project.check()


def test_a_full_state_directory_refuses_and_keeps_answering(place: Path, start: Start) -> None:
    project = start(ready=False)
    with cramped(project, project.served.state_dir):
        group_id, [member] = project.group(1)
        uri = project.address(member)
        filler = fill_file_system(project.served.state_dir)

        for _ in range(3):
            with pytest.raises(ServiceError) as refusal:
                project.ask_cgsnapshot(group_id)
            assert refusal.value.status == 503
            assert "database" in str(refusal.value)
        assert project.client.consistencygroups.get(group_id)["status"] == "available"
        with NbdClient.from_uri(uri) as client:
            assert single_byte_value(client.read(0, BLOCK)) == 0

        project.served.kill()
        project.served.start()
        assert project.client.consistencygroups.get(group_id)["status"] == "available"
        filler.unlink()
        project.made(project.ask_cgsnapshot(group_id))
        project.check()


@contextmanager
def cramped(project: Project, folder: Path) -> Iterator[None]:
    """Run a service whose folder is a separate small file system."""
    with mount_tmpfs(folder, "size=160m"):
        try:
            project.served.start()
            yield
        finally:
            project.served.end()
