"""The tables of a comparison with another service, and how it fails without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.peer.__main__ import main
from benchmarks.peer.connection import OperationFailed
from benchmarks.peer.cpu import find_roots, read_cpu
from benchmarks.peer.measurements import Measurements, Usage
from benchmarks.peer.profile import read_profile
from benchmarks.peer.report import FIGURES, print_figures, print_usage

TEXT = "a process of the test of find_roots"


@pytest.fixture
def process() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()", TEXT], stdin=subprocess.PIPE) as running:
        yield running.pid
        running.kill()


@pytest.fixture
def found() -> Measurements:
    found = Measurements({})
    for value in (40.0, 44.0, 100.0):
        found.add("create 1", "cgflow", value)
    found.add("create 1", "peer", 88.0)
    found.add("burst 5", "cgflow", 15.0)
    found.add("burst 5", "peer", 5.0)
    found.usages["create 1"]["cgflow"] = Usage(3, {"cgflow": 0.3}, other_s=1.0, total_s=4.0)
    return found


def test_ratios_above_one_are_in_favour_of_cgflow(
    found: Measurements, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row["figure"]: row for row in print_figures(found, "peer", "cgflow")}
    create, burst = rows["create 1"], rows["burst 5"]
    assert (create["peer"], create["own"], create["ratio"], create["samples"]) == (88, 44, 2, "1 / 3")
    assert (burst["peer"], burst["own"], burst["ratio"]) == (5, 15, 3)
    assert rows["cpu 1"]["own"] == pytest.approx(100)
    assert rows["cpu 1"]["ratio"] is None
    printed = capsys.readouterr().out
    assert "| cgsnapshot create, N = 1: POST to available, ms | 88.0 | 44.0 | 2.00 | 1 / 3 |" in printed
    assert "| show volume, ms | - | - | - | 0 / 0 |" in printed


def test_the_stored_profile_has_every_figure(found: Measurements) -> None:
    profile = read_profile()
    assert set(profile.figures) == {figure.key for figure in FIGURES}
    rows = {row["figure"]: row for row in print_figures(found, profile, "cgflow")}
    assert rows["create 1"]["ratio"] == pytest.approx(profile.figures["create 1"] / 44)


def test_other_load_and_cpu_of_each_process_are_printed(
    found: Measurements, capsys: pytest.CaptureFixture[str]
) -> None:
    print_usage(found)
    assert "| create 1 | cgflow | 3 | cgflow 100 | 25% |" in capsys.readouterr().out


def test_processes_are_found_by_text_and_by_id(process: int) -> None:
    assert find_roots({"by text": TEXT, "by id": str(process)}) == {"by text": {process}, "by id": {process}}
    assert read_cpu({"found": frozenset({process})}).process_s.keys() == {"found"}


def test_a_text_that_no_process_has_is_refused() -> None:
    with pytest.raises(OperationFailed, match="no process for api: none has 'no such program of anyone'"):
        find_roots({"api": "no such program of anyone"})


def test_the_benchmark_does_not_count_itself_as_the_peer() -> None:
    with pytest.raises(OperationFailed, match="no process for own"):
        find_roots({"own": str(os.getpid())})


def test_a_peer_that_does_not_answer_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--peer", "http://127.0.0.1:1"]) == 1
    assert "FAILED: peer at http://127.0.0.1:1 does not answer: " in capsys.readouterr().err
