"""Waiting for a flow's next event."""

from __future__ import annotations

import threading

from cgflow.engine.watch import Watch


def test_a_waiter_is_woken_by_the_next_event() -> None:
    watch = Watch()
    watch.publish("flow", 1)
    woken = threading.Event()
    waiter = threading.Thread(target=lambda: (watch.wait("flow", 1, 30), woken.set()))
    waiter.start()
    assert not woken.wait(0.05)
    watch.publish("flow", 2)
    assert woken.wait(10)
    waiter.join()


def test_nobody_waits_for_what_is_already_there_or_not_known() -> None:
    watch = Watch()
    watch.publish("flow", 5)
    watch.wait("flow", 4, 30)
    watch.wait("another", 0, 30)


def test_who_finds_no_seat_looks_for_himself() -> None:
    watch = Watch(seats=1)
    watch.publish("flow", 1)
    seated = threading.Thread(target=lambda: watch.wait("flow", 1, 30))
    seated.start()
    while not watch._waiting:
        seated.join(0.01)
    watch.wait("flow", 1, 30)
    watch.close()
    seated.join(10)
    assert not seated.is_alive()
    watch.wait("flow", 1, 30)
