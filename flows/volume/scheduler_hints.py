"""Scheduler hints of a new volume: which of the backends it may be on, as Cinder's filters read them."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from cgflow.context import RequestContext
from cgflow.db.repositories import backend, volume
from cgflow.errors import InvalidInput, NotFound, NoValidBackend
from cgflow.scheduler.filters.capabilities import facts_of

FIELD = "OS-SCH-HNT:scheduler_hints"
KNOWN = ("same_host", "different_host", "query", "local_to_instance")

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_DEEPEST = 8


def allowed_hosts(session: Session, context: RequestContext, hints: Mapping[str, Any]) -> list[str] | None:
    """Return the backends that meet the hints by name, None if there are no hints.

    Raises: InvalidInput for a hint that cannot be read or met; NoValidBackend, if no backend meets all.
    """
    said = {name: value for name, value in hints.items() if value not in (None, "", [], {})}
    unknown = sorted(said.keys() - set(KNOWN))
    if unknown:
        raise InvalidInput(
            f"No filter reads the scheduler hint {unknown[0][:255]!r}. Known are: {', '.join(KNOWN)}.", FIELD
        )
    if not said:
        return None
    if "local_to_instance" in said:
        raise InvalidInput(
            "The scheduler hint local_to_instance cannot be met: volumes are served from the hosts of their "
            "backends, and no servers run there. Name volumes with same_host instead.",
            FIELD,
        )
    same = {_host_of(session, context, id_) for id_ in _ids(said, "same_host")}
    different = {_host_of(session, context, id_) for id_ in _ids(said, "different_host")}
    query = _parse(said["query"]) if "query" in said else None
    found = [
        one.name
        for one in backend.all(session)
        if (not same or same == {one.name})
        and one.name not in different
        and (query is None or bool(_evaluate(query, facts_of(one))))
    ]
    if not found:
        raise NoValidBackend(f"No backend meets the scheduler hints: {json.dumps(said)[:255]}.")
    return found


def _ids(hints: Mapping[str, Any], name: str) -> list[str]:
    value = hints.get(name, [])
    ids = [value] if isinstance(value, str) else value
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids) or len(ids) > 100:
        raise InvalidInput(f"The scheduler hint {name} is the id of a volume, or a list of ids.", FIELD)
    return ids


def _host_of(session: Session, context: RequestContext, volume_id: str) -> str:
    try:
        host = volume.get(session, volume_id, context.scope).host
    except NotFound:
        host = None
    if host is None:
        raise InvalidInput(
            f"The scheduler hints name volume {volume_id[:255]}, which is on no backend.", FIELD
        )
    return host


def _parse(query: object) -> object:
    try:
        return json.loads(query) if isinstance(query, str) else query
    except (ValueError, RecursionError):
        raise _unreadable() from None


def _evaluate(term: object, facts: Mapping[str, object], depth: int = _DEEPEST) -> Any:
    """Return what a query such as ``["<", "$free_capacity_gb", 10]`` says of a backend."""
    if isinstance(term, str) and term.startswith("$"):
        return facts.get(term[1:].removeprefix("capabilities."))
    if not isinstance(term, list):
        return term
    if not depth or not term or not isinstance(term[0], str):
        raise _unreadable()
    return _apply(term[0], [_evaluate(one, facts, depth - 1) for one in term[1:]])


def _apply(word: str, values: Sequence[Any]) -> bool:
    if word in ("and", "or"):
        return all(values) if word == "and" else any(values)
    if word == "not":
        return not any(values)
    if word == "in":
        return len(values) > 1 and values[0] in values[1:]
    if word not in _COMPARISONS:
        raise _unreadable()
    try:
        # The first is compared with each of the others.
        return len(values) > 1 and all(_COMPARISONS[word](values[0], other) for other in values[1:])
    except TypeError:
        return False


def _unreadable() -> InvalidInput:
    return InvalidInput(
        'The scheduler hint query cannot be read. Write one such as [">=", "$free_capacity_gb", 10], '
        "with =, <, >, <=, >=, in, not, and, or.",
        FIELD,
    )
