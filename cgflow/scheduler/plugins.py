"""Filters and weighers by name, from the entry points of all installed packages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from cgflow.errors import ConfigError

FILTERS = "cgflow.scheduler.filters"
WEIGHERS = "cgflow.scheduler.weighers"


def load(group: str, names: Iterable[str], options: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Create one object for each name, in this order, with the options for that name.

    Raises: ConfigError for an unknown name, with the known ones, or for a plugin that cannot be loaded.
    """
    known = {point.name: point for point in entry_points(group=group)}
    made = []
    for name in names:
        if name not in known:
            raise ConfigError(
                f"There is no '{name}' in {group}. Known are: {', '.join(sorted(known)) or 'none'}."
            )
        try:
            factory: Callable[..., Any] = known[name].load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"'{name}' in {group} cannot be loaded from {known[name].value}: {error}."
            ) from error
        made.append(factory(**options.get(name, {})))
    return made
