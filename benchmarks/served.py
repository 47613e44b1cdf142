"""A cgsnapshot with many members end to end, over HTTP to a cgflow served by another process."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from cgflow.client.client import Client
from cgflow.client.http import Accepted
from tests.support.served_process import Served

MEMBERS = int(os.environ.get("CGFLOW_BENCH_MEMBERS", "1000"))


def run() -> list[dict[str, Any]]:
    """Create a group of ``MEMBERS`` volumes on the memory driver, take a cgsnapshot, and delete it."""
    rows = []
    print(f"\n{'members':>8} {'over HTTP':>18} {'wall ms':>9} {'ms/member':>10}")
    with tempfile.TemporaryDirectory(prefix="cgflow-", dir="/tmp") as folder:
        served = Served(Path(folder) / "state", backend="memory")
        served.start()
        try:
            for name, seconds in _play(served.client()):
                row = {"members": MEMBERS, "operation": name, "wall_s": seconds}
                rows.append(row)
                print(
                    f"{MEMBERS:>8} {name:>18} {seconds * 1000:>9.0f} {seconds * 1000 / MEMBERS:>10.2f}",
                    flush=True,
                )
        finally:
            served.end()
    return rows


def _play(client: Client) -> list[tuple[str, float]]:
    client.types.create("fast", None, is_public=True, extra_specs={})
    client.quotas.set("demo", dict.fromkeys(("volumes", "snapshots", "gigabytes"), -1))
    group = _finish(client, client.consistencygroups.create("many", ["fast"], None, None))
    began = time.perf_counter()
    for accepted in [_volume(client, group, number) for number in range(MEMBERS)]:
        _finish(client, accepted)
    made = time.perf_counter()
    cgsnapshot = _finish(client, client.cgsnapshots.create("all", group, None))
    cut = time.perf_counter()
    _finish(client, client.cgsnapshots.delete(cgsnapshot))
    gone = time.perf_counter()
    return [
        ("volume.create", made - began),
        ("cgsnapshot.create", cut - made),
        ("cgsnapshot.delete", gone - cut),
    ]


def _volume(client: Client, group_id: str, number: int) -> Accepted:
    return client.volumes.create(
        f"v{number}",
        1,
        volume_type="fast",
        consistencygroup_id=group_id,
        description=None,
        availability_zone=None,
    )


def _finish(client: Client, accepted: Accepted) -> str:
    assert accepted.flow_id is not None
    for _ in client.flows.follow(accepted.flow_id):
        pass
    flow = client.flows.get(accepted.flow_id)
    if flow["state"] != "success":
        raise AssertionError(f"flow {accepted.flow_id} ended {flow['state']}: {flow['reason']}")
    made: str = accepted.record["id"]
    return made
