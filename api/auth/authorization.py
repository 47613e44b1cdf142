"""Authorization: the caller is established before every view, and the policy is checked within it."""

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
"""The keys of the auth strategy and of the policy in the application's extensions."""

_ABOUT = ("id", "project_id", "user_id", "status", "name")
"""The fields of a target that are recorded with a policy decision."""

PolicyDecision = tuple[str, dict[str, str]]
"""A rule that permitted something, and the recorded fields of its target."""

RecordT = TypeVar("RecordT")
Reader = Callable[[Session, str, str | None], RecordT]
"""Returns the record with an id in a project, or in any project if that is None. Raises: NotFound."""


def authenticate_caller() -> None:
    """Establish the caller of this request, before its view runs. Raises: Unauthenticated, InvalidInput."""
    if "\x00" in request.path:
        raise InvalidInput("The address contains a NUL character.")
    for name, value in request.args.items(multi=True):
        if "\x00" in value:
            raise InvalidInput(f"The value of '{name[:255]}' contains a NUL character.", name[:255])
    strategy: Strategy = current_app.extensions[STRATEGY]
    policy = _policy()
    identity = strategy.identify(request, g.get("project_in_url"))
    caller = RequestContext(identity.user_id, identity.project_id, request_scope.request_id(), identity.roles)
    g.caller = replace(
        caller,
        is_admin=policy.is_admin(caller),
        # A member's request for all projects is ignored, not refused: clients always send it.
        all_projects=policy.sees_all_projects(caller) and _reaches_all_projects(strategy),
    )


def authorize(rule: str, target: object = None) -> None:
    """Require that a rule permits the caller's action. Raises: Forbidden.

    ``target`` is the record, or its fields. A target without an owner, such as a list or a type, counts as
    the caller's own.
    """
    if not permits(rule, target):
        raise Forbidden(f"Policy doesn't allow {rule} to be performed.")


def permits(rule: str, target: object = None) -> bool:
    """Return whether a rule permits the caller's action; see ``authorize``."""
    caller = request_scope.caller()
    own = {"user_id": caller.user_id, "project_id": caller.project_id}
    fields = target if isinstance(target, Mapping) else vars(target) if target is not None else {}
    is_permitted = _policy().permits(rule, {**own, **fields}, caller)
    if is_permitted and "permitted" in g:
        about = {name: str(fields[name]) for name in _ABOUT if fields.get(name) is not None}
        g.permitted.append((rule, about))
    return is_permitted


@contextmanager
def recording_decisions() -> Iterator[list[PolicyDecision]]:
    """Record the policy's permissions within the context, so that they can be checked again."""
    g.permitted = []
    try:
        yield g.permitted
    finally:
        del g.permitted


def shows_field(rule: str | None) -> bool:
    """Return whether a rule permits the caller to see something in this response; None permits it."""
    if rule is None:
        return True
    # Cached per request: a page of a thousand resources needs one check.
    decisions: dict[str, bool] = g.setdefault("shows", {})
    if rule not in decisions:
        decisions[rule] = permits(rule)
    return decisions[rule]


def read_authorized(rule: str, read: Reader[RecordT], id_: str) -> RecordT:
    """Return a record, if a rule permits the caller's action on it. Raises: NotFound, Forbidden."""
    with request_scope.runtime().database.read() as session:
        found = read(session, id_, request_scope.caller().scope)
    authorize(rule, found)
    return found


def authorize_resource(rule: str, read: Reader[Any], id_: str) -> None:
    """Require that a rule permits the caller's action on a resource. Raises: Forbidden.

    If the resource does not exist, the rule is checked without a target. A caller who passes gets NotFound
    from the operation itself, with the message that clients know.
    """
    try:
        read_authorized(rule, read, id_)
    except NotFound:
        authorize(rule)


def read_authorized_or_forbidden(rule: str, read: Reader[RecordT], id_: str) -> RecordT:
    """Return a record as ``read_authorized`` does, but prefer Forbidden to NotFound.

    A caller whom the rule excludes in any case gets Forbidden, whether or not the record exists.
    """
    authorize_resource(rule, read, id_)
    return read_authorized(rule, read, id_)


def _policy() -> Policy:
    return cast(Policy, current_app.extensions[POLICY])


def _reaches_all_projects(strategy: Strategy) -> bool:
    is_requested = _requests_all_projects()
    is_named = bool(request.view_args)
    if is_named and not strategy.is_unverified:
        # As in Cinder, an administrator lists one project, but reaches any resource by its id.
        return True
    # A new resource is created from resources of the caller's own project.
    return is_requested and (is_named or request.method in ("GET", "HEAD"))


def _requests_all_projects() -> bool:
    value = request.args.get("all_tenants", "")
    if not value.strip():
        return False
    try:
        return parse_boolean(value)
    except ValueError:
        raise InvalidInput(f"Invalid value '{value[:255]}' for all_tenants.", "all_tenants") from None
