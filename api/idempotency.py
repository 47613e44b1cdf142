"""``Idempotency-Key``: a request that is repeated under its key is answered, and not done, again.

The key is committed with what the request changes and with its answer, so that
none is ever there without the others: a refusal leaves no key, and what was
accepted before a crash is answered after it. A key is kept for 24 hours, for
one user in one project. Who has lost the right to what was done, or to see what
the answer shows, is refused as for any other request. What changes nothing that is recorded keeps no answer,
and is simply done again.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnprocessableEntity

from api import json_body, versions
from api.auth.authorization import Asked, authorize
from api.request_scope import caller, runtime
from cgflow import clock
from cgflow.db.repositories import idempotency as keys
from cgflow.errors import Busy, InvalidInput, NotFound
from cgflow.masking import MASK, mask_json_by_name
from cgflow.records import KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
AT_WORK = "cgflow.idempotency"

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class Repeated(Exception):
    """Another request has taken the key meanwhile, and is answered."""


class AtWork:
    """The keys whose first requests are being served by this process."""

    def __init__(self) -> None:
        self._owners: set[keys.Owner] = set()
        self._lock = threading.Lock()

    @contextmanager
    def alone(self, owner: keys.Owner) -> Iterator[None]:
        """Serve the one request with this key. Raises: Busy, if another is being served."""
        with self._lock:
            if owner in self._owners:
                raise Busy(f"A request with this {HEADER} is being served; repeat it to read its answer.")
            self._owners.add(owner)
        try:
            yield
        finally:
            with self._lock:
                self._owners.remove(owner)


@dataclass(frozen=True)
class Key:
    """The key of this request, whose it is, and what the request asks for."""

    owner: keys.Owner
    fingerprint: str

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Serve no other request with this key meanwhile. Raises: Busy."""
        at_work: AtWork = current_app.extensions[AT_WORK]
        with at_work.alone(self.owner):
            yield

    def earlier(self) -> Response | None:
        """Return the answer that the key already has.

        Raises: UnprocessableEntity, if it is to another request; Forbidden, if the caller may not do any
        more what it told of, or see what it shows; NotFound, if that belongs to another project by now.
        """
        with runtime().database.read() as session:
            kept = keys.find(session, self.owner, clock.now())
            if kept is None:
                return None
            owners = keys.projects_of(session, _ids(kept))
        asked = versions.used()
        # The answer was made for the versions that its request asked for.
        if kept.fingerprint != self.fingerprint or kept.headers.get(versions.HEADER, asked) != asked:
            raise UnprocessableEntity(
                f"This {HEADER} was used for another request, or for one at other versions, "
                "within the last 24 hours; use a new key."
            )
        scope = caller().scope
        for id_, project_id in owners.items():
            if scope not in (None, project_id):
                raise NotFound(f"{id_} could not be found.")
        for rule, about in kept.asked:
            moved_to = owners.get(about.get("id", ""))
            authorize(rule, about if moved_to is None else {**about, "project_id": moved_to})
        answer = Response(kept.body, kept.status, kept.headers)
        answer.headers[REPLAYED] = "true"
        return answer

    def take(self, session: Session) -> None:
        """Take the key, in the transaction that does what is asked. Raises: Repeated."""
        if not keys.take(session, self.owner, self.fingerprint, clock.now()):
            raise Repeated

    def keep(self, session: Session, answer: Response, asked: Sequence[Asked]) -> None:
        """Keep the answer, and what the policy was asked for it, in the same transaction."""
        headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
        headers[versions.HEADER] = versions.used()
        kept = KeptAnswer(
            fingerprint=self.fingerprint,
            status=answer.status_code,
            headers=headers,
            body=_without_secrets(answer),
            asked=tuple(asked),
        )
        keys.keep(session, self.owner, kept)


def _ids(kept: KeptAnswer) -> set[str]:
    """Return the ids of what the policy was asked about, and of what the answer shows."""
    ids = {about["id"] for _, about in kept.asked if "id" in about}
    told = json.loads(kept.body) if kept.body else None
    if isinstance(told, dict):
        ids |= {shown["id"] for shown in told.values() if isinstance(shown, dict) and "id" in shown}
    return ids


def _without_secrets(answer: Response) -> str:
    """Return a body as it is kept: without the key of a transfer, and without passwords of connections.

    Nothing else in an answer is a secret; what users keep under whatever names is answered as it was.
    """
    text = answer.get_data(as_text=True)
    if not answer.is_json or not text:
        return text
    told = json.loads(text)
    kept = _masked(told)
    return text if kept == told else json.dumps(kept)


def _masked(told: Any) -> Any:
    if not isinstance(told, dict):
        return told
    masked = dict(told)
    if isinstance(told.get("transfer"), dict) and "auth_key" in told["transfer"]:
        masked["transfer"] = {**told["transfer"], "auth_key": MASK}
    if "connection_info" in told:
        masked["connection_info"] = mask_json_by_name(told["connection_info"])
    if isinstance(told.get("attachment"), dict) and "connection_info" in told["attachment"]:
        shown = told["attachment"]
        masked["attachment"] = {**shown, "connection_info": mask_json_by_name(shown["connection_info"])}
    return masked


def key() -> Key | None:
    """Return the key of this request, if it has one. Raises: InvalidInput, if it cannot be one."""
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise InvalidInput(f"{HEADER} must be 1 to 255 printable ASCII characters.", HEADER)
    return Key((caller().project_id, caller().user_id, given), _fingerprint())


def _fingerprint() -> str:
    """Return what is the same for requests that ask for the same, however their JSON is spaced."""
    asked = json_body.parse_if_any(request.get_data())
    parts = [request.method, request.path, request.query_string.decode("latin-1"), asked]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
