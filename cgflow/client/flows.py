"""Flows: the state and the history of operations."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from cgflow.client.http import Record, ServiceError, ServiceUnreachable, WaitTimedOut
from cgflow.client.resources import Collection
from cgflow.status import UNFINISHED

POLL_S = 20.0
"""The longest wait of one request for new events, in seconds; the service allows 30."""

PATIENCE_S = 60.0
"""The seconds that the service may be unreachable, such as during a restart, while a flow is followed."""

_GRACE_S = 15.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_RESTARTING = (502, 503, 504)

T = TypeVar("T")


class Flows(Collection):
    """``/flows``. A flow has no name: ``find`` accepts an id only."""

    plural, key, type_name = "flows", "flow", "flow"
    root = listing = "/flows"

    def find(self, name_or_id: str) -> Record:
        """Return the flow with this id."""
        return self.get(name_or_id)

    def events(self, id_: str, after: int = 0, wait: float = 0) -> list[Record]:
        """Return the events after ``after``; if there are none yet, wait up to ``wait`` seconds for one."""
        params: Record = {"after": after}
        if wait > 0:
            params["wait"] = f"{wait:g}"
        answer = self._http.get(self.path(id_, "events"), params, answer_s=wait + _GRACE_S)
        events: list[Record] = answer.require("events")
        return events

    def all_events(self, id_: str, after: int = 0) -> list[Record]:
        """Return all events so far, with as many requests as that takes."""
        events: list[Record] = []
        while batch := self.events(id_, events[-1]["seq"] if events else after):
            events += batch
        return events

    def request_action(self, id_: str, action: str, **details: str) -> None:
        """Request a flow action: ``retry``, ``skip``, ``abandon``, ``cancel`` or ``resume``."""
        self._http.post(self.path(id_, "action"), {action: details})

    def graph(self, id_: str) -> str:
        """Return the flow's graph as DOT text."""
        return self._http.get_text(self.path(id_, "graph"))

    def follow(
        self, id_: str, *, after: int = 0, timeout: float | None = None, patience: float = PATIENCE_S
    ) -> Generator[Record, None, Record]:
        """Yield the flow's events as they arrive, and return the flow once it has ended.

        The service may be restarted meanwhile: requests are retried for ``patience`` seconds before
        ``ServiceUnreachable`` is raised. Raises: WaitTimedOut after ``timeout`` seconds; the flow continues.
        """
        batches = self.follow_batches(id_, after=after, timeout=timeout, patience=patience)
        while True:
            try:
                yield from next(batches)
            except StopIteration as end:
                return dict(end.value)

    def follow_batches(
        self, id_: str, *, after: int = 0, timeout: float | None = None, patience: float = PATIENCE_S
    ) -> Generator[list[Record], None, Record]:
        """Yield the events of each answer together. Otherwise as ``follow``."""
        timer = _FollowTimer(id_, timeout, patience)
        seen, wait = after, 0.0
        while True:
            began = time.monotonic()
            batch = timer.request_with_retries(partial(self.events, id_, seen, wait))
            if batch:
                seen = batch[-1]["seq"]
                yield batch
            if not batch or any(_is_end_event(event) for event in batch):
                flow = timer.request_with_retries(partial(self.get, id_))
                if has_ended(flow):
                    # The events written between the two answers, including the last one.
                    if last := timer.request_with_retries(partial(self.events, id_, seen)):
                        yield last
                    return flow
            timer.raise_if_timed_out()
            if not batch and wait > 0 and time.monotonic() - began < _FIRST_PAUSE_S:
                # The service did not wait for events, so pause before the next request.
                time.sleep(_FIRST_PAUSE_S)
            wait = timer.limit_to_remaining(POLL_S)


def has_ended(flow: Record) -> bool:
    """Return whether a flow has ended."""
    return flow["state"] not in UNFINISHED


def _is_end_event(event: Record) -> bool:
    return event["task"] is None and event["to"] not in UNFINISHED


class _FollowTimer:
    """The two time limits of following a flow: in total, and without an answer."""

    def __init__(self, flow_id: str, timeout: float | None, patience: float) -> None:
        self._flow_id = flow_id
        self._timeout = timeout
        self._patience = patience
        self._began = time.monotonic()

    def limit_to_remaining(self, seconds: float) -> float:
        """Return the seconds, limited to the rest of the total time."""
        if self._timeout is None:
            return seconds
        return max(0.0, min(seconds, self._began + self._timeout - time.monotonic()))

    def raise_if_timed_out(self) -> None:
        """Raise WaitTimedOut, if the total time is over."""
        if self._timeout is not None and time.monotonic() - self._began >= self._timeout:
            raise WaitTimedOut(
                f"Flow {self._flow_id} had not ended after {self._timeout:g} s. It continues: "
                f"follow it with 'cgflow flow follow {self._flow_id}'."
            )

    def request_with_retries(self, send: Callable[[], T]) -> T:
        """Retry a request until there is an answer or ``patience`` is over. Raises: as ``Flows.follow``."""
        gone_since: float | None = None
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return send()
            except (ServiceUnreachable, ServiceError) as error:
                if isinstance(error, ServiceError) and error.status not in _RESTARTING:
                    raise
                gone_since = gone_since or time.monotonic()
                if time.monotonic() - gone_since >= self._patience:
                    raise ServiceUnreachable(
                        f"{error.message} Flow {self._flow_id} continues when the service is back: "
                        f"follow it then with 'cgflow flow follow {self._flow_id}'."
                    ) from error
            self.raise_if_timed_out()
            time.sleep(self.limit_to_remaining(pause))
            pause = min(2 * pause, _LONGEST_PAUSE_S)
