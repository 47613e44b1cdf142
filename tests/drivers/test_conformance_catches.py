"""The kit can fail: each of its rules is broken here by a driver, and names the fault in words."""

from functools import partial

import pytest

from cgflow.drivers.conformance import DriverConformance, Scene, Violation
from cgflow.drivers.conformance.order import Moment, Ticket, faults_of
from cgflow.drivers.drills import CALLS
from cgflow.drivers.faults import Fault, Faults, with_faults
from tests.support.broken import (
    clones,
    copies,
    cuts,
    fences,
    moves,
    plain,
    refusals,
    repeats,
    restarts,
    restores,
    threads,
    volumes,
)
from tests.support.broken.base import Broken
from tests.support.memory import MemoryHarness

RULES = sorted(name for name in dir(DriverConformance) if name.startswith("test_"))
FAMILIES = (
    volumes,
    repeats,
    refusals,
    cuts,
    plain,
    copies,
    clones,
    moves,
    restores,
    restarts,
    threads,
    fences,
)
DRIVERS = [
    kind for kind in Broken.__subclasses__() if kind.__module__ in {family.__name__ for family in FAMILIES}
]


def judge(rule: str, backend: MemoryHarness) -> None:
    try:
        getattr(DriverConformance(), rule)(Scene(backend))
    finally:
        backend.close()


CASES = [(kind, rule, words) for kind in DRIVERS for rule, words in kind.breaks.items()]


@pytest.mark.parametrize(
    ("kind", "rule", "words"), CASES, ids=[f"{kind.__name__}-{rule}" for kind, rule, _ in CASES]
)
def test_broken_driver_is_caught_in_words(kind, rule, words):
    with pytest.raises(Violation, match=words):
        judge(rule, MemoryHarness(kind()))


def test_every_rule_is_broken_by_some_driver():
    """S120."""
    assert sorted({rule for _, rule, _ in CASES}) == RULES


def test_a_driver_that_is_not_broken_is_not_caught():
    for rule in RULES:
        judge(rule, MemoryHarness(Broken()))


LIARS = sorted(CALLS - {"report", "start", "stop"})


@pytest.mark.parametrize("call", LIARS)
def test_driver_that_does_nothing_in_one_call_is_caught(call):
    assert caught(Fault(call, "lie", times=None))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", sorted(CALLS - {"stop"}))
def test_driver_that_fails_in_one_call_is_caught(call, when):
    assert caught(Fault(call, "busy", when=when, times=None))


@pytest.mark.parametrize("call", sorted(CALLS - {"stop", "start"}))
def test_driver_that_fails_at_the_second_of_one_call_is_caught(call):
    assert caught(Fault(call, "final", nth=2))


def caught(fault: Fault) -> bool:
    """Whether any rule but the slow one notices a driver with this fault."""
    for rule in RULES:
        if rule == "test_cut_keeps_the_order_of_writes":
            continue
        faults = Faults()
        faults.order(fault)
        try:
            judge(rule, MemoryHarness(Broken(), partial(with_faults, faults=faults)))
        except Violation:
            return True
    return False


# The judge of order, on made-up histories: 0 to 5 were acknowledged before the cut, 9 was the last issued.

BEFORE, AFTER = Moment(6, frozenset(), 7), Moment(8, frozenset(), 10)


def seen(*numbers: int) -> list[Ticket]:
    return [Ticket(number, max(0, number - 2)) for number in numbers]


@pytest.mark.parametrize("numbers", [range(6), range(7), range(10), (*range(6), 7)])
def test_history_of_an_instant_is_sound(numbers):
    assert faults_of(seen(*numbers), BEFORE, AFTER) == []


@pytest.mark.parametrize(
    ("numbers", "word"), [((*range(6), 9), "order"), (range(5), "lost"), (range(11), "future")]
)
def test_history_that_is_no_instant_is_named(numbers, word):
    (words,) = faults_of(seen(*numbers), BEFORE, AFTER)
    assert words.startswith(f"{word}: 1 writes ")


def test_write_acknowledged_out_of_turn_may_not_be_lost():
    (words,) = faults_of(seen(*range(6)), Moment(6, frozenset({7}), 8), AFTER)
    assert words.startswith("lost: 1 ")
