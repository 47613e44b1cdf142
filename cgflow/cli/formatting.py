"""Times, durations and stored results, formatted for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from cgflow.atom_states import action_of, action_text

_LONGEST = 72


def moment(iso: str | None) -> datetime | None:
    """Parse a time of the API; one without a time zone is UTC."""
    if iso is None:
        return None
    read = datetime.fromisoformat(iso)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def offset(at: datetime | None, origin: datetime | None) -> str:
    """Format the time since an origin: ``+412 ms``."""
    if at is None or origin is None:
        return ""
    ms = (at - origin).total_seconds() * 1000
    size = duration(abs(ms)) if round(abs(ms)) >= _SECOND else f"{abs(ms):.0f} ms"
    return f"{'-' if round(ms) < 0 else '+'}{size}"


def duration(ms: float | None) -> str:
    """Format a duration with its significant digits: ``0.8 ms``, ``412 ms``, ``15.1 s``, ``2 min 5 s``."""
    if ms is None:
        return ""
    if ms < _MINUTE:
        return f"{_number(ms)} {_unit(ms)}"
    size, unit, smaller, its_unit = next(each for each in _LONG if ms >= each[0])
    whole, rest = divmod(round(ms / smaller), size // smaller)
    return f"{whole} {unit}" + (f" {rest} {its_unit}" if rest else "")


def span(durations: list[float]) -> str:
    """Format the shortest and the longest of several durations: ``12–40 ms``."""
    if not durations:
        return ""
    low, high = min(durations), max(durations)
    if duration(low) == duration(high):
        return duration(high)
    if _unit(low) != _unit(high) or high >= _MINUTE:
        return f"{duration(low)} – {duration(high)}"
    return f"{_number(low)}–{_number(high)} {_unit(high)}"


def failure(stored: Any) -> str:
    """Format a stored failure in one line: its type and its message."""
    if not isinstance(stored, dict):
        return shorten(stored)
    words = " ".join(str(stored.get("message") or "").split())
    return ": ".join(part for part in (stored.get("type"), words) if part) or shorten(stored)


def event(told: dict[str, Any]) -> str:
    """Format the details of an event in one line: a flow action with its reason, a failure, or a result."""
    done = action_of(told)
    if done is not None:
        return action_text(done)
    result = told.get("result")
    words = (
        failure(told["failure"]) if told.get("failure") else "",
        " ".join(result.split()) if isinstance(result, str) else shorten(result),
    )
    return " ".join(filter(None, words))


def shorten(result: Any) -> str:
    """Format a stored result in one short line; an empty result gives an empty text."""
    if result is None or result in ({}, [], ""):
        return ""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_LONG = ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", _SECOND, "s"))


def _unit(ms: float) -> str:
    return "ms" if round(ms) < _SECOND else "s"


def _number(ms: float) -> str:
    if round(ms) >= _SECOND:
        return f"{ms / 1000:.1f}"
    return f"{ms:.1f}" if round(ms, 1) < 10 else f"{ms:.0f}"
