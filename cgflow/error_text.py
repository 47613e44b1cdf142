"""Exceptions as text, for reasons that people read.

The message of a cgflow error is a complete sentence. Any other exception is prefixed with its type,
because its text alone may say nothing: that of ``KeyError('volume')`` is ``'volume'``, and that of
a bare ``AssertionError`` is empty. If the text says too little, the location is added, by the
file's name without its folder.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Sequence

_OWN = "cgflow.errors.CgflowError"
_PLACE = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')


def describe(error: BaseException) -> str:
    """Return an exception as text."""
    types = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    return describe_stored(types, str(error), "".join(traceback.format_tb(error.__traceback__)))


def describe_stored(types: Sequence[str], text: str, trace: str) -> str:
    """Return a stored exception as text, from the names of its types, its message and its traceback."""
    names = [name.rsplit(".", 1)[-1] for name in types] or ["Exception"]
    text = text.strip()
    if text and (_OWN in types or "KeyError" not in names):
        return text if _OWN in types else f"{names[0]}: {text}"
    return (f"{names[0]}: {text}" if text else f"{names[0]} without a message") + _raised_in(trace)


def _raised_in(trace: str) -> str:
    places = list(_PLACE.finditer(trace))
    if not places:
        return "."
    last = places[-1]
    return f", raised in {last['path'].rsplit('/', 1)[-1]}, line {last['line']}, in {last['function']}."


def join_reasons(reasons: Iterable[str]) -> str:
    """Return the distinct reasons as one text, each but the last ended as a sentence."""
    distinct = list(dict.fromkeys(reasons))
    return " ".join([*map(to_sentence, distinct[:-1]), *distinct[-1:]])


def to_sentence(words: str) -> str:
    """Return text that a person typed as a sentence, so that another can follow."""
    words = words.strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."
