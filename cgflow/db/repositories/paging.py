"""Lists: filters, order and pages."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, false, func, literal, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from cgflow.errors import InvalidInput, NotFound

Comparison = tuple[str, datetime]
"""One of ``COMPARISONS``, and a time in UTC without a zone."""

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}


@dataclass(frozen=True)
class ListQuery:
    """The query of a list request. The default order is newest first.

    ``sort`` holds pairs of key and direction (``asc`` or ``desc``); ``marker`` is the id of the
    last item of the previous page. ``filters`` and ``metadata`` match exactly; a value in ``like``
    must be contained in the column's value; ``moments`` are compared with the columns of those
    names. ``finds_nothing`` is true if a filter has a value that no row has.
    """

    limit: int = 1000
    offset: int = 0
    marker: str | None = None
    sort: tuple[tuple[str, str], ...] = (("created_at", "desc"), ("id", "desc"))
    filters: dict[str, Any] = field(default_factory=dict)
    like: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    image_metadata: dict[str, str] = field(default_factory=dict)
    moments: dict[str, list[Comparison]] = field(default_factory=dict)
    with_count: bool = False
    matches_nothing: bool = False


def select_page(
    session: Session,
    statement: Select[Any],
    model: Any,
    query: ListQuery,
    *,
    sortable: Sequence[str],
    filterable: Mapping[str, Any],
    conditions: Sequence[Any] = (),
) -> list[Any]:
    """Return the rows of one page. ``filterable`` maps names of filters to columns.

    A sort key is the name of a filter or of a column of the model. ``statement`` selects what the
    caller may see; the marker must be among that. The rows of the page must also meet the
    ``conditions``.

    Raises: InvalidInput, for an unknown sort key, direction or filter; NotFound, for the marker.
    """
    paged = page_statement(
        session, statement, model, query, sortable=sortable, filterable=filterable, conditions=conditions
    )
    return list(session.execute(paged).unique().scalars())


def page_statement(
    session: Session,
    statement: Select[Any],
    model: Any,
    query: ListQuery,
    *,
    sortable: Sequence[str],
    filterable: Mapping[str, Any],
    conditions: Sequence[Any] = (),
    either: Sequence[Any] = (),
) -> Select[Any]:
    """Return the statement that selects one page; see ``select_page``.

    Rows must meet one of the conditions in ``either``, if there are any.
    Raises: InvalidInput, for an unknown sort key, direction or filter; NotFound, for the marker.
    """
    visible = statement
    statement = apply_filters(statement.where(*conditions), query, filterable)
    named: dict[str, str] = {}
    for key, direction in query.sort:
        # A repeated key has no effect.
        named.setdefault(key, direction)
    order, keys = list(named.items()), set(named)
    direction = order[-1][1] if order else "desc"
    if not any(key == "id" or key.endswith("_at") for key in keys):
        # Rows with equal keys are ordered by age.
        order.append(("created_at", direction))
    if "id" not in keys:
        # Without a unique last key, rows with equal keys could be skipped between pages.
        order.append(("id", direction))
    check_sort_keys(order, sortable)
    keys_in_order = [
        (filterable[key] if key in filterable else getattr(model, key), direction) for key, direction in order
    ]
    if query.marker is not None:
        statement = statement.where(
            _after_marker_condition(session, visible, model, query.marker, keys_in_order)
        )
    columns = [getattr(column, direction)() for column, direction in keys_in_order]
    if either:
        # An index returns the first rows in order for each condition, but not for several at once.
        most = query.limit + query.offset
        found = [statement.where(one).order_by(*columns).limit(most) for one in either]
        ids = [select(one.with_only_columns(model.id).subquery().c.id) for one in found]
        wanted = [column["expr"] for column in statement.column_descriptions]
        statement = select(*wanted).where(model.id.in_(union_all(*ids)))
    return statement.order_by(*columns).limit(query.limit).offset(query.offset)


def check_sort_keys(order: Iterable[tuple[str, str]], sortable: Collection[str]) -> None:
    """Raise InvalidInput for a sort key that is not sortable, or an invalid direction."""
    for key, direction in order:
        if key not in sortable:
            raise InvalidInput(f"Invalid sort key '{key}'. Valid values: {', '.join(sortable)}.", "sort_key")
        if direction not in ("asc", "desc"):
            raise InvalidInput(f"Invalid sort direction '{direction}': asc or desc.", "sort_dir")


def apply_filters(statement: Select[Any], query: ListQuery, filterable: Mapping[str, Any]) -> Select[Any]:
    """Return the statement with the query's filters. Raises: InvalidInput, for an unknown filter."""
    for name in (*query.filters, *query.like):
        if name not in filterable:
            raise InvalidInput(f"Unknown filter '{name}'. Valid values: {', '.join(filterable)}.", name)
    if query.matches_nothing:
        statement = statement.where(false())
    exactly = [filterable[name] == value for name, value in query.filters.items()]
    within = [filterable[name].contains(part, autoescape=True) for name, part in query.like.items()]
    return statement.where(*exactly, *within)


def has_metadata_item(session: Session, column: Any, key: str, value: str) -> Any:
    """Return the condition that a JSON object has a key with a value; the key may contain any character."""
    if session.get_bind().dialect.name == "sqlite":
        # SQLite's JSON paths cannot express every key.
        pairs = func.json_each(column).table_valued("key", "value")
        return exists(select(pairs.c.key).where(pairs.c.key == key, pairs.c.value == value))
    return column[key].as_string() == value


def _after_marker_condition(
    session: Session, visible: Select[Any], model: Any, marker: str, order: list[tuple[Any, str]]
) -> Any:
    """Return the condition for the rows that come after a visible marker in this order."""
    keys = [column for column, _ in order]
    at = session.execute(visible.with_only_columns(*keys).where(model.id == marker)).first()
    if at is None:
        raise NotFound(f"The marker {marker} could not be found; start the list again.")
    # The databases and their indexes sort nulls differently.
    null_is_smallest = session.get_bind().dialect.name != "postgresql"
    steps = []
    for position, (column, direction) in enumerate(order):
        null_is_first = null_is_smallest is (direction == "asc")
        beyond = _after_value_condition(
            column, at[position], is_ascending=direction == "asc", null_is_first=null_is_first
        )
        if beyond is not None:
            equal = [keys[i].is_(None) if at[i] is None else keys[i] == at[i] for i in range(position)]
            steps.append(and_(*equal, beyond))
    if _may_be_null(keys[0]) or not isinstance(keys[0], InstrumentedAttribute):
        return or_(*steps)
    # Redundant, but lets an index on the first key seek to the marker instead of scanning up to it.
    first = _as_parameter(keys[0], at[0])
    return and_(keys[0] >= first if order[0][1] == "asc" else keys[0] <= first, or_(*steps))


def _after_value_condition(column: Any, value: object, *, is_ascending: bool, null_is_first: bool) -> Any:
    """Return the condition for the column's values after a value, or None if there are none."""
    if value is None:
        return column.is_not(None) if null_is_first else None
    bound = _as_parameter(column, value)
    later = column > bound if is_ascending else column < bound
    return or_(later, column.is_(None)) if _may_be_null(column) and not null_is_first else later


def _as_parameter(column: Any, value: object) -> Any:
    """Return a value as a parameter, also one such as true that the column's operators would not accept."""
    return literal(value, column.type)


def _may_be_null(column: Any) -> bool:
    """Return whether a sort key can be null. Expressions are built so that they cannot."""
    return isinstance(column, InstrumentedAttribute) and bool(column.property.columns[0].nullable)
