"""Reads with ``wait`` are held open until no flow is at work on the resource."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.engine.event_signal import FlowEventSignal
from tests.functional.caller import Caller, ModernCaller, check_bad_request, check_not_found
from tests.support.world import World

LONG = 25


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as found:
        yield found


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as a request waits."""
    begun = threading.Event()
    wait = FlowEventSignal.wait

    def announce(*args: object) -> bool:
        begun.set()
        return wait(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(FlowEventSignal, "wait", announce)
    return begun


def hold(caller: Caller, faults: FaultSchedule, call: str = "create_volume") -> str:
    """Create a volume whose flow hangs in a driver's call, and return its path."""
    faults.add_fault(Fault(call, "hang"))
    path = f"/volumes/{caller.post('/volumes', {'volume': {'size': 1}}).json['volume']['id']}"
    assert faults.await_firings(1, 10)
    return path


def ask(
    pool: ThreadPoolExecutor, caller: Caller, path: str, waiting: threading.Event
) -> Future[TestResponse]:
    """Read with a wait, in a thread; return when it waits."""
    other = type(caller)(caller._client.application.test_client(), caller.project)
    answer = pool.submit(other.get, f"{path}?wait={LONG}")
    assert waiting.wait(10)
    return answer


def test_the_answer_is_that_at_rest(
    caller: Caller, faults: FaultSchedule, pool: ThreadPoolExecutor, waiting: threading.Event
) -> None:
    path = hold(caller, faults)
    answer = ask(pool, caller, path, waiting)
    assert not answer.done()
    faults.release_hanging_calls()
    assert answer.result(LONG).json["volume"]["status"] == "available"


def test_the_deletion_ends_with_404(
    caller: Caller, faults: FaultSchedule, pool: ThreadPoolExecutor, waiting: threading.Event
) -> None:
    path = f"/volumes/{caller.volume()}"
    faults.add_fault(Fault("delete_volume", "hang"))
    assert caller.delete(path).status_code == 202
    assert faults.await_firings(1, 10)
    answer = ask(pool, caller, path, waiting)
    faults.release_hanging_calls()
    check_not_found(answer.result(LONG))


def test_a_failure_ends_the_wait(
    caller: Caller, faults: FaultSchedule, pool: ThreadPoolExecutor, waiting: threading.Event
) -> None:
    path = hold(caller, faults)
    answer = ask(pool, caller, path, waiting)
    flow_id = caller.get(path).json["volume"]["cgflow:flow_id"]
    assert caller.post(f"/flows/{flow_id}/action", {"cancel": {"reason": "test"}}).status_code == 202
    faults.release_hanging_calls()
    assert answer.result(LONG).json["volume"]["status"] == "error"


def test_the_time_ends_the_wait(caller: Caller, faults: FaultSchedule) -> None:
    path = hold(caller, faults)
    answer = caller.get(f"{path}?wait=0.05")
    assert answer.json["volume"]["status"] == "creating"
    known = {"If-None-Match": answer.headers["ETag"]}
    again = caller.get(f"{path}?wait=0.05", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    assert caller.put(path, {"volume": {"name": "new"}}).status_code == 200
    assert caller.get(f"{path}?wait=0.05", headers=known).json["volume"]["name"] == "new"


def test_without_a_seat_the_answer_comes_at_once(
    caller: Caller,
    faults: FaultSchedule,
    served: World,
    pool: ThreadPoolExecutor,
    waiting: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = hold(caller, faults)
    signal = served.runtime.event_signal
    monkeypatch.setattr(signal, "_seats", 1)
    first = ask(pool, caller, path, waiting)
    while not signal._waiters:
        time.sleep(0.01)
    assert caller.get(f"{path}?wait={LONG}").json["volume"]["status"] == "creating"
    assert not first.done()
    faults.release_hanging_calls()
    assert first.result(LONG).status_code == 200


def test_every_resource_can_be_waited_for(later: ModernCaller) -> None:
    kind = later.type()
    group_id = later.generic_group(kind)
    volume_id = later.volume(volume_type=kind, group_id=group_id)
    cgsnapshot_id = later.done(later.post("/group_snapshots", {"group_snapshot": {"group_id": group_id}}))
    snapshot_id = later.get("/snapshots").json["snapshots"][0]["id"]
    for path in (
        f"/volumes/{volume_id}",
        f"/consistencygroups/{group_id}",
        f"/groups/{group_id}",
        f"/cgsnapshots/{cgsnapshot_id}",
        f"/group_snapshots/{cgsnapshot_id}",
        f"/snapshots/{snapshot_id}",
    ):
        plain = later.get(path)
        held = later.get(f"{path}?wait={LONG}")
        assert (held.data, held.headers["ETag"]) == (plain.data, plain.headers["ETag"])
        for value in ("31", "-1", "x", "nan"):
            check_bad_request(later.get(f"{path}?wait={value}"), "wait")


def test_cinders_clients_see_no_difference(
    caller: Caller, faults: FaultSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hold(caller, faults)

    def refuse(*_: object) -> bool:
        raise AssertionError("a request without the extensions waits")

    monkeypatch.setattr(FlowEventSignal, "wait", refuse)
    plain = caller.plain().get(path)
    for value in (str(LONG), "31", "x"):
        answer = caller.plain().get(f"{path}?wait={value}")
        assert (answer.status_code, answer.data) == (200, plain.data)
    tag = caller.get(path).headers["ETag"]
    changed = caller.put(f"{path}?wait={LONG}", {"volume": {"name": "n"}}, headers={"If-Match": tag})
    assert changed.status_code == 200
