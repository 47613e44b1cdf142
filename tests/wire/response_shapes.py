"""The shape of a response: every value replaced by its kind, so that two services can be compared."""

from __future__ import annotations

import json
import re
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")

FREE = frozenset(
    {
        *("metadata", "extra_specs", "specs", "group_specs", "volume_image_metadata", "properties"),
        *("capabilities", "connection_info", "meta", "connector", "levels"),
    }
)
"""Objects whose keys the user or the backend chooses."""

_WORDS = frozenset({"message", "name", "description", "title", "user_message", "reason"})
"""Keys of free text."""


def shape(value: Any, key: str = "") -> Any:
    """Return a value with every scalar replaced by its kind; elements of a list are folded into one."""
    if isinstance(value, dict):
        if key in FREE:
            return "free object"
        return {name: shape(inner, name) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        kinds: list[Any] = []
        for item in value:
            kind = shape(item)
            if kind not in kinds:
                kinds.append(kind)
        return [_merged(kinds)] if kinds else []
    return _kind(value, key)


def _kind(value: Any, key: str) -> str:
    if value is None or isinstance(value, bool | int | float):
        return {type(None): "null", bool: "boolean", int: "integer", float: "number"}[type(value)]
    if key in _WORDS:
        return "text"
    kinds = (("uuid", _UUID), ("time", _TIME), ("decimal text", _DECIMAL))
    for kind, pattern in kinds:
        if pattern.fullmatch(value):
            return kind
    if value.startswith("http"):
        return "url"
    return "boolean text" if value.lower() in ("true", "false") else "text"


def _merged(kinds: list[Any]) -> Any:
    """Fold the shapes of elements into one; a key that not all elements have ends in ``?``."""
    if not all(isinstance(kind, dict) for kind in kinds):
        return kinds[0] if len(kinds) == 1 else sorted({json.dumps(kind, sort_keys=True) for kind in kinds})
    merged = {}
    for name in sorted(set().union(*kinds)):
        found = [kind[name] for kind in kinds if name in kind]
        inner = found[0] if all(kind == found[0] for kind in found) else _alternatives(found)
        merged[name if len(found) == len(kinds) else f"{name}?"] = inner
    return merged


def _alternatives(found: list[Any]) -> list[str]:
    return sorted({json.dumps(kind, sort_keys=True) for kind in found})
