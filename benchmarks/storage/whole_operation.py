"""The whole operation, from POST to ``available``, compared with the bare mechanism and its preparation."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.storage.contender import Contender
from benchmarks.storage.place import Place
from benchmarks.storage.tables import Row
from tests.integration.conftest import ground, starting
from tests.support.served_project import Project

ROUNDS = {4: 10, 32: 8, 100: 6}


def run(place: Place) -> Iterator[Row]:
    """Take bare cuts and cgsnapshots over HTTP in turn, without clients; yield a row for each size."""
    with serving(place) as project:
        for members, rounds in ROUNDS.items():
            group_id = create_populated_group(project, members)
            with place.bare(members) as bare:
                pairs = [(_bare(bare), cgsnapshot(project, group_id)) for _ in range(rounds)]
            alone = statistics.median(took for took, _ in pairs)
            served = statistics.median(took for _, (took, _) in pairs)
            within = statistics.median(cut for _, (_, cut) in pairs)
            yield {
                "kind": place.kind,
                "members": members,
                "cgsnapshots": rounds,
                "bare p50": round(alone, 1),
                "POST to available p50": round(served, 1),
                "ratio": round(served / alone, 2),
                "its cut p50": round(within, 1),
                "beside the cut, each member": round((served - within) / members, 2),
            }


@contextmanager
def serving(place: Place) -> Iterator[Project]:
    """Serve a backend on a place, in another process."""
    with ground() as folder, starting(folder) as start:
        options = {"driver": place.kind, "max_over_subscription_ratio": "10000", **place.section()}
        conf = folder / "cgflow.conf"
        conf.write_text(f"[{place.kind}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items()))
        project = start("--config-file", str(conf), backend=place.kind)
        project.client.quotas.set("demo", dict.fromkeys(("groups", "volumes", "snapshots", "gigabytes"), -1))
        yield project


def create_populated_group(project: Project, members: int) -> str:
    """Create a group with this number of volumes, concurrently; return its id."""
    group_id = project.made(project.ask_group())
    for accepted in [project.ask_volume(group_id, f"v{number}") for number in range(members)]:
        project.end(accepted.flow_id)
    return group_id


def cgsnapshot(project: Project, group_id: str) -> tuple[float, float]:
    """Take a cgsnapshot; return the milliseconds until ``available``, and those of the cut."""
    began = time.monotonic()
    accepted = project.ask_cgsnapshot(group_id)
    project.end(accepted.flow_id)
    ended = time.monotonic()
    record = project.client.cgsnapshots.get(str(accepted.record["id"]))
    assert record["status"] == "available"
    return (ended - began) * 1000, float(record["cgflow:evidence"]["duration_ms"])


def _bare(bare: Contender) -> float:
    began = time.monotonic()
    bare.prepare()
    bare.cut()
    return (time.monotonic() - began) * 1000
