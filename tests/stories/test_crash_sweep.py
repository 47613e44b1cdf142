"""Every operation is killed by SIGKILL at every moment, and ends by itself in the next process.

A moment is before or after a commit (of the engine, of a step, of an acceptance) or a driver call,
or a pause between two attempts. Afterwards the state is that of before or the finished one; rows,
quota, claims and backend agree; and the history is gapless and names both processes. Past the point
of no return it is the finished one, and a cancel is refused. If a cancel was accepted, it is the
one of before. The operations are read from the catalog.

``CGFLOW_SWEEP=full`` meets every moment of every operation, and prints the number of cases;
otherwise a fixed sample of the moments is met.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.catalog import OPERATIONS
from tests.stories.scripts import SCRIPTS
from tests.support.case_sampling import CLOSELY, IS_FULL
from tests.support.crash_cases import Case, PreparedOperation, every_nth_moment, prepare_operation, run_cases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

# Modes of which every operation outside CLOSELY runs two, in turns: most of its steps are the same.
IN_TURNS = ("member", "once", "stuck", "twice", "twice in undo", "twice and cancelled")

Make = Callable[[PreparedOperation, int], Case]

# For each mode: how its cases are made, and the stride between moments, for CLOSELY and for the others.
MODES: dict[str, tuple[Make, int, int]] = {
    "forward": (lambda _, n: Case((n,)), 5, 23),
    "cancelled": (lambda _, n: Case((n,), cancelled=True), 7, 29),
    "undo": (lambda it, n: Case((n,), (it.late,)), 19, 59),
    "member": (lambda it, n: Case((n,), (it.member or it.late,)), 31, 53),
    "once": (lambda it, n: Case((n,), (it.late,), once=True), 29, 59),
    "stuck": (lambda it, n: Case((n,), (it.late, it.undo), stuck=True), 23, 53),
    "twice": (lambda _, n: Case((n, 1 + n * 7 % 41)), 23, 31),
    "twice in undo": (lambda it, n: Case((n, 1 + n * 7 % 83), (it.late,)), 31, 61),
    "twice and cancelled": (lambda _, n: Case((n, 1 + n * 7 % 41), cancelled=True), 29, 31),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], PreparedOperation]:
    """The prepared state for an operation, created once."""
    made: dict[str, PreparedOperation] = {}

    def get(operation: str) -> PreparedOperation:
        if operation not in made:
            made[operation] = prepare_operation(operation, tmp_path_factory.mktemp(operation))
        return made[operation]

    return get


def cases() -> list[tuple[str, str]]:
    """Return every operation in every mode; forward-only operations have no undo that could be stuck."""
    return [
        (operation, mode)
        for number, operation in enumerate(sorted(OPERATIONS))
        for mode in MODES
        if (mode != "stuck" or not SCRIPTS[operation].forward) and _has_turn(number, operation, mode)
    ]


def _has_turn(number: int, operation: str, mode: str) -> bool:
    if IS_FULL or operation in CLOSELY or mode not in IN_TURNS:
        return True
    return (IN_TURNS.index(mode) - 2 * number) % len(IN_TURNS) < 2


@pytest.mark.parametrize(("operation", "mode"), cases())
def test_a_story_that_is_cut_off_ends_in_the_next_process(
    operation: str,
    mode: str,
    prepared: Callable[[str], PreparedOperation],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """S133."""
    it = prepared(operation)
    if mode == "member" and it.member is None:
        return
    make, close, wide = MODES[mode]
    stride = 1 if IS_FULL else close if operation in CLOSELY else wide
    # A short flow must be killed at several moments too.
    stride = min(stride, max(1, len(it.moments) // 3))
    outcomes = list(run_cases(it, every_nth_moment(stride, lambda n: make(it, n))))
    wrong = [f"{one.case} ({'; '.join(one.killed)}): {one.problems}" for one in outcomes if one.problems]
    if IS_FULL:
        kills, places = (
            sum(len(one.killed) for one in outcomes),
            {where for one in outcomes for where in one.killed},
        )
        with capsys.disabled():
            print(
                f"\nsweep: {operation} {mode}: steps={len(it.steps)} cases={len(outcomes)} kills={kills} "
                f"places={len(places)} wrong={len(wrong)}"
            )
    assert wrong == [], f"{len(wrong)} of {len(outcomes)} cases"
    assert sum(one.met(1) for one in outcomes) > 1, "a sweep without kills says nothing"
    assert not outcomes[-1].met(1) or not outcomes[-2].met(1), "the sweep ended before the story did"


def test_the_sweep_meets_every_kind_of_moment(prepared: Callable[[str], PreparedOperation]) -> None:
    met = prepared("cgsnapshot.create").run(Case(())).moments
    assert met[:2] == ["before commit by MainThread", "after commit by MainThread"], "of the acceptance"
    for kind in ("call cut", "commit of driver.cut RUNNING", "commit by step", "commit of flow success"):
        assert {f"before {kind}", f"after {kind}"} <= set(met)


def test_the_sweep_finds_an_engine_without_its_safeguard(
    prepared: Callable[[str], PreparedOperation],
) -> None:
    it = prepared("volume.create")
    end = len(it.run(Case((), (it.late,))).moments)
    found = [it.run(Case((n,), (it.late,), broken=True)) for n in range(end - 4, end + 1)]
    assert any(outcome.problems for outcome in found), "a flow that was undone is run again, and nobody sees"
