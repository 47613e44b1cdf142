"""An operation between two reads of an audit is not drift; tested for every operation at every place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cgflow.audit.auditor import Auditor
from cgflow.drivers.contract import DetailedInventory
from cgflow.drivers.memory.driver import MemoryDriver
from flows.audit.run import audit
from tests.stories.scripts import SCRIPTS
from tests.support.world import World, world

ORDINARY = sorted(name for name, script in SCRIPTS.items() if not script.mends)


class Meanwhile(MemoryDriver):
    """A backend on which an operation runs before it returns its inventory, and after."""

    happening: Iterator[Callable[[], object]] = iter(())

    def detail(self) -> DetailedInventory:
        self._happen()
        message = super().detail()
        self._happen()
        return message

    def _happen(self) -> None:
        next(self.happening, lambda: None)()


@pytest.fixture(scope="module")
def w(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("between"), Meanwhile()) as made:
        made.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        yield made


def happenings(w: World, operation: str, times: int) -> Iterator[Callable[[], object]]:
    """Return the given number of operations, each on its own resource and prepared in advance."""
    script = SCRIPTS[operation]
    targets = [script.arrange(w) for _ in range(times)]
    return iter([lambda target=target: w.make(script.act(w, target)) for target in targets])  # type: ignore[misc]


@pytest.mark.parametrize("operation", ORDINARY)
def test_it_may_happen_between_any_two_looks(w: World, operation: str) -> None:
    assert isinstance(w.driver, Meanwhile)
    assert w.faults() == []
    w.driver.happening = happenings(w, operation, 4)
    assert [str(one) for one in audit(w.runtime).findings] == []
    assert next(w.driver.happening, None) is None, "it happened at every place"
    assert w.faults() == []


def test_with_one_look_it_would_be_taken_for_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""

    def once(self: Auditor, hosts: list[str]) -> object:
        rows, answers = self._read_database(), self._read_backends(hosts)
        return rows, answers, rows, answers, self.active_flow_ids()

    with world(tmp_path, Meanwhile()) as w:
        assert isinstance(w.driver, Meanwhile)
        for operation, code in (("volume.create", "volume.orphan"), ("volume.extend", "volume.larger")):
            happening = happenings(w, operation, 1)
            with monkeypatch.context() as patch:
                patch.setattr(Auditor, "_read_twice", once)
                w.driver.happening = happening
                assert [one.code for one in audit(w.runtime).findings] == [code]
            assert w.faults() == []
