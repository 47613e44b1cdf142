"""The costs of operations in countable units: commits, statements, and how calls grow with members."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Never

import pytest

from cgflow.db.database import Database
from cgflow.db.repositories import snapshot, volume
from cgflow.db.repositories.paging import ListQuery
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import writer
from cgflow.engine.flow_run import FlowRun
from cgflow.engine.task import Task
from flows.catalog import OPERATIONS
from tests.stories.scripts import SCRIPTS
from tests.support.cost_measurement import measure_cost
from tests.support.world import World, world


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, MemoryDriver(capacity_gib=1e6)) as made:
        made.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        made.type()
        made.patience_s = 600
        yield made


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_accepting_a_request_is_one_commit(operation: str, tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver()) as w:
        script = SCRIPTS[operation]
        target = script.arrange(w)
        with measure_cost(w.database, only_here=True) as cost:
            accepted = script.act(w, target)
        assert cost.commits == 1
        w.make(accepted)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_a_step_that_only_reads_writes_nothing(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a step does not wait until its start is durable, so nothing would undo what it wrote."""
    bind = Task.bind_to_run

    def bind_without_writes(self: Task, run: FlowRun) -> None:
        if self.reads_only:
            execute = self.execute

            def only_read(**symbols: object) -> object:
                return execute(
                    **{
                        name: _ReadOnly(at) if isinstance(at, Database) else at
                        for name, at in symbols.items()
                    }
                )

            monkeypatch.setattr(self, "execute", only_read)
        bind(self, run)

    with world(tmp_path, MemoryDriver()) as w:
        script = SCRIPTS[operation]
        target = script.arrange(w)
        monkeypatch.setattr(Task, "bind_to_run", bind_without_writes)
        w.make(script.act(w, target))


class _ReadOnly(Database):
    """A database that refuses to open a write transaction."""

    def __init__(self, database: Database) -> None:
        self.__dict__ = vars(database)

    def write(self) -> Never:
        raise AssertionError("a step that only reads opened a write transaction")


READING_CALLS = ("report", "inventory", "detail", "snapshot")
"""The calls of a driver that change nothing. ``snapshot`` verifies what an earlier step has made."""


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_a_step_whose_start_is_not_awaited_changes_nothing_at_a_backend(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash could leave what it changed there, without a record that it had started."""
    bind = Task.bind_to_run

    def bind_with_reading_drivers(self: Task, run: FlowRun) -> None:
        if self.is_database_only or self.reads_only:
            for phase in ("execute",) if self.reads_only else ("execute", "revert"):
                monkeypatch.setattr(self, phase, _with_reading_drivers(getattr(self, phase)))
        bind(self, run)

    with world(tmp_path, MemoryDriver()) as w:
        script = SCRIPTS[operation]
        target = script.arrange(w)
        monkeypatch.setattr(Task, "bind_to_run", bind_with_reading_drivers)
        w.make(script.act(w, target))


def _with_reading_drivers(method: Callable[..., object]) -> Callable[..., object]:
    def call(**symbols: Any) -> object:
        if "drivers" in symbols:
            symbols["drivers"] = {host: _ReadingDriver(at) for host, at in symbols["drivers"].items()}
        return method(**symbols)

    return call


class _ReadingDriver(MemoryDriver):
    """A driver that refuses the calls that change something."""

    def __init__(self, driver: object) -> None:
        self._driver = driver

    def __getattribute__(self, name: str) -> object:
        if not name.startswith("_") and name not in READING_CALLS:
            raise AssertionError(f"a step whose start is not awaited called {name}")
        driver = super().__getattribute__("_driver")
        return getattr(driver, name)


def test_a_cgsnapshot_takes_six_commits_whatever_its_size(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The acceptance; the members' rows; the starts of prepare and cut; the commit; the end."""
    # What nobody waits for is committed after a moment; that moment never comes here.
    monkeypatch.setattr(writer, "LINGER_S", 3600.0)
    for members in (1, 100):
        group_id = w.old_group_of(members)
        with measure_cost(w.database) as create:
            w.make(w.accept_cgsnapshot(group_id))
        assert create.commits == 6


def test_a_cgsnapshot_of_a_hundred_members_takes_few_commits_and_statements(w: World) -> None:
    group_id = w.old_group_of(100)
    with measure_cost(w.database) as create:
        cgsnapshot_id = w.make(w.accept_cgsnapshot(group_id))
    with measure_cost(w.database) as delete:
        w.make(w.delete_cgsnapshot(cgsnapshot_id))
    assert create.commits <= 25
    assert create.statements <= 6 * 100
    assert delete.statements <= 8 * 100


def test_a_list_takes_as_many_statements_for_a_thousand_rows_as_for_ten(w: World) -> None:
    def statements() -> list[int]:
        found = []
        for rows in (volume, snapshot):
            with measure_cost(w.database, only_here=True) as cost, w.database.read() as session:
                rows.page(session, ListQuery(limit=1000), None)
            found.append(cost.statements)
        return found

    w.make(w.accept_cgsnapshot(w.old_group_of(10)))
    few = statements()
    w.make(w.accept_cgsnapshot(w.old_group_of(990)))
    assert statements() == few


class CallCounter:
    """Counts the calls of Python functions in all threads that start after it."""

    def __init__(self) -> None:
        self.calls = 0

    def __enter__(self) -> CallCounter:
        threading.setprofile(self._count)
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def _count(self, frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG002 - fixed signature
        self.calls += event == "call"

    def of_cgsnapshot(self, w: World, group_id: str) -> tuple[int, int]:
        """Return the calls of a cgsnapshot and of its deletion."""
        before = self.calls
        cgsnapshot_id = w.make(w.accept_cgsnapshot(group_id))
        between = self.calls
        w.make(w.delete_cgsnapshot(cgsnapshot_id))
        return between - before, self.calls - between


def test_a_small_cgsnapshot_costs_few_calls(tmp_path: Path) -> None:
    """The count of calls follows the CPU time and does not depend on the machine.

    It was 54,700 for a cgsnapshot of one member when the records were loaded by the ORM and each step
    had a commit of its own.
    """
    with CallCounter() as counter, world(tmp_path, MemoryDriver(capacity_gib=1e6)) as w:
        w.type()
        group_id = w.old_group_of(1)
        # The first ones fill the caches; threads in the background add to some.
        measured = [counter.of_cgsnapshot(w, group_id) for _ in range(8)]
    assert min(create for create, _ in measured) < 22_500
    assert min(delete for _, delete in measured) < 13_500


def test_calls_grow_with_the_members_and_no_faster(tmp_path: Path) -> None:
    """Calls of Python functions in all threads, for a cgsnapshot and its deletion, grow linearly."""
    with CallCounter() as counter, world(tmp_path, MemoryDriver(capacity_gib=1e6)) as w:
        w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        w.type()
        w.patience_s = 600
        # The first size also fills the caches.
        counted = {n: counter.of_cgsnapshot(w, w.old_group_of(n)) for n in (10, 50, 100, 200)}
    for operation, name in enumerate(("create", "delete")):
        first = (counted[100][operation] - counted[50][operation]) / 50
        later = (counted[200][operation] - counted[100][operation]) / 100
        assert later < 1.3 * first, f"{name}: {first:.0f} calls for each further member, then {later:.0f}"
