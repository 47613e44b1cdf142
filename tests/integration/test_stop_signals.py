"""Stop signals end the service at any time, and a second one ends it at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Start

pytestmark = pytest.mark.real

CGFLOW = str(Path(sys.executable).with_name("cgflow"))


@pytest.fixture(autouse=True)
def hangup_ends_processes() -> Iterator[None]:
    """Let SIGHUP end the processes that a test starts, also if the tests themselves run under nohup."""
    former = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, former)


# Exceptions in the callback of a weak reference are printed and dropped.
HOOK = """
import gc, os, pathlib, signal, sqlite3.dbapi2, sys, weakref
MODULE, NAME, MARK, NUMBER = {module!r}, {name!r}, pathlib.Path({mark!r}), {number}
real = getattr(sys.modules[MODULE], NAME)
sent = []

class Thing:
    pass

def interrupt(_):
    open(MARK, 'x').close()
    os.kill(os.getpid(), NUMBER)
    for _ in range(1000):
        pass

def hooked(*args, **kwargs):
    handler = signal.getsignal(NUMBER)
    if not sent and callable(handler) and handler is not signal.default_int_handler:
        sent.append(NUMBER)
        thing = Thing()
        watch = weakref.ref(thing, interrupt)
        del thing
    return real(*args, **kwargs)

setattr(sys.modules[MODULE], NAME, hooked)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    ("module", "name"), [("os", "open"), ("sqlite3.dbapi2", "connect"), ("gc", "collect"), ("gc", "freeze")]
)
def test_a_signal_while_starting_ends_the_service(
    place: Path, module: str, name: str, number: signal.Signals
) -> None:
    mark = place / "mark"
    (place / "sitecustomize.py").write_text(
        HOOK.format(module=module, name=name, mark=str(mark), number=int(number))
    )
    done = subprocess.run(
        [CGFLOW, "serve", "--state-dir", str(place / "s"), "--bind", "127.0.0.1:0", "--backend", "memory"],
        env={**os.environ, "PYTHONPATH": f"{place}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert mark.exists(), "the signal was never sent"
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_terminal_stops_the_service_unless_that_is_ignored(start: Start) -> None:
    project = start(backend="memory")
    process = project.served.process
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        project.served.start()
    finally:
        signal.signal(signal.SIGHUP, former)
    project.served.process.send_signal(signal.SIGHUP)
    project.group(1)
    assert project.served.stop() == 0


def test_a_second_signal_ends_the_service_at_once(start: Start) -> None:
    project = start("--drills", backend="memory")
    group_id, _ = project.group(1)
    project.served.drill({"call": "cut", "kind": "hang", "when": "before", "deadline_s": 300})
    flow_id = project.ask_cgsnapshot(group_id).flow_id
    project.event(flow_id, "driver.cut", "RUNNING")

    process = project.served.process
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.terminate()
    assert process.wait(30) == -signal.SIGTERM
    project.served.drill()
    assert project.served.start().endswith("1 unfinished flow resumed)")
    project.end(flow_id)
    assert project.client.audit.fetch_report()["findings"] == []


def test_a_driver_that_ends_the_process_is_a_failed_request_and_a_failed_flow(start: Start) -> None:
    project = start("--drills", backend="memory")
    group_id, _ = project.group(1)
    project.served.drill({"call": "cut", "kind": "exit", "when": "after"})
    accepted = project.ask_cgsnapshot(group_id)
    flow = project.end(accepted.flow_id, "reverted")
    assert "SystemExit" in flow["reason"]
    assert project.client.audit.fetch_report()["findings"] == []
