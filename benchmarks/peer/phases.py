"""The phases of a comparison. In each, every service has the same work, and the services take turns."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.peer.client import CGSNAPSHOT, VOLUME, Client
from benchmarks.peer.measurements import Measurements
from benchmarks.peer.service import POLL_MS, Service

SIZES = (1, 10, 100)
POLLS_MS = (5, 100)
LIST_ROWS = 200
"""How many volumes the list has that is read; they are created in two groups."""
LIST_CGSNAPSHOTS = 100


@dataclass(frozen=True)
class Plan:
    """How much is measured. ``turns`` of ``turn_s`` seconds are for what is measured as a rate."""

    samples: int = 9
    turns: int = 3
    turn_s: float = 10
    sizes: Sequence[int] = SIZES
    polls_ms: Sequence[int] = POLLS_MS
    clients: int = 4
    members: int = 10
    list_rows: int = LIST_ROWS
    list_cgsnapshots: int = LIST_CGSNAPSHOTS


QUICK = Plan(samples=3, turns=1, turn_s=4)


def run_all(services: Sequence[Service], plan: Plan, found: Measurements) -> None:
    """Run every phase. Each removes what it has created."""
    for members in plan.sizes:
        with _removed(services, f"cgsnapshots of {members}"):
            _cgsnapshots(services, plan, found, members)
    with _removed(services, "volumes"):
        _volumes(services, plan, found)
    with _removed(services, "clients that work at the same time"):
        _concurrent_cgsnapshots(services, plan, found)
    with _removed(services, "filling groups, and reading"):
        group_ids = _fill(services, plan, found)
        _reads(services, plan, found, group_ids)


@contextmanager
def _removed(services: Sequence[Service], title: str) -> Iterator[None]:
    """Say which phase begins, and remove what it has created unless it fails."""
    print(f"{time.strftime('%H:%M:%S')} {title}", file=sys.stderr, flush=True)
    yield
    for service in services:
        service.remove_all()


def _in_turns(services: Sequence[Service], turns: int) -> Iterator[Service]:
    """Yield each service once a turn; who is first alternates."""
    for turn in range(turns):
        yield from services if turn % 2 == 0 else reversed(services)


def _cgsnapshots(services: Sequence[Service], plan: Plan, found: Measurements, members: int) -> None:
    group_ids = {service: service.create_populated_group(members, plan.clients)[0] for service in services}
    for service in services:
        _cgsnapshot(service, group_ids[service], Measurements({}), members)
    for service in _in_turns(services, plan.samples):
        _cgsnapshot(service, group_ids[service], found, members)


def _cgsnapshot(service: Service, group_id: str, found: Measurements, members: int) -> None:
    """Create a cgsnapshot and delete it."""
    with service.client() as client:
        # The connection is there before anything is measured.
        client.connection.call("GET", "/consistencygroups/" + group_id)
        with found.phase(f"create {members}", service.name) as usage:
            created = client.create(CGSNAPSHOT, service.cgsnapshot_body(group_id))
            usage.operations += 1
        with found.phase(f"delete {members}", service.name) as usage:
            deleted = client.delete(CGSNAPSHOT, created.id)
            usage.operations += 1
    found.add(f"answer {members}", service.name, created.answered_ms)
    found.add(f"create {members}", service.name, created.settled_ms)
    found.add(f"delete {members}", service.name, deleted.settled_ms)


def _volumes(services: Sequence[Service], plan: Plan, found: Measurements) -> None:
    for service in services:
        _volume(service, Measurements({}))
    for service in _in_turns(services, plan.samples):
        _volume(service, found)


def _volume(service: Service, found: Measurements) -> None:
    """Create a volume and delete it."""
    with service.client() as client:
        client.connection.call("GET", "/volumes?limit=1")
        with found.phase("volume create", service.name) as usage:
            created = client.create(VOLUME, service.volume_body())
            usage.operations += 1
        client.delete(VOLUME, created.id)
    found.add("volume create", service.name, created.settled_ms)


def _concurrent_cgsnapshots(services: Sequence[Service], plan: Plan, found: Measurements) -> None:
    group_ids = {
        service: [service.create_populated_group(plan.members, plan.clients)[0] for _ in range(plan.clients)]
        for service in services
    }
    for poll_ms in plan.polls_ms:
        for service in _in_turns(services, plan.turns):
            _burst(service, group_ids[service], plan.turn_s, poll_ms, found)
            service.remove_cgsnapshots()


def _burst(
    service: Service, group_ids: Sequence[str], turn_s: float, poll_ms: int, found: Measurements
) -> None:
    """Let a client for each group create cgsnapshots one after the other, until the turn has ended."""
    created: list[str] = []

    def work(client: Client, group_id: str) -> None:
        while time.perf_counter() < began + turn_s:
            created.append(client.create(CGSNAPSHOT, service.cgsnapshot_body(group_id)).id)

    with found.phase(f"burst {poll_ms}", service.name) as usage:
        began = time.perf_counter()
        service.each_client(group_ids, poll_ms, work)
        seconds = time.perf_counter() - began
        usage.operations += len(created)
    found.add(f"burst {poll_ms}", service.name, len(created) / seconds)


def _fill(services: Sequence[Service], plan: Plan, found: Measurements) -> dict[Service, str]:
    """Let clients fill two groups of each service; return one of them."""
    group_ids = {}
    for service in _in_turns(services, 2):
        with found.phase("fill", service.name) as usage:
            group_ids[service], rate = service.create_populated_group(plan.list_rows // 2, plan.clients)
            usage.operations += plan.list_rows // 2
        found.add("fill", service.name, rate)
    return group_ids


def _reads(
    services: Sequence[Service], plan: Plan, found: Measurements, group_ids: dict[Service, str]
) -> None:
    paths = {service: _paths(service, plan, group_ids[service]) for service in services}
    for figure in paths[services[0]]:
        for service in _in_turns(services, plan.samples):
            _read(service, figure, paths[service][figure], found)


def _paths(service: Service, plan: Plan, group_id: str) -> dict[str, str]:
    """Create the cgsnapshots that are listed, of a group of one; return what is read by its figure."""
    small, _ = service.create_populated_group(1, 1)
    with service.client(POLL_MS) as client:
        for _ in range(plan.list_cgsnapshots):
            client.create(CGSNAPSHOT, service.cgsnapshot_body(small))
        (volume,) = client.connection.call("GET", "/volumes?limit=1")["volumes"]
    return {
        "volumes/detail": f"/volumes/detail?limit={plan.list_rows}",
        "cgsnapshots/detail": f"/cgsnapshots/detail?limit={plan.list_cgsnapshots}",
        "show group": f"/consistencygroups/{group_id}",
        "show volume": f"/volumes/{volume['id']}",
    }


def _read(service: Service, figure: str, path: str, found: Measurements) -> None:
    with service.client() as client:
        client.connection.call("GET", path)
        with found.phase(figure, service.name) as usage:
            began = time.perf_counter()
            client.connection.call("GET", path)
            found.add(figure, service.name, (time.perf_counter() - began) * 1000)
            usage.operations += 1
