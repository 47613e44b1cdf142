"""The time of a cgsnapshot of four members with and without many other volumes; the ratio should be 1."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.storage.clients import Clients, clients
from benchmarks.storage.place import Place
from benchmarks.storage.tables import Row
from benchmarks.storage.whole_operation import cgsnapshot, create_populated_group, serving
from tests.support.served_project import Project

OTHERS = 500
GROUP_SIZE = 20
"""Number of volumes in each of the other groups."""

MEMBERS = 4
ROUNDS = 30


class Group:
    """A group of a served backend, and its clients."""

    def __init__(self, project: Project, python: str, held: ExitStack) -> None:
        self._project = project
        self._id = create_populated_group(project, MEMBERS)
        volumes = project.client.volumes.select(consistencygroup_id=self._id)
        reached = [project.client.volumes.connect(str(volume["id"]))["data"] for volume in volumes]
        self._clients: Clients = held.enter_context(clients(python, reached))
        self.took_ms: list[float] = []
        self.cuts_ms: list[float] = []

    def cgsnapshot(self) -> None:
        """Take a cgsnapshot while the clients write."""
        with self._clients.writing():
            took_ms, cut_ms = cgsnapshot(self._project, self._id)
        self.took_ms.append(took_ms)
        self.cuts_ms.append(cut_ms)


def run(empty: Place, full: Place) -> Iterator[Row]:
    """Take cgsnapshots in turn of a group that is alone and of one among many others; yield a row."""
    with serving(empty) as few, serving(full) as many, ExitStack() as held:
        for _ in range(OTHERS // GROUP_SIZE):
            create_populated_group(many, GROUP_SIZE)
        alone, among = Group(few, empty.python, held), Group(many, full.python, held)
        for number in range(ROUNDS):
            for group in (alone, among) if number % 2 == 0 else (among, alone):
                group.cgsnapshot()
    row: Row = {"kind": empty.kind, "others": OTHERS, "cgsnapshots": ROUNDS}
    for what in ("POST to available", "cut"):
        lonely, crowded = (
            statistics.median(group.took_ms if what.startswith("POST") else group.cuts_ms)
            for group in (alone, among)
        )
        row |= {f"{what} alone p50": round(lonely, 1), f"{what} among p50": round(crowded, 1)}
        row[f"{what} ratio"] = round(crowded / lonely, 2)
    yield row
