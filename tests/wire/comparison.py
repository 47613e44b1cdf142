"""Differences between two recordings, as text."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.wire.scenario_player import Recording

Differences = dict[tuple[str, str], list[int]]
"""The microversions at which a step has a difference."""


def compare(theirs: Recording, ours: Recording) -> Differences:
    """Return each difference once, with the microversions at which it exists."""
    found: Differences = defaultdict(list)
    for name in [*theirs, *(name for name in ours if name not in theirs)]:
        version, _, step = name.partition(" ")
        for difference in _of(theirs.get(name), ours.get(name)):
            found[step, difference].append(int(version.removeprefix("3.")))
    return found


def _of(theirs: dict[str, Any] | None, ours: dict[str, Any] | None) -> Iterator[str]:
    if theirs is None or ours is None:
        yield "not played here" if theirs else "only played here"
    elif theirs["status"] != ours["status"]:
        yield f"status {theirs['status']}, here {ours['status']}"
    else:
        for part in ("type", "headers"):
            if theirs[part] != ours[part]:
                yield f"{part} {theirs[part]!r}, here {ours[part]!r}"
        left, right = dict(_leaves(theirs["body"])), dict(_leaves(ours["body"]))
        empty = {path for path in left.keys() | right.keys() if "[]" in (left.get(path), right.get(path))}
        for path in sorted(left.keys() | right.keys()):
            if any(path.startswith(f"{one}[]") for one in empty):
                # Elements of a list that is empty on one side are not compared.
                continue
            if left.get(path) != right.get(path):
                yield f"{path or 'body'}: {left.get(path, 'absent')}, here {right.get(path, 'absent')}"


def _leaves(shape: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the kind of each scalar and of each empty value."""
    if isinstance(shape, dict) and shape:
        for key, inner in shape.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(shape, list) and shape and isinstance(shape[0], dict):
        yield path, "elements"
        yield from _leaves(shape[0], f"{path}[]")
    else:
        yield path, shape if isinstance(shape, str) else json.dumps(shape)
