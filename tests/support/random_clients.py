"""Concurrent clients that request every operation, and backends that refuse some of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.errors import CgflowError
from cgflow.status import FlowState
from flows.acceptance import Accepted
from tests.support.world import World

FAILING = ("create_volume", "prepare", "cut", "clone_volume", "extend_volume", "restore", "create_group")


class GivenUp(Exception):
    """An operation was refused or rolled back, and the rest of the round depends on it."""


class Client:
    """One client. In each round it creates, changes, reverts and deletes its own resources."""

    def __init__(self, w: World, seed: int, faults: FaultSchedule | None) -> None:
        self._w = w
        self._random = random.Random(seed)
        self._faults = faults
        self.rounds = 0

    def round(self) -> None:
        """Request every operation once; one that is refused or rolled back ends the round."""
        w = self._w
        try:
            group = self._do(w.accept_group)
            volume = self._do(w.accept_volume)
            members = [self._do(lambda: w.accept_volume(group)) for _ in range(2)]
            self._do(lambda: w.extend(volume, 2))
            snapshot = self._do(lambda: w.accept_snapshot(volume))
            self._do(lambda: w.revert(volume, snapshot))
            self._do(lambda: w.accept_volume(size=2, source_volid=volume))
            self._do(lambda: w.update_group(group, add=[volume], remove=members[:1]))
            whole = self._do(lambda: w.accept_cgsnapshot(group))
            copies = [
                self._do(lambda: w.group_from(cgsnapshot=whole)),
                self._do(lambda: w.group_from(group=group)),
            ]
            self._do(lambda: w.delete_snapshot(snapshot))
            self._do(lambda: w.delete_cgsnapshot(whole))
            for one in (group, *copies):
                self._do(lambda one=one: w.delete_group(one))  # type: ignore[misc]
            self._do(lambda: w.delete_volume(members[0]))
        except GivenUp:
            pass
        self.rounds += 1

    def _do(self, ask: Callable[[], Accepted]) -> str:
        if self._faults is not None and self._random.random() < 0.15:
            self._faults.add_fault(Fault(self._random.choice(FAILING), "final", when="after"))
        try:
            accepted = ask()
        except CgflowError as refused:
            raise GivenUp from refused
        if self._w.finish(accepted).state is not FlowState.SUCCESS:
            raise GivenUp
        return accepted.resource_id


@contextmanager
def clients_running(
    w: World, clients: int, rounds: int, faults: FaultSchedule | None = None
) -> Iterator[Callable[[], bool]]:
    """Run clients in the background, each for its rounds; yield a function that says if any still runs."""
    failed: list[BaseException] = []

    def work(client: Client) -> None:
        try:
            while client.rounds < rounds:
                client.round()
        except BaseException as error:  # noqa: BLE001 - raised by the test's own thread
            failed.append(error)

    threads: list[Any] = [
        threading.Thread(target=work, args=(Client(w, seed, faults),)) for seed in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield lambda: any(thread.is_alive() for thread in threads)
    finally:
        for thread in threads:
            thread.join()
    assert failed == []
