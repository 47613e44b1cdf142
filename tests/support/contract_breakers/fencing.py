"""Drivers whose fence is incomplete."""

import threading

from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import BusyDriverError, FinalDriverError, SessionFenced
from tests.support.contract_breakers.base import SOON, BrokenDriver


class IgnoresFence(BrokenDriver):
    breaks = {
        "test_fenced_session_cannot_create_or_delete": (
            "create_group by a fenced session must raise SessionFenced"
        ),
        "test_fenced_session_cannot_cut": "prepare by a fenced session must raise SessionFenced; it report",
        "test_fence_can_be_repeated": "create_group by a fenced session must raise SessionFenced; it reporte",
    }

    def fence(self, session):
        pass


class ResizesWhenFenced(BrokenDriver):
    breaks = {
        "test_fenced_session_cannot_create_or_delete": "resizes nothing: provisioned_gib was 1.0, is 2.0",
    }

    def extend_volume(self, volume, new_size_gib):
        session, self.session = self.session, "first"
        try:
            super().extend_volume(volume, new_size_gib)
        finally:
            self.session = session
        self.admit()


class CutsWhenFenced(BrokenDriver):
    breaks = {
        "test_fenced_session_cannot_cut": (
            "snapshot of what a fenced session did not cut must raise FinalDriverError"
        ),
    }

    def cut(self, cgsnapshot_id, group_id, snapshots):
        session, self.session = self.session, "first"
        try:
            evidence = super().cut(cgsnapshot_id, group_id, snapshots)
        finally:
            self.session = session
        self.admit()
        return evidence


class ReportsWhenFenced(BrokenDriver):
    breaks = {
        "test_fenced_session_cannot_create_or_delete": "report by a fenced session must raise SessionFence",
    }

    def report(self):
        return MemoryDriver.report(self)


class RaisesFinalErrorWhenFenced(BrokenDriver):
    breaks = {
        "test_fenced_session_cannot_cut": "must raise SessionFenced; it raised FinalDriverError: refused",
        "test_fence_stops_calls_in_flight": "calls must raise SessionFenced, not .'FinalDriverError'",
    }

    def admit(self):
        if self.session in self.fenced:
            raise FinalDriverError("refused")


class ChecksFenceBeforeLocking(BrokenDriver):
    breaks = {
        "test_fence_stops_calls_in_flight": "no effect once fence has returned; . volumes were made and 0"
    }

    def __init__(self):
        super().__init__()
        self.looked = threading.Event()
        self.has_made = threading.Event()

    def create_volume(self, volume):
        self.admit()
        if self.has_made.is_set():
            self.looked.wait(SOON)
        self.has_made.set()
        MemoryDriver.create_volume(self, volume)

    def inventory(self, group_id=None):
        found = super().inventory(group_id)
        if self.fenced:
            self.looked.set()
        return found

    def _record_event(self, event, **values):
        MemoryDriver._record_event(self, event, **values)


class FencesAllSessions(BrokenDriver):
    breaks = {
        "test_fence_does_not_affect_other_sessions": (
            "a session that is not fenced must succeed; it raised SessionFenced"
        )
    }

    def admit(self):
        if self.fenced and self.session != "first":
            raise SessionFenced.of(self.session)


class FailsToFenceTwice(BrokenDriver):
    breaks = {"test_fence_can_be_repeated": "a second fence must succeed; it raised BusyDriverError"}

    def fence(self, session):
        if session in self.fenced:
            raise BusyDriverError("fenced already")
        super().fence(session)


class FailsToFenceUnopenedSession(BrokenDriver):
    breaks = {
        "test_fence_of_a_session_that_was_never_opened": "fence of a session that was never opened must succe"
    }

    def __init__(self):
        super().__init__()
        self.opened = set()

    def open_session(self, session):
        self.opened.add(session)
        super().open_session(session)

    def fence(self, session):
        if session not in self.opened:
            raise FinalDriverError("no such session")
        super().fence(session)


class ReopensFencedSession(BrokenDriver):
    breaks = {
        "test_fence_survives_restarts": (
            "open_session again by a fenced session must raise SessionFenced; it reported success"
        ),
        "test_fence_of_a_session_that_was_never_opened": (
            "open_session by a fenced session must raise SessionFenced"
        ),
    }

    def open_session(self, session):
        self.fenced.discard(session)
        super().open_session(session)


class ForgetsFencesOnRestart(BrokenDriver):
    breaks = {
        "test_fence_survives_restarts": "create_group after a restart by a fenced session must raise Session"
    }

    def start(self):
        self.fenced.clear()


class RefusesVolumesAfterFence(BrokenDriver):
    breaks = {
        "test_fence_keeps_objects_of_the_session": (
            "what a fenced session had made must succeed; it raised BusyDriverError"
        )
    }

    def create_volume(self, volume):
        if self.fenced:
            raise BusyDriverError("cleaning up")
        super().create_volume(volume)


class LetsFencedSessionFenceOthers(BrokenDriver):
    breaks = {
        "test_fenced_session_cannot_fence": "fence by a fenced session must raise SessionFenced; it rep"
    }

    def fence(self, session):
        self.fenced.add(session)
