"""Runs a request with ``Idempotency-Key`` or ``If-Match`` in one transaction, from check to answer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from flask import Response, make_response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from werkzeug.datastructures import ETags

from api import etags, idempotency, request_scope
from api.auth import authorization
from cgflow.db.request_transaction import RequestTransaction
from cgflow.db.transient_errors import is_serialization_failure
from cgflow.errors import Busy

View = Callable[..., Any]

ATTEMPTS = 10

_IS_TRANSACTIONAL = "_is_transactional"


def transactional(view: View) -> View:
    """Make a view honour ``Idempotency-Key`` and ``If-Match``. Without them the view runs unchanged.

    A view that is wrapped already, such as one that inherits its decorators, is returned unchanged.
    """
    if getattr(view, _IS_TRANSACTIONAL, False):
        return view

    @functools.wraps(view)
    def serve(**values: Any) -> Any:
        if request.method in etags.SAFE:
            return view(**values)
        key, tags = idempotency.request_key(), etags.if_match_tags()
        if key is None:
            return view(**values) if tags is None else _run_with_retry(view, values, None, tags)
        with key.lock_in_process():
            return key.stored_answer() or _run_with_retry(view, values, key, tags)

    setattr(serve, _IS_TRANSACTIONAL, True)
    return serve


def _run_with_retry(
    view: View, values: dict[str, Any], key: idempotency.Key | None, tags: ETags | None
) -> Response:
    if tags is not None:
        # The check that counts runs when the transaction first writes. This one covers a request that writes
        # nothing.
        etags.check_unchanged(tags)
    for _ in range(ATTEMPTS):
        try:
            return _run_in_transaction(view, values, key, tags)
        except idempotency.KeyTaken:
            # Another process was faster. If its answer has expired in the meantime, the key is free again.
            answer = key.stored_answer() if key is not None else None
            if answer is not None:
                return answer
        except DBAPIError as error:
            if not is_serialization_failure(error):
                raise
    raise Busy("Other requests keep changing the same resource. Nothing was changed; try again.")


def _run_in_transaction(
    view: View, values: dict[str, Any], key: idempotency.Key | None, tags: ETags | None
) -> Response:
    def begin(session: Session) -> None:
        if key is not None:
            key.take(session)
        if tags is not None:
            etags.check_unchanged(tags)

    database = RequestTransaction(request_scope.runtime().database, begin, serializable=tags is not None)
    with ExitStack() as stack:
        stack.enter_context(
            request_scope.using_runtime(
                stack.enter_context(request_scope.runtime().in_one_transaction(database))
            )
        )
        decisions = stack.enter_context(authorization.recording_decisions())
        answer: Response = make_response(view(**values))
        if key is not None and database.has_written:
            with database.write() as session:
                key.store_answer(session, answer, decisions)
    return answer
