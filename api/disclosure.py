"""Hides hosts, conductors and paths from callers to whom the policy does not show hosts.

Such callers are not shown step results, conductors and hosts at all. Drivers and programs write free text, so
in texts the names of hosts and backends, conductors and paths are replaced.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from marshmallow import fields

from api.auth import authorization
from api.request_scope import runtime
from cgflow.policies.volumes import HOST

_CONDUCTOR = re.compile(r"(?<![\w.-])[\w.-]+:\d+:[0-9a-f]{8}(?!\w)")
# After a word, a colon or another slash, a slash is part of a URL or of a fraction.
_PATH = re.compile(
    r"(?<![\w:/.~-])~?/(?:[^\s/'\"`<>()\[\]{},;:=]+/)*[^\s/'\"`<>()\[\]{},;:=]*[^\s/'\"`<>()\[\]{},;:=.]"
)
_IN_URL = re.compile(r"(?<=://)(?:[^\s/'\"]*)/[^\s'\"?]*|(?<==)/[^\s'\"&]+")


def hide_hosts(value: Any) -> Any:
    """Return JSON as the caller may see it: unchanged, or without hosts, conductors, results and paths."""
    return value if value is None or authorization.shows_field(HOST) else _redact_hosts(value)


def redacted_pattern() -> str | None:
    """Return the pattern of the hosts that ``hide_hosts`` replaces; None, if the caller is shown hosts."""
    if authorization.shows_field(HOST):
        return None
    return _host_pattern(tuple(runtime().drivers)).pattern


class HostsHiddenField(fields.Raw):
    """A text, or JSON with texts, whose hosts, conductors and paths are hidden by ``hide_hosts``."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        del attr, obj, kwargs
        return hide_hosts(value)


class HostVisibleField(fields.Raw):
    """A value that is null for callers who are not shown hosts."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        del attr, obj, kwargs
        return value if authorization.shows_field(HOST) else None


def _redact_hosts(value: Any) -> Any:
    if isinstance(value, str):
        text = _CONDUCTOR.sub("(conductor)", value)
        text = _host_pattern(tuple(runtime().drivers)).sub("(host)", text)
        return _PATH.sub("(path)", _IN_URL.sub("(path)", text))
    if isinstance(value, Mapping):
        return {
            key: None if key in ("conductor", "result", "host") else _redact_hosts(under)
            for key, under in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact_hosts(one) for one in value]
    return value


@lru_cache(maxsize=8)
def _host_pattern(backends: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern that matches this process's host, and its backends by name on any host."""
    here = socket.gethostname()
    names = {name.partition("@")[2] for name in backends}
    hosts = {here, *(name.partition("@")[0] for name in backends)} - {"localhost", ""}
    of_backends = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name)
    of_hosts = "|".join(re.escape(name) for name in sorted(hosts, key=len, reverse=True))
    found = [rf"(?<![\w.-])[\w.-]+@(?:{of_backends})(?:#[\w.-]+)?(?!\w)"] if of_backends else []
    return re.compile("|".join([*found, rf"(?<![\w.-])(?:{of_hosts})(?![\w-])"]) if of_hosts else r"(?!)")
