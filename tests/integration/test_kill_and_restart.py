"""``kill -9`` of the service around every kind of driver call: the flow ends by itself afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cgflow.client.http import Accepted
from tests.support.served_project import Project

pytestmark = [pytest.mark.real, pytest.mark.slow]

Strike = dict[str, Any]


def struck(project: Project, strike: Strike, ask: Callable[[], Accepted]) -> str:
    """Send a request during which the service is killed, restart it, and return the resource's id."""
    project.served.drill({"id": f"kill {strike}", "kind": "kill", **strike})
    killed = project.served.process.pid
    accepted = ask()
    project.served.wait_killed()
    assert project.served.start().endswith("1 unfinished flow resumed)")
    flow = project.end(accepted.flow_id)
    project.served.drill()
    told = project.client.flows.all_events(flow["id"])
    hands = [event["conductor"].split(":")[1] for event in told if event["conductor"]]
    assert list(dict.fromkeys(hands)) == [str(killed), str(project.served.process.pid)]
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    assert told[-1]["to"] == "success"
    project.check()
    return str(accepted.record["id"])


@pytest.mark.parametrize(
    "strike",
    [
        {"call": "prepare", "when": "after", "nth": 2},
        {"call": "cut", "when": "before"},
        {"call": "cut", "when": "after"},
        {"call": "snapshot", "when": "after"},
    ],
)
def test_taking_a_cgsnapshot(shared: Project, strike: Strike) -> None:
    """S133."""
    group_id, members = shared.group(2)
    for value, volume_id in enumerate(members, start=1):
        shared.write(volume_id, value)
    cgsnapshot_id = struck(shared, strike, lambda: shared.ask_cgsnapshot(group_id))
    assert set(shared.copies(cgsnapshot_id)) == set(members)
    assert [shared.read(volume_id) for volume_id in members] == [1, 2]
    shared.clear(group_id)


@pytest.mark.parametrize(
    "strike",
    [{"call": "delete_snapshot", "when": "before", "nth": 2}, {"call": "delete_snapshot", "when": "after"}],
)
def test_deleting_a_cgsnapshot(shared: Project, strike: Strike) -> None:
    group_id, members = shared.group(2)
    shared.write(members[0], 1)
    kept = shared.made(shared.ask_cgsnapshot(group_id, "kept"))
    doomed = shared.made(shared.ask_cgsnapshot(group_id, "doomed"))
    shared.write(members[0], 2)
    struck(shared, strike, lambda: shared.client.cgsnapshots.delete(doomed))
    assert [row["id"] for row in shared.client.cgsnapshots.select()] == [kept]
    assert shared.read(members[0]) == 2
    shared.clear(group_id)


@pytest.mark.parametrize(
    "strike",
    [{"call": "delete_volume", "when": "after"}, {"call": "delete_group", "when": "after"}],
)
def test_deleting_a_group(shared: Project, strike: Strike) -> None:
    group_id, _ = shared.group(2)
    struck(shared, strike, lambda: shared.client.consistencygroups.delete(group_id, force=True))
    assert shared.client.consistencygroups.select() == []
    assert shared.client.volumes.select() == []
    assert shared.homes() == {}


def test_creating_a_member(shared: Project) -> None:
    group_id, [first] = shared.group(1)
    shared.write(first, 7)
    strike = {"call": "create_volume", "when": "after"}
    volume_id = struck(shared, strike, lambda: shared.ask_volume(group_id))
    shared.write(volume_id, 8)
    assert [shared.read(first), shared.read(volume_id)] == [7, 8]
    shared.clear(group_id)


def test_creating_a_group(shared: Project) -> None:
    strike = {"call": "create_group", "when": "after"}
    group_id = struck(shared, strike, lambda: shared.ask_group())
    assert shared.client.consistencygroups.get(group_id)["status"] == "available"
    shared.clear(group_id)


def test_extending_a_volume_of_its_own(shared: Project) -> None:
    volume_id = shared.made(shared.ask_volume())
    strike = {"call": "extend_volume", "when": "after"}
    struck(shared, strike, lambda: shared.client.volumes.extend(volume_id, 3))
    with shared.open(volume_id) as client:
        assert client.size_bytes == 3 * 2**30
    shared.end(shared.client.volumes.delete(volume_id).flow_id)
    assert shared.homes() == {}
