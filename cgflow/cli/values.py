"""Moments, durations and stored results, written for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

_LONGEST = 72


def moment(iso: str | None) -> datetime | None:
    """Read a moment as the wire writes it; one without a zone is UTC."""
    if iso is None:
        return None
    read = datetime.fromisoformat(iso)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def offset(at: datetime | None, origin: datetime | None) -> str:
    """Write how long after the origin something happened: ``+412 ms``."""
    if at is None or origin is None:
        return ""
    return f"+{(at - origin).total_seconds() * 1000:.0f} ms"


def duration(ms: float | None) -> str:
    """Write a duration with the digits that matter: ``0.8 ms``, ``412 ms``, ``73.1 s``."""
    return "" if ms is None else f"{_number(ms)} {_unit(ms)}"


def span(durations: list[float]) -> str:
    """Write the shortest and the longest of several durations: ``12–40 ms``."""
    if not durations:
        return ""
    low, high = min(durations), max(durations)
    if duration(low) == duration(high):
        return duration(high)
    if _unit(low) != _unit(high):
        return f"{duration(low)} – {duration(high)}"
    return f"{_number(low)}–{_number(high)} {_unit(high)}"


def failure(stored: Any) -> str:
    """Write a stored failure in one line: its type and its sentence."""
    if not isinstance(stored, dict):
        return brief(stored)
    words = " ".join(str(stored.get("message") or "").split())
    return ": ".join(part for part in (stored.get("type"), words) if part) or brief(stored)


def brief(result: Any) -> str:
    """Write a stored result in one short line, nothing for nothing."""
    if result is None or result in ({}, [], ""):
        return ""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _unit(ms: float) -> str:
    return "ms" if ms < 10_000 else "s"


def _number(ms: float) -> str:
    if ms >= 10_000:
        return f"{ms / 1000:.1f}"
    return f"{ms:.1f}" if ms < 10 else f"{ms:.0f}"
