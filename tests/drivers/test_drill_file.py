"""Faults ordered in a file: read when it changes, refused when malformed, remembered across a real kill."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.fault_injection.drill_file import CALLS
from cgflow.drivers.fault_injection.faulty_driver import FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import FinalDriverError
from tests.support.memory_harness import create_volume_outcomes

ONE = VolumeSpec("one", 1, "g")
PAGE = Path(__file__).parents[2] / "docs" / "drills.md"


def drilled(path: Path) -> FaultyDriver:
    driver = FaultyDriver(MemoryDriver(), FaultSchedule.from_file(path))
    driver.driver.create_group("g")
    return driver


def put(path: Path, *faults: dict) -> None:
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(faults))
    aside.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "faults.json"


def test_drill_file_may_come_change_and_go(path):
    driver = drilled(path)
    assert create_volume_outcomes(driver, 1) == "."
    put(path, {"call": "create_volume", "kind": "final", "times": None})
    assert create_volume_outcomes(driver, 2) == "ff"
    put(path, {"call": "create_volume", "kind": "ambiguous", "times": None})
    assert create_volume_outcomes(driver, 2) == "aa"
    path.unlink()
    assert create_volume_outcomes(driver, 2) == ".."


def test_change_of_the_file_keeps_the_counts_of_orders_that_stay(path):
    driver = drilled(path)
    stays = {"id": "stays", "call": "create_volume", "kind": "final", "nth": 3}
    put(path, stays)
    assert create_volume_outcomes(driver, 2) == ".."
    put(path, stays, {"call": "delete_volume", "kind": "final"})
    assert create_volume_outcomes(driver, 2) == "f."


def test_order_fires_again_only_under_a_new_id(path):
    driver = drilled(path)
    order = {"call": "create_volume", "kind": "final"}
    put(path, order)
    assert create_volume_outcomes(driver, 2) == "f."
    path.unlink()
    assert create_volume_outcomes(driver, 1) == "."
    put(path, order)
    assert create_volume_outcomes(driver, 1) == "."
    put(path, {"id": "again", **order})
    assert create_volume_outcomes(driver, 2) == "f."


def test_equal_orders_in_one_file_each_fire(path):
    put(path, *[{"call": "create_volume", "kind": "final"}] * 2)
    assert create_volume_outcomes(drilled(path), 3) == "ff."


def test_firing_is_remembered_and_continued_over_a_restart(path):
    put(path, {"call": "create_volume", "kind": "final", "nth": 3, "times": 2})
    assert create_volume_outcomes(drilled(path), 3) == "..f"
    assert create_volume_outcomes(drilled(path), 3) == "f.."
    assert create_volume_outcomes(drilled(path), 3) == "..."


def test_line_torn_by_a_kill_in_the_record_did_not_fire(path):
    put(path, {"id": "x", "call": "create_volume", "kind": "final", "times": 2})
    assert create_volume_outcomes(drilled(path), 1) == "f"
    record = path.with_name("faults.fired.jsonl")
    whole = record.read_bytes()
    record.write_bytes(whole + whole[:20])
    assert create_volume_outcomes(drilled(path), 2) == "f."
    assert [json.loads(line)["id"] for line in record.read_bytes().splitlines()] == ["x", "x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "is not JSON"),
        ("\udcff", "is not JSON"),
        ("{}", "must hold a list"),
        ("[7]", "fault 1: must be an object"),
        ('[{"call": "cut"}]', "fault 1: .*kind"),
        ('[{"call": "cut", "kind": "final", "colour": 1}]', "fault 1: knows no key colour"),
        ('[{"call": "cut", "kind": "final"}, {"call": "cutt", "kind": "final"}]', "fault 2: call must be"),
        ('[{"call": ["cut"], "kind": "final"}]', "fault 1: "),
        ('[{"id": 1, "call": "cut", "kind": "final"}]', "fault 1: id must be"),
        (
            '[{"id": "a", "call": "cut", "kind": "final"}, {"id": "a", "call": "cut", "kind": "busy"}]',
            "fault 2: id",
        ),
    ],
)
def test_malformed_drill_file_refuses_the_call_and_is_named(path, text, message):
    path.write_bytes(text.encode(errors="surrogateescape"))
    driver = drilled(path)
    driver.start()
    for _ in range(2):
        with pytest.raises(FinalDriverError, match=message) as caught:
            driver.create_volume(ONE)
        assert str(path) in str(caught.value)
    assert driver.driver.inventory().volumes == frozenset()
    driver.stop()
    put(path)
    driver.create_volume(ONE)


def test_corrupt_record_refuses_the_call_and_is_named(path):
    put(path, {"call": "create_volume", "kind": "final"})
    path.with_name("faults.fired.jsonl").write_text("what\n")
    with pytest.raises(FinalDriverError, match=r"faults\.fired\.jsonl, line 1"):
        drilled(path).create_volume(ONE)


def test_fault_does_not_act_if_its_firing_cannot_be_remembered(path):
    put(path, {"call": "create_volume", "kind": "kill"})
    driver = drilled(path)
    driver.report()
    path.with_name("faults.fired.jsonl").mkdir()
    with pytest.raises(FinalDriverError, match="cannot be"):
        driver.create_volume(ONE)


SERVICE = """
import sys
from pathlib import Path
from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.fault_injection.drill_file import CALLS
from cgflow.drivers.fault_injection.faulty_driver import FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver

folder = Path(sys.argv[1])
memory = MemoryDriver(state_file=folder / "memory.journal")
driver = FaultyDriver(memory, FaultSchedule.from_file(folder / "faults.json"))
driver.start()
driver.create_volume(VolumeSpec("one", 1))
print("survived")
"""


def serve(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SERVICE, str(folder)], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("call", ["create_volume", "start"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_ends_the_process_at_that_point_and_only_once(path, when, call):
    put(path, {"call": call, "kind": "kill", "when": when})
    first = serve(path.parent)
    assert first.returncode == -signal.SIGKILL, first.stderr
    found = MemoryDriver(state_file=path.with_name("memory.journal"))
    found.start()
    assert (ONE.id in found.inventory().volumes) == (call == "create_volume" and when == "after")
    found.stop()
    second = serve(path.parent)
    assert (second.returncode, second.stdout) == (0, "survived\n"), second.stderr


def test_the_page_names_every_call():
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith("| `call` |")]
    assert set(re.findall(r"`(\w+)`", row)) - {"call"} == CALLS
