"""Flows: what the service did, does, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from cgflow.client.collection import Collection
from cgflow.client.errors import ServiceError, ServiceUnreachable, WaitTimedOut
from cgflow.client.http import Record
from cgflow.status import UNFINISHED

POLL_S = 20.0
"""How long one question for new events may stay open; the service allows 30 s."""

PATIENCE_S = 60.0
"""How long a service that is being restarted may be gone while one of its flows is followed."""

_GRACE_S = 15.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_RESTARTING = (502, 503, 504)

T = TypeVar("T")


class Flows(Collection):
    """``/flows``. A flow has no name: ``find`` takes its id alone."""

    plural, key, noun = "flows", "flow", "flow"
    root = listing = "/flows"

    def find(self, name_or_id: str) -> Record:
        """Return the flow of this id."""
        return self.get(name_or_id)

    def events(self, id_: str, after: int = 0, wait: float = 0) -> list[Record]:
        """Return the events behind ``after``; if there is none yet, wait up to so many seconds for one."""
        params: Record = {"after": after}
        if wait > 0:
            params["wait"] = f"{wait:g}"
        answer = self._http.get(self.path(id_, "events"), params, answer_s=wait + _GRACE_S)
        events: list[Record] = answer.take("events")
        return events

    def all_events(self, id_: str, after: int = 0) -> list[Record]:
        """Return all events so far, however many answers that takes."""
        found: list[Record] = []
        while batch := self.events(id_, found[-1]["seq"] if found else after):
            found += batch
        return found

    def act(self, id_: str, action: str, **details: str) -> None:
        """Do something about a flow: ``retry``, ``skip``, ``abandon``, ``cancel`` or ``resume``."""
        self._http.post(self.path(id_, "action"), {action: details})

    def graph(self, id_: str) -> str:
        """Return the flow's graph as DOT text."""
        return self._http.text(self.path(id_, "graph"))

    def follow(
        self, id_: str, *, after: int = 0, timeout: float | None = None, patience: float = PATIENCE_S
    ) -> Generator[Record, None, Record]:
        """Yield the flow's events as they come, and return the flow once it has ended.

        The service may be restarted meanwhile: it is asked again for
        ``patience`` seconds before ``ServiceUnreachable`` is raised. Raises
        ``WaitTimedOut`` when ``timeout`` seconds have passed; the flow goes on.
        """
        watch = _Watch(id_, timeout, patience)
        seen, wait = after, 0.0
        while True:
            began = time.monotonic()
            batch = watch.ask(partial(self.events, id_, seen, wait))
            for event in batch:
                seen = event["seq"]
                yield event
            if not batch or any(_is_end(event) for event in batch):
                flow = watch.ask(partial(self.get, id_))
                if has_ended(flow):
                    # What was written between the two answers, the last event among it.
                    yield from watch.ask(partial(self.events, id_, seen))
                    return flow
            watch.check()
            if not batch and wait > 0 and time.monotonic() - began < _FIRST_PAUSE_S:
                # The service did not hold the question open: do not ask without pause.
                time.sleep(_FIRST_PAUSE_S)
            wait = watch.at_most(POLL_S)


def has_ended(flow: Record) -> bool:
    """Whether nothing more will happen in a flow."""
    return flow["state"] not in UNFINISHED


def _is_end(event: Record) -> bool:
    return event["task"] is None and event["to"] not in UNFINISHED


class _Watch:
    """The two clocks of following: how long in all, and how long without an answer."""

    def __init__(self, flow_id: str, timeout: float | None, patience: float) -> None:
        self._flow_id = flow_id
        self._timeout = timeout
        self._patience = patience
        self._began = time.monotonic()

    def at_most(self, seconds: float) -> float:
        """Return so many seconds, or what is left of the time in all."""
        if self._timeout is None:
            return seconds
        return max(0.0, min(seconds, self._began + self._timeout - time.monotonic()))

    def check(self) -> None:
        """Raise when the time in all is over."""
        if self._timeout is not None and time.monotonic() - self._began >= self._timeout:
            raise WaitTimedOut(
                f"Flow {self._flow_id} had not ended after {self._timeout:g} s. It goes on: "
                f"look again with 'cgflow flow follow {self._flow_id}'."
            )

    def ask(self, question: Callable[[], T]) -> T:
        """Ask until there is an answer or patience is over."""
        gone_since: float | None = None
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return question()
            except (ServiceUnreachable, ServiceError) as error:
                if isinstance(error, ServiceError) and error.status not in _RESTARTING:
                    raise
                gone_since = gone_since or time.monotonic()
                if time.monotonic() - gone_since >= self._patience:
                    raise ServiceUnreachable(
                        f"{error.message} Flow {self._flow_id} goes on when the service is back: "
                        f"look then with 'cgflow flow follow {self._flow_id}'."
                    ) from error
            self.check()
            time.sleep(self.at_most(pause))
            pause = min(2 * pause, _LONGEST_PAUSE_S)
