"""The conformance suite can fail: a driver breaks each of its rules and gets a message with the fault."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import partial

import pytest

from cgflow.drivers.conformance import (
    CompactionRules,
    HostFileRules,
    Scenario,
    SharedDriverConformance,
    Violation,
)
from cgflow.drivers.fault_injection.drill_file import CALLS
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, wrap_with_faults
from tests.support import contract_breakers
from tests.support.contract_breakers.base import BrokenDriver
from tests.support.memory_harness import MemoryHarness


class Everything(SharedDriverConformance, CompactionRules, HostFileRules):
    """All rules."""


RULES = sorted(name for name in dir(Everything) if name.startswith("test_"))


def subclasses_of(base: type[BrokenDriver]) -> Iterator[type[BrokenDriver]]:
    for kind in base.__subclasses__():
        yield kind
        yield from subclasses_of(kind)


for module in pkgutil.iter_modules(contract_breakers.__path__):
    importlib.import_module(f"{contract_breakers.__name__}.{module.name}")
DRIVERS = [
    kind
    for kind in subclasses_of(BrokenDriver)
    if kind.__module__.startswith(f"{contract_breakers.__name__}.")
]


def run_rule(rule: str, backend: MemoryHarness) -> None:
    try:
        getattr(Everything(), rule)(Scenario(backend))
    finally:
        backend.close()


CASES = [(kind, rule, words) for kind in DRIVERS for rule, words in vars(kind).get("breaks", {}).items()]


@pytest.mark.parametrize(
    ("kind", "rule", "words"), CASES, ids=[f"{kind.__name__}-{rule}" for kind, rule, _ in CASES]
)
def test_rule_reports_fault_of_broken_driver(kind, rule, words):
    with pytest.raises(Violation, match=words):
        run_rule(rule, MemoryHarness(kind()))


def test_every_rule_is_broken_by_some_driver():
    """S120."""
    assert sorted({rule for _, rule, _ in CASES}) == RULES


def test_every_rule_accepts_a_correct_driver():
    for rule in RULES:
        run_rule(rule, MemoryHarness(BrokenDriver()))


SLOW = ("test_cut_keeps_the_order_of_writes", "test_separate_cuts_of_members_are_detected")
LIARS = sorted(CALLS - {"report", "start", "stop"})


@pytest.mark.parametrize("call", LIARS)
def test_driver_without_the_effect_of_one_call_is_detected(call):
    assert is_detected(Fault(call, "lie", times=None))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", sorted(CALLS - {"stop"}))
def test_driver_that_fails_in_one_call_is_detected(call, when):
    assert is_detected(Fault(call, "busy", when=when, times=None))


@pytest.mark.parametrize("call", sorted(CALLS - {"stop", "start"}))
def test_driver_that_fails_in_a_second_call_is_detected(call):
    assert is_detected(Fault(call, "final", nth=2))


def is_detected(fault: Fault) -> bool:
    """Return whether any rule except the slow ones detects a driver with this fault."""
    for rule in RULES:
        if rule in SLOW:
            continue
        faults = FaultSchedule()
        faults.add_fault(fault)
        try:
            run_rule(rule, MemoryHarness(BrokenDriver(), partial(wrap_with_faults, faults=faults)))
        except Violation:
            return True
    return False
