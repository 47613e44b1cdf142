"""Following a flow: on a terminal the steps are redrawn, elsewhere every transition is a line."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from cgflow.cli import flow_report
from tests.support import wire_events
from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand
from tests.support.wire_events import FLOW, EventSequence


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("RUNNING", "+5 ms  driver.cut  running"),
        ("SUCCESS", "+5 ms  driver.cut  done  3.0 ms"),
        ("REVERTED", "+5 ms  driver.cut  undone  3.0 ms"),
        ("PENDING", None),
        ("IGNORE", None),
    ],
)
def test_one_transition(state: str, line: str | None) -> None:
    (event,) = EventSequence().move("driver.cut", state, 5, 3.0).events
    told_as = flow_report.transition_line(event, flow_report.parse_time(wire_events.wire_time(0)))
    assert (told_as and told_as.strip()) == line


def test_the_flows_own_transition() -> None:
    (event,) = EventSequence().move(None, "reverted", 5, 3.0, failure={"message": "no space"}).events
    assert flow_report.transition_line(event, None) == "            flow  reverted  no space"


def test_the_lines_and_the_end_go_by_one_clock(service: CannedService, cgflow: CgflowCommand) -> None:
    """The clock starts when the flow starts; before that, the flow waits for a conductor."""
    story = EventSequence().move(None, "accepted", -8000).move(None, "running", 5).step("driver.cut", 7, 40)
    service.plays_flow(wire_events.flow_body("success"), story.move(None, "success", 417).events)
    lines = cgflow("flow", "follow", FLOW).stdout.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "flow accepted",
        "+0 ms flow running",
        "+2 ms driver.cut running",
        "+42 ms driver.cut done 40 ms",
        "+412 ms flow success",
        "cgsnapshot.create success after 412 ms (having waited 8.0 s)",
    ]


def on_a_terminal(*words: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    code = "from cgflow.cli.main import main; main()"
    command = subprocess.Popen([sys.executable, "-c", code, *words], stdout=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:
        # A terminal reports in this way that the other side has closed it.
        pass
    os.close(ours)
    return command.wait(), shown.decode()


def test_on_a_terminal_the_steps_are_redrawn(service: CannedService) -> None:
    story = EventSequence().step("quota.reserve", 1, 3)
    for number in range(8):
        story.step(f"driver.snapshot[v{number}]", 10, 20)
    story.undoes("quota.reserve", 50, 2).move(None, "reverted", 60)
    service.plays_flow(
        wire_events.flow_body("reverted", reason="no space", tasks=story.tasks()), story.events
    )
    code, shown = on_a_terminal("--url", service.url, "flow", "follow", FLOW)
    assert code == 1
    assert "done, undone in 2.0 ms" in shown
    assert "driver.snapshot[...] x 8" in shown
    assert "cgsnapshot.create reverted after 59 ms" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1, "the cursor is given back"
