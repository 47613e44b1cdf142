"""The comparison with another service measures every figure and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.peer.__main__ import PEER, compare
from benchmarks.peer.client import CGSNAPSHOT
from benchmarks.peer.connection import Connection
from benchmarks.peer.phases import Plan
from benchmarks.peer.service import PROJECT, Service
from tests.integration.conftest import ground, starting
from tests.support.served_process import Served

PLAN = Plan(
    samples=1,
    turns=1,
    turn_s=0.1,
    sizes=(1,),
    polls_ms=(5,),
    clients=2,
    members=1,
    list_rows=2,
    list_cgsnapshots=1,
)
NOT_PLANNED = {f"{figure} {n}" for figure in ("create", "delete", "answer", "cpu") for n in (10, 100)} | {
    "burst 100"
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with ground() as folder, starting(folder) as start:
        yield start(backend="memory").served


def content(served: Served) -> dict[str, Any]:
    """What the benchmark's project has, with its quota."""
    connection = Connection(served.url, PROJECT, 60)
    try:
        paths = ("/cgsnapshots", "/consistencygroups", "/volumes", "/types", f"/os-quota-sets/{PROJECT}")
        return {path: connection.call("GET", path) for path in paths}
    finally:
        connection.close()


def test_every_figure_of_both_services_is_measured(served: Served) -> None:
    before = content(served)
    result: Any = compare(served.url, {"all": str(served.process.pid)}, PROJECT, PLAN)
    assert {row["figure"] for row in result["figures"] if not row["ratio"]} - {"cpu 1"} == NOT_PLANNED
    assert {row["service"] for row in result["usage"]} == {PEER, "cgflow"}
    assert content(served) == before


def test_a_failure_leaves_nothing_behind(served: Served) -> None:
    before = content(served)
    service = Service("failing", served.url)
    with pytest.raises(ZeroDivisionError), service.prepared(), service.client() as client:
        group_id, _ = service.create_populated_group(1, 1)
        client.create(CGSNAPSHOT, service.cgsnapshot_body(group_id))
        client.connection.call("POST", "/volumes", {"volume": service.volume_body()})
        assert content(served) != before
        1 / 0  # noqa: B018
    assert content(served) == before
