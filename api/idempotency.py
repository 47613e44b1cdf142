"""``Idempotency-Key``: a repeated request gets the stored answer and is not executed again.

The key is committed in one transaction with the request's changes and its answer, so a refused request leaves
no key, and a request accepted before a crash is answered after it. A key is stored for 24 hours, per user and
project. A caller who has lost the right to the operation or to what the answer shows is refused. A request
that changes no record stores no answer, and is executed again.
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
from api.auth.authorization import PolicyDecision, authorize
from api.request_scope import caller, runtime
from cgflow import clock
from cgflow.db.repositories import idempotency as keys
from cgflow.errors import Busy, InvalidInput, NotFound
from cgflow.masking import MASK, mask_json_by_name
from cgflow.records import StoredResponse

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
ACTIVE_KEYS = "cgflow.idempotency"

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class KeyTaken(Exception):
    """Another request has taken the key in the meantime and is answered."""


class ActiveKeys:
    """The keys whose first requests are being served by this process."""

    def __init__(self) -> None:
        self._locked_keys: set[keys.KeyIdentity] = set()
        self._lock = threading.Lock()

    @contextmanager
    def lock_key(self, identity: keys.KeyIdentity) -> Iterator[None]:
        """Lock the key while its request is served. Raises: Busy, if it is locked."""
        with self._lock:
            if identity in self._locked_keys:
                raise Busy(f"A request with this {HEADER} is being served; repeat it to read its answer.")
            self._locked_keys.add(identity)
        try:
            yield
        finally:
            with self._lock:
                self._locked_keys.remove(identity)


@dataclass(frozen=True)
class Key:
    """The key of this request, its owner, and the fingerprint of the request."""

    identity: keys.KeyIdentity
    fingerprint: str

    @contextmanager
    def lock_in_process(self) -> Iterator[None]:
        """Lock the key in this process while the request is served. Raises: Busy, if it is locked."""
        active: ActiveKeys = current_app.extensions[ACTIVE_KEYS]
        with active.lock_key(self.identity):
            yield

    def stored_answer(self) -> Response | None:
        """Return the stored answer for the key, None if there is none.

        Raises: UnprocessableEntity, if the key was used for another request; Forbidden, if the caller may no
        longer do what the request did or see what the answer shows; NotFound, if a resource in it belongs to
        another project now.
        """
        with runtime().database.read() as session:
            stored = keys.find_response(session, self.identity, clock.now())
            if stored is None:
                return None
            owners = keys.projects_of_resources(session, _resource_ids(stored))
        used = versions.used_versions()
        # The answer was made for the versions that its request stated.
        if stored.fingerprint != self.fingerprint or stored.headers.get(versions.HEADER, used) != used:
            raise UnprocessableEntity(
                f"This {HEADER} was used for another request, or for one at other versions, "
                "within the last 24 hours; use a new key."
            )
        scope = caller().scope
        for id_, project_id in owners.items():
            if scope not in (None, project_id):
                raise NotFound(f"{id_} could not be found.")
        for rule, about in stored.asked:
            moved_to = owners.get(about.get("id", ""))
            authorize(rule, about if moved_to is None else {**about, "project_id": moved_to})
        answer = Response(stored.body, stored.status, stored.headers)
        answer.headers[REPLAYED] = "true"
        return answer

    def take(self, session: Session) -> None:
        """Take the key, in the transaction that executes the request. Raises: KeyTaken."""
        if not keys.take_key(session, self.identity, self.fingerprint, clock.now()):
            raise KeyTaken

    def store_answer(self, session: Session, answer: Response, decisions: Sequence[PolicyDecision]) -> None:
        """Store the answer and the policy decisions behind it, in the same transaction."""
        headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
        headers[versions.HEADER] = versions.used_versions()
        stored = StoredResponse(
            fingerprint=self.fingerprint,
            status=answer.status_code,
            headers=headers,
            body=_body_without_secrets(answer),
            asked=tuple(decisions),
        )
        keys.store_response(session, self.identity, stored)


def _resource_ids(stored: StoredResponse) -> set[str]:
    """Return the ids of the resources in the policy decisions and in the answer."""
    ids = {about["id"] for _, about in stored.asked if "id" in about}
    body = json.loads(stored.body) if stored.body else None
    if isinstance(body, dict):
        ids |= {value["id"] for value in body.values() if isinstance(value, dict) and "id" in value}
    return ids


def _body_without_secrets(answer: Response) -> str:
    """Return a body as it is stored: without a transfer's auth key and without passwords of connections.

    Nothing else in an answer is a secret. Values that users chose themselves are stored unchanged.
    """
    text = answer.get_data(as_text=True)
    if not answer.is_json or not text:
        return text
    body = json.loads(text)
    masked = _mask_secrets(body)
    return text if masked == body else json.dumps(masked)


def _mask_secrets(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    masked = dict(body)
    if isinstance(body.get("transfer"), dict) and "auth_key" in body["transfer"]:
        masked["transfer"] = {**body["transfer"], "auth_key": MASK}
    if "connection_info" in body:
        masked["connection_info"] = mask_json_by_name(body["connection_info"])
    if isinstance(body.get("attachment"), dict) and "connection_info" in body["attachment"]:
        attachment = body["attachment"]
        masked["attachment"] = {
            **attachment,
            "connection_info": mask_json_by_name(attachment["connection_info"]),
        }
    return masked


def request_key() -> Key | None:
    """Return the key of this request, None without the header. Raises: InvalidInput, if it is malformed."""
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise InvalidInput(f"{HEADER} must be 1 to 255 printable ASCII characters.", HEADER)
    return Key((caller().project_id, caller().user_id, given), _request_fingerprint())


def _request_fingerprint() -> str:
    """Return a hash that is equal for equal requests, whatever the whitespace and key order of their JSON."""
    body = json_body.parse_unless_empty(request.get_data())
    parts = [request.method, request.path, request.query_string.decode("latin-1"), body]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
