"""The service stops and starts again; its volumes stay served, and its flows continue where they were."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Start
from tests.support.nbd_client import NbdClient
from tests.support.served_project import BLOCK, Project, single_byte_value

pytestmark = pytest.mark.real


def test_one_line_when_it_is_ready_and_volumes_serve_on_while_it_is_down(start: Start) -> None:
    project = start(ready=False)
    served = project.served
    ready = served.start()
    assert ready == f"cgflow serves on {served.url} (state in {served.state_dir}, backend qsd)"
    group_id, [volume_id, other] = project.group(2)
    uri = project.address(volume_id)
    with NbdClient.from_uri(uri) as client:
        client.write(0, b"a" * BLOCK, fua=True)
        daemon = project.daemon(group_id)
        assert served.stop() == 0
        assert served.process.stdout is not None
        assert served.process.stdout.read() == "", "one line is all that it prints"

        client.write(BLOCK, b"b" * BLOCK, fua=True)
        with NbdClient.from_uri(uri) as newcomer:
            assert single_byte_value(newcomer.read(0, BLOCK)) == ord("a")
            assert single_byte_value(newcomer.read(BLOCK, BLOCK)) == ord("b")
        assert "unfinished" not in served.start()
        assert project.daemon(group_id) == daemon, "a daemon that serves is taken over, not replaced"
        assert client.is_connected
        client.write(2 * BLOCK, b"c" * BLOCK, fua=True)
    assert project.address(volume_id) == uri
    cgsnapshot_id = project.made(project.ask_cgsnapshot(group_id))
    assert set(project.copies(cgsnapshot_id)) == {volume_id, other}
    project.check()


def test_a_flow_that_waits_to_try_again_goes_on_at_the_next_start(start: Start) -> None:
    project = start("--drills")
    group_id, _ = project.group(2)
    cgsnapshot_id = project.made(project.ask_cgsnapshot(group_id))
    project.served.drill({"call": "delete_snapshot", "kind": "busy", "times": None})
    flow_id = project.client.cgsnapshots.delete(cgsnapshot_id).flow_id
    project.event(flow_id, "driver.delete_snapshot", "FAILURE")

    assert project.served.stop() == 0
    project.served.drill()
    assert project.served.start().endswith("1 unfinished flow resumed)")
    flow = project.end(flow_id)
    assert flow["epoch"] == 2
    assert len(conductors(project, flow["id"])) == 2
    project.check()


def test_a_flow_in_the_middle_of_a_step_goes_on_at_the_next_start(start: Start) -> None:
    project = start("--drills")
    group_id, members = project.group(2)
    # The running step ends with an unknown result before the service does, so the flow is then undone.
    project.served.drill({"call": "cut", "kind": "hang", "when": "after", "deadline_s": 2})
    flow_id = project.ask_cgsnapshot(group_id).flow_id
    project.event(flow_id, "driver.cut", "RUNNING")

    assert project.served.stop() == 0
    project.served.drill()
    assert project.served.start().endswith("1 unfinished flow resumed)")
    flow = project.end(flow_id, "reverted")
    assert "no answer within 2 s" in flow["reason"]
    assert len(conductors(project, flow["id"])) == 2
    [record] = project.client.cgsnapshots.select()
    assert record["status"] == "error"
    project.check()
    project.made(project.ask_cgsnapshot(group_id))
    assert {project.client.volumes.get(id_)["status"] for id_ in members} == {"available"}


def conductors(project: Project, flow_id: str) -> set[str]:
    """Return every conductor that ran a part of a flow."""
    return {event["conductor"] for event in project.client.flows.all_events(flow_id) if event["conductor"]}
