"""Fault injection: each kind at each point, counted exactly."""

import threading

import pytest

from cgflow.drivers.contract import (
    Cloning,
    GroupSnapshots,
    Regrouping,
    Restoring,
    SnapshotSpec,
    StorageDriver,
    SupportsHostFiles,
    VolumeSpec,
)
from cgflow.drivers.fault_injection.faulty_driver import (
    Fault,
    FaultSchedule,
    FaultyDriver,
    FaultyRegrouping,
    FaultyVolumes,
    wrap_with_faults,
)
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import AmbiguousDriverError, BusyDriverError, FinalDriverError
from tests.support.memory_harness import create_volume_outcomes

ONE = VolumeSpec("one", 1, "g")
TWO = VolumeSpec("two", 1, "g")
COPIES = [SnapshotSpec("one-s", "one", "c", "g"), SnapshotSpec("two-s", "two", "c", "g")]
SOON = 10.0


@pytest.fixture
def faults() -> FaultSchedule:
    return FaultSchedule()


@pytest.fixture
def driver(faults: FaultSchedule) -> FaultyDriver:
    driver = FaultyDriver(MemoryDriver(), faults)
    driver.create_group("g")
    return driver


def exists(driver: StorageDriver, volume: VolumeSpec) -> bool:
    return volume.id in driver.inventory().volumes


ERRORS = {"final": FinalDriverError, "ambiguous": AmbiguousDriverError, "busy": BusyDriverError}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ERRORS)
def test_error_comes_before_or_after_the_effect(driver, faults, kind, when):
    faults.add_fault(Fault("create_volume", kind, when=when))
    with pytest.raises(ERRORS[kind]) as caught:
        driver.create_volume(ONE)
    assert type(caught.value) is ERRORS[kind]
    assert exists(driver, ONE) == (when == "after")


def test_lie_reports_success_and_does_nothing(driver, faults):
    faults.add_fault(Fault("create_volume", "lie"))
    driver.create_volume(ONE)
    assert not exists(driver, ONE)


def test_lying_cut_gives_evidence_and_cuts_nothing(driver, faults):
    driver.create_volume(ONE)
    driver.prepare(COPIES[0])
    faults.add_fault(Fault("cut", "lie"))
    assert driver.cut("c", "g", COPIES[:1])["members"] == 1
    with pytest.raises(FinalDriverError, match="has not been cut"):
        driver.snapshot(COPIES[0])


@pytest.mark.parametrize("when", ["before", "after"])
def test_hang_blocks_until_released(driver, faults, when):
    faults.add_fault(Fault("create_volume", "hang", when=when, deadline_s=60))
    caller = threading.Thread(target=driver.create_volume, args=(ONE,))
    caller.start()
    assert faults.await_firings(1, SOON)
    assert exists(driver, ONE) == (when == "after")
    assert caller.is_alive()
    faults.release_hanging_calls()
    caller.join(SOON)
    assert not caller.is_alive()
    assert exists(driver, ONE)


@pytest.mark.parametrize("when", ["before", "after"])
def test_hang_ends_ambiguous_at_its_deadline(driver, faults, when):
    faults.add_fault(Fault("create_volume", "hang", when=when, deadline_s=0.01))
    with pytest.raises(AmbiguousDriverError, match="no answer within 0.01 s"):
        driver.create_volume(ONE)
    assert exists(driver, ONE) == (when == "after")


def test_release_does_not_free_a_later_hang(driver, faults):
    faults.release_hanging_calls()
    faults.add_fault(Fault("create_volume", "hang", deadline_s=0.01))
    with pytest.raises(AmbiguousDriverError):
        driver.create_volume(ONE)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("nth", "times", "expected"),
    [(1, 1, "f....."), (3, 1, "..f..."), (2, 3, ".fff.."), (4, None, "...fff")],
)
def test_nth_and_times_choose_the_calls(driver, faults, when, nth, times, expected):
    faults.add_fault(Fault("create_volume", "final", when=when, nth=nth, times=times))
    assert create_volume_outcomes(driver, 6) == expected


def test_each_fault_counts_for_itself(driver, faults):
    faults.add_fault(Fault("create_volume", "final", nth=1))
    faults.add_fault(Fault("create_volume", "ambiguous", nth=3))
    assert create_volume_outcomes(driver, 4) == "f.a."


def test_of_two_due_faults_the_later_waits_for_the_next_call(driver, faults):
    faults.add_fault(Fault("create_volume", "final"))
    faults.add_fault(Fault("create_volume", "busy"))
    assert create_volume_outcomes(driver, 3) == "fb."


def test_refused_call_does_not_count_for_faults_after_the_effect(driver, faults):
    faults.add_fault(Fault("create_volume", "final"))
    faults.add_fault(Fault("create_volume", "ambiguous", when="after"))
    assert create_volume_outcomes(driver, 3) == "fa."


def test_call_that_fails_by_itself_is_passed_on_and_does_not_count(driver, faults):
    faults.add_fault(Fault("create_volume", "ambiguous", when="after"))
    with pytest.raises(FinalDriverError, match="no group elsewhere"):
        driver.create_volume(VolumeSpec("x", 1, "elsewhere"))
    assert faults.firings == ()


@pytest.mark.parametrize("target", ["two", "two-s"])
def test_target_matches_ids_of_one_member(driver, faults, target):
    for volume in (ONE, TWO):
        driver.create_volume(volume)
    faults.add_fault(Fault("prepare", "final", target=target))
    driver.prepare(COPIES[0])
    with pytest.raises(FinalDriverError):
        driver.prepare(COPIES[1])


@pytest.mark.parametrize("target", ["c", "g", "one", "two-s"])
def test_target_of_a_cut_is_any_id_in_it(driver, faults, target):
    for volume, copy in zip((ONE, TWO), COPIES, strict=True):
        driver.create_volume(volume)
        driver.prepare(copy)
    faults.add_fault(Fault("cut", "final", target=target))
    with pytest.raises(FinalDriverError, match="cut failed by order"):
        driver.cut("c", "g", COPIES)


def test_other_target_and_other_call_pass(driver, faults):
    faults.add_fault(Fault("create_volume", "final", target="two"))
    faults.add_fault(Fault("delete_volume", "final"))
    driver.create_volume(ONE)
    assert faults.firings == ()


def test_log_says_what_fired_and_on_what(driver, faults):
    fault = Fault("create_volume", "final", target="one")
    faults.add_fault(fault)
    create_volume_outcomes(driver, 2)
    with pytest.raises(FinalDriverError):
        driver.create_volume(ONE)
    assert [(firing.fault, firing.ids) for firing in faults.firings] == [(fault, ("one", "g"))]


def test_clear_forgets_orders(driver, faults):
    faults.add_fault(Fault("create_volume", "final"))
    faults.clear()
    driver.create_volume(ONE)


def test_a_fault_meets_exactly_one_of_many_threads(driver, faults):
    faults.add_fault(Fault("create_volume", "final", nth=5))
    failed = []

    def create(number: int) -> None:
        try:
            driver.create_volume(VolumeSpec(f"v{number}", 1, "g"))
        except FinalDriverError:
            failed.append(number)

    callers = [threading.Thread(target=create, args=(number,)) for number in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(SOON)
    assert len(failed) == 1
    assert len(driver.inventory().volumes) == 15


ARGUMENTS = {
    "create_group": ("g",),
    "delete_group": ("g",),
    "create_volume": (ONE,),
    "delete_volume": (ONE,),
    "extend_volume": (ONE, 2),
    "connection": (ONE,),
    "prepare": (COPIES[0],),
    "cut": ("c", "g", COPIES),
    "snapshot": (COPIES[0],),
    "delete_snapshot": (COPIES[0],),
    "has_snapshot": (COPIES[0],),
    "export_snapshot": (COPIES[0],),
    "unexport_snapshot": (COPIES[0],),
}


def test_every_call_of_the_contract_can_be_made_to_fail(driver, faults):
    contract = {name for kind in (StorageDriver, GroupSnapshots) for name in vars(kind) if name[0] != "_"}
    for call in sorted(contract):
        faults.add_fault(Fault(call, "busy"))
        with pytest.raises(BusyDriverError, match=f"^{call} failed by order"):
            getattr(driver, call)(*ARGUMENTS.get(call, ()))


def test_every_call_reaches_the_driver_inside():
    asked = []

    class Recorder(MemoryDriver):
        def __getattribute__(self, name):
            if name in ARGUMENTS or name in ("start", "stop", "report", "inventory"):
                return lambda *arguments: asked.append((name, arguments)) or name
            return super().__getattribute__(name)

    driver = FaultyDriver(Recorder(), FaultSchedule())
    for call, arguments in ARGUMENTS.items():
        assert getattr(driver, call)(*arguments) == call
    assert asked == list(ARGUMENTS.items())
    assert (driver.report(), driver.inventory("g")) == ("report", "inventory")
    assert asked[-1] == ("inventory", ("g",))


def test_wrapping_keeps_the_abilities_of_the_driver():
    """S120, M10, C7."""

    class OnlyVolumes(FaultyVolumes):
        """A driver that cannot cut groups."""

    plain = OnlyVolumes(MemoryDriver(), FaultSchedule())
    assert not isinstance(wrap_with_faults(plain, FaultSchedule()), GroupSnapshots)
    for ability in (GroupSnapshots, Cloning, Regrouping, Restoring):
        assert isinstance(wrap_with_faults(MemoryDriver(), FaultSchedule()), ability)

    class Mover(FaultyRegrouping):
        """A driver that can move volumes and has no other ability."""

    mover = wrap_with_faults(Mover(MemoryDriver(), FaultSchedule()), FaultSchedule())
    assert isinstance(mover, Regrouping)
    assert not isinstance(mover, GroupSnapshots | Cloning | Restoring)
    with pytest.raises(TypeError, match="OnlyVolumes has no GroupSnapshots, Cloning, Regrouping, Restoring"):
        FaultyDriver(plain, FaultSchedule())


def test_the_files_of_a_driver_can_be_made_to_fail():
    class Filer(FaultyVolumes):
        """A driver that can serve files and has no other ability."""

        def serve_file(self, export):
            return export

        def withdraw_file(self, export):
            return export

    faults = FaultSchedule()
    filer = wrap_with_faults(Filer(MemoryDriver(), FaultSchedule()), faults)
    assert isinstance(filer, SupportsHostFiles)
    for call in (filer.serve_file, filer.withdraw_file):
        assert call(ONE) == ONE
        faults.add_fault(Fault(call.__name__, "busy", target=ONE.id))
        with pytest.raises(BusyDriverError, match="failed by order"):
            call(ONE)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"call": "cutt", "kind": "final"}, "call must be one of"),
        ({"call": "cut", "kind": "explode"}, "kind must be one of"),
        ({"call": "cut", "kind": "final", "when": "during"}, "when must be"),
        ({"call": "cut", "kind": "final", "nth": 0}, "nth must be"),
        ({"call": "cut", "kind": "final", "nth": True}, "nth must be"),
        ({"call": "cut", "kind": "final", "times": 0}, "times must be"),
        ({"call": "cut", "kind": "final", "target": 7}, "target must be"),
        ({"call": "cut", "kind": "hang", "deadline_s": 0}, "deadline_s must be"),
        ({"call": "cut", "kind": "lie", "when": "after"}, "a lie does nothing"),
        ({"call": "report", "kind": "lie"}, "report cannot lie"),
    ],
)
def test_impossible_fault_is_refused_and_named(values, message):
    with pytest.raises(ValueError, match=message):
        Fault(**values)
