"""A strict JSON parser: it refuses input that two parsers could understand differently.

Refused are invalid UTF-8, unpaired surrogates, duplicate keys, numbers that JSON does not have or that
overflow, and nesting or numbers of values that would only exhaust the parser.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import NoReturn

from cgflow.errors import InvalidInput

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 16
MAX_VALUES = 2048
"""The maximum number of values on one level of a body; no meaningful request comes near it."""


def parse(raw: bytes) -> object:
    """Return the value of a JSON document. Raises: InvalidInput, if it is not one."""
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_build_object,
            parse_constant=_refuse_constant,
            parse_float=_parse_float,
        )
    except UnicodeDecodeError:
        raise _malformed_body_error("it is not UTF-8") from None
    except RecursionError:
        raise _malformed_body_error("it is nested too deeply") from None
    except ValueError as error:
        raise _malformed_body_error(f"it is not JSON ({str(error)[:200]})") from None
    _check_values(value)
    return value


def parse_unless_empty(raw: bytes) -> object:
    """Return the value of a JSON document, None if it is empty. Raises: InvalidInput, as ``parse``."""
    return parse(raw) if raw.strip() else None


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _malformed_body_error(f"the number {text[:32]} is too large")
    return number


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_VALUES:
        raise _too_many_values_error()
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise _malformed_body_error(f"the key '{twice[:255]}' is given twice")
    for key in members:
        _check_text(key)
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed_body_error(f"{name} is not a JSON number")


def _check_values(value: object) -> None:
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
        if len(inner) > MAX_VALUES:
            raise _too_many_values_error()
        level = inner
    raise _malformed_body_error("it is nested too deeply")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _malformed_body_error("it contains an unpaired surrogate") from None


def _too_many_values_error() -> InvalidInput:
    return _malformed_body_error(f"it holds more than {MAX_VALUES} values")


def _malformed_body_error(reason: str) -> InvalidInput:
    return InvalidInput(f"Malformed request body: {reason}.")
