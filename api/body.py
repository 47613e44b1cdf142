"""Read a JSON body strictly: what two readers could understand differently is refused.

Refused are broken UTF-8, halves of surrogate pairs, keys given twice, numbers
that JSON does not have, and nesting that serves nothing but to exhaust the
reader.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import NoReturn

from cgflow.errors import InvalidInput

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 16


def parse(raw: bytes) -> object:
    """Return the value of a JSON document. Raises: InvalidInput, if it is not one."""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_not_json)
    except UnicodeDecodeError:
        raise _malformed("it is not UTF-8") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError as error:
        raise _malformed(f"it is not JSON ({str(error)[:200]})") from None
    _walk(value)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise _malformed(f"the key '{twice[:255]}' is given twice")
    for key in members:
        _check_text(key)
    return members


def _not_json(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON number")


def _walk(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
            elif isinstance(item, str):
                _check_text(item)
        if not inner:
            return
        level = inner
    raise _malformed("it is nested too deeply")


def _check_text(text: str) -> None:
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise _malformed("it holds half of a surrogate pair")


def _malformed(reason: str) -> InvalidInput:
    return InvalidInput(f"Malformed request body: {reason}.")
