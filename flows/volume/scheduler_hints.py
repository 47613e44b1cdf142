"""Scheduler hints of a new volume: the backends that they allow, interpreted like Cinder's filters.

A hint that none of Cinder's filters reads is accepted and ignored.
"""

from __future__ import annotations

import json
import operator
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from cgflow.context import RequestContext
from cgflow.db.repositories import backend, volume
from cgflow.errors import InvalidInput, NotFound, NoValidBackend
from cgflow.scheduler.filters import capabilities_of

FIELD = "OS-SCH-HNT:scheduler_hints"

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_MAX_DEPTH = 8
_MAX_IDS = 100


def allowed_hosts(session: Session, context: RequestContext, hints: Mapping[str, Any]) -> list[str] | None:
    """Return the names of the backends that meet the hints, None if there are no hints.

    Raises: NoValidBackend, if no backend meets all hints; InvalidInput, if a hint is malformed or
    cannot be met.
    """
    same_ids, different_ids = (
        _parse_volume_ids(hints, "same_host"),
        _parse_volume_ids(hints, "different_host"),
    )
    query = _parse_query(hints["query"]) if hints.get("query") else None
    if hints.get("local_to_instance") is not None:
        raise InvalidInput(
            "The scheduler hint local_to_instance cannot be met: volumes are served from the hosts of their "
            "backends, and no servers run there. Name volumes with same_host instead.",
            FIELD,
        )
    if not (same_ids or different_ids or query):
        return None
    same, different = _hosts_of(session, context, same_ids), _hosts_of(session, context, different_ids)
    found = [
        one.name
        for one in backend.all(session)
        if (not same_ids or one.name in same)
        and one.name not in different
        and (not query or bool(_evaluate_term(query, capabilities_of(one))))
    ]
    if not found:
        raise NoValidBackend(f"No backend meets the scheduler hints: {json.dumps(hints)[:255]}.")
    return found


def _parse_volume_ids(hints: Mapping[str, Any], name: str) -> list[str]:
    """Return the distinct ids of the volumes that a hint names, one id or a list of ids."""
    value = hints.get(name, [])
    ids = [value] if isinstance(value, str) else value
    if not isinstance(ids, list) or not all(_is_uuid(one) for one in ids) or len(ids) > _MAX_IDS:
        raise InvalidInput(
            f"The scheduler hint {name} must be the id of a volume, or a list of at most {_MAX_IDS} ids.",
            FIELD,
        )
    return [str(uuid.UUID(one)) for one in ids]


def _is_uuid(value: object) -> bool:
    try:
        uuid.UUID(value)  # type: ignore[arg-type]
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def _hosts_of(session: Session, context: RequestContext, volume_ids: Sequence[str]) -> set[str]:
    """Return the backends of the volumes. Unknown volumes are ignored."""
    found = set()
    for id_ in volume_ids:
        try:
            found.add(volume.get(session, id_, context.scope).host)
        except NotFound:
            continue
    return {host for host in found if host is not None}


def _parse_query(query: object) -> list[object]:
    try:
        terms = json.loads(query) if isinstance(query, str) else query
    except (ValueError, RecursionError):
        raise _malformed_query_error() from None
    if not isinstance(terms, list):
        raise _malformed_query_error()
    return terms


def _evaluate_term(term: object, facts: Mapping[str, object], depth: int = _MAX_DEPTH) -> Any:
    """Return the value of a query such as ``["<", "$free_capacity_gb", 10]`` for a backend."""
    if isinstance(term, str) and term.startswith("$"):
        return facts.get(term[1:].removeprefix("capabilities."))
    if not isinstance(term, list):
        return term
    if not depth or not term or not isinstance(term[0], str):
        raise _malformed_query_error()
    return _apply_operator(term[0], [_evaluate_term(one, facts, depth - 1) for one in term[1:]])


def _apply_operator(word: str, values: Sequence[Any]) -> bool:
    if word in ("and", "or"):
        return all(values) if word == "and" else any(values)
    if word == "not":
        return not any(values)
    if word == "in":
        return len(values) > 1 and values[0] in values[1:]
    if word not in _COMPARISONS:
        raise _malformed_query_error()
    try:
        # The first value is compared with each of the others.
        return len(values) > 1 and all(_COMPARISONS[word](values[0], other) for other in values[1:])
    except TypeError:
        return False


def _malformed_query_error() -> InvalidInput:
    return InvalidInput(
        'The scheduler hint query cannot be read. Write one such as [">=", "$free_capacity_gb", 10], '
        "with =, <, >, <=, >=, in, not, and, or.",
        FIELD,
    )
