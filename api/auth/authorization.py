"""Who is asking, and what they may: established before every view, asked for within it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar, cast

from flask import current_app, g, request
from sqlalchemy.orm import Session

from api import request_scope
from api.auth.identity import Strategy
from cgflow.booleans import parse_boolean
from cgflow.context import RequestContext
from cgflow.errors import Forbidden, InvalidInput, NotFound
from cgflow.policy import Policy

STRATEGY = "cgflow.strategy"
POLICY = "cgflow.policy"
"""Under which names the application holds how callers are known, and what they may."""

_ABOUT = ("id", "project_id", "user_id", "status", "name")
"""What is noted of a thing that the policy was asked about."""

Asked = tuple[str, dict[str, str]]
"""A rule that permitted something, and what it was asked about."""

RecordT = TypeVar("RecordT")
Reader = Callable[[Session, str, str | None], RecordT]
"""What returns the thing with an id in a project, or in any if that is None. Raises: NotFound."""


def admit() -> None:
    """Establish the caller of this request, before its view runs. Raises: Unauthenticated, InvalidInput."""
    if "\x00" in request.path:
        raise InvalidInput("The address contains a NUL character.")
    for name, value in request.args.items(multi=True):
        if "\x00" in value:
            raise InvalidInput(f"The value of '{name[:255]}' contains a NUL character.", name[:255])
    strategy: Strategy = current_app.extensions[STRATEGY]
    policy = _policy()
    known = strategy.identify(request, g.get("project_in_url"))
    caller = RequestContext(known.user_id, known.project_id, request_scope.request_id(), known.roles)
    g.caller = replace(
        caller,
        is_admin=policy.is_admin(caller),
        # A member's wish to see every project is ignored, not refused: clients always send it.
        all_projects=policy.sees_all_projects(caller) and _reaches_all(strategy),
    )


def authorize(rule: str, target: object = None) -> None:
    """Let pass whom the policy lets do what a rule guards. Raises: Forbidden.

    ``target`` is what it would be done to: a record, or its fields. What has no
    owner, as a list or a type, counts as the caller's own.
    """
    if not permits(rule, target):
        raise Forbidden(f"Policy doesn't allow {rule} to be performed.")


def permits(rule: str, target: object = None) -> bool:
    """Tell whether the policy lets the caller do what a rule guards; see ``authorize``."""
    caller = request_scope.caller()
    own = {"user_id": caller.user_id, "project_id": caller.project_id}
    fields = target if isinstance(target, Mapping) else vars(target) if target is not None else {}
    is_permitted = _policy().permits(rule, {**own, **fields}, caller)
    if is_permitted and "permitted" in g:
        about = {name: str(fields[name]) for name in _ABOUT if fields.get(name) is not None}
        g.permitted.append((rule, about))
    return is_permitted


@contextmanager
def recording_decisions() -> Iterator[list[Asked]]:
    """Note what the policy permits meanwhile, so that it can be asked again."""
    g.permitted = []
    try:
        yield g.permitted
    finally:
        del g.permitted


def shows(rule: str | None) -> bool:
    """Tell whether the caller is shown what a rule guards, in this whole answer; None guards nothing."""
    if rule is None:
        return True
    # Asked once for a page of a thousand things.
    told: dict[str, bool] = g.setdefault("shows", {})
    if rule not in told:
        told[rule] = permits(rule)
    return told[rule]


def permitted(rule: str, read: Reader[RecordT], id_: str) -> RecordT:
    """Return a thing to which the caller may do what a rule guards. Raises: NotFound, Forbidden."""
    with request_scope.runtime().database.read() as session:
        found = read(session, id_, request_scope.caller().scope)
    authorize(rule, found)
    return found


def authorize_resource(rule: str, read: Reader[Any], id_: str) -> None:
    """Let pass whom the policy lets do what a rule guards to the thing with an id. Raises: Forbidden.

    Where there is no such thing the operation itself says so, in the words that
    clients know; for whom the rule is closed anyway it says nothing.
    """
    try:
        permitted(rule, read, id_)
    except NotFound:
        authorize(rule)


def permitted_or_closed(rule: str, read: Reader[RecordT], id_: str) -> RecordT:
    """Return a thing as ``permitted`` does, and refuse first of all for whom the rule is closed anyway."""
    authorize_resource(rule, read, id_)
    return permitted(rule, read, id_)


def _policy() -> Policy:
    return cast(Policy, current_app.extensions[POLICY])


def _reaches_all(strategy: Strategy) -> bool:
    is_asked = _asks_for_all()
    is_named = bool(request.view_args)
    if is_named and not strategy.is_open:
        # As in Cinder: an administrator lists one project, and reaches what they know the id of.
        return True
    # What is made is made of the things of one's own project.
    return is_asked and (is_named or request.method in ("GET", "HEAD"))


def _asks_for_all() -> bool:
    asked = request.args.get("all_tenants", "")
    if not asked.strip():
        return False
    try:
        return parse_boolean(asked)
    except ValueError:
        raise InvalidInput(f"Invalid value '{asked[:255]}' for all_tenants.", "all_tenants") from None
