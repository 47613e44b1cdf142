"""Waiting for a flow's next event."""

from __future__ import annotations

import threading

from cgflow.engine.event_signal import FlowEventSignal


def test_a_waiter_is_woken_by_the_next_event() -> None:
    watch = FlowEventSignal()
    watch.publish("flow", 1)
    woken = threading.Event()
    waiter = threading.Thread(target=lambda: (watch.wait("flow", 1, 30, "p"), woken.set()))
    waiter.start()
    assert not woken.wait(0.05)
    watch.publish("flow", 2)
    assert woken.wait(10)
    waiter.join()


def test_nobody_waits_for_what_is_already_there_or_not_known() -> None:
    watch = FlowEventSignal()
    watch.publish("flow", 5)
    watch.wait("flow", 4, 30, "p")
    watch.wait("another", 0, 30, "p")


def test_who_finds_no_seat_looks_for_himself() -> None:
    watch = FlowEventSignal(seats=1)
    watch.publish("flow", 1)
    seated = threading.Thread(target=lambda: watch.wait("flow", 1, 30, "p"))
    seated.start()
    while not watch._waiters:
        seated.join(0.01)
    watch.wait("flow", 1, 30, "p")
    watch.close()
    seated.join(10)
    assert not seated.is_alive()
    watch.wait("flow", 1, 30, "p")


def test_a_project_that_holds_all_seats_gives_one_to_another() -> None:
    watch = FlowEventSignal(seats=4)
    watch.publish("flow", 1)
    ended = {"greedy": threading.Semaphore(0), "other": threading.Semaphore(0)}

    def wait(project_id: str) -> None:
        watch.wait("flow", 1, 30, project_id)
        ended[project_id].release()

    threads = [threading.Thread(target=wait, args=("greedy",)) for _ in range(4)]
    threads += [threading.Thread(target=wait, args=("other",)) for _ in range(2)]
    for thread in threads[:4]:
        thread.start()
        while thread.is_alive() and len(watch._waiters) <= threads.index(thread):
            thread.join(0.01)
    for thread in threads[4:]:
        thread.start()
        # Each of them releases one of the other project's waiters.
        assert ended["greedy"].acquire(timeout=10)
    # Both projects have their share, and neither gets more.
    for project_id in ended:
        wait(project_id)
        assert ended[project_id].acquire(timeout=10)
    assert sum(thread.is_alive() for thread in threads) >= 4
    watch.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
