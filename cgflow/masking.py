"""Secrets are masked before anything is stored: history is for people to read, and is kept for long.

What is masked:

* in values, whatever stands under a name that says it is secret (``is_secret``), however deep;
* in words, such as those of failures: ``password=...``, ``"password": "..."``, ``--password ...``,
  ``Authorization: Bearer ...``, the password in ``scheme://user:password@host``, and private keys.

Where: in events, in the failures and reasons of flows and of the things they work on, and in the
stored results of steps. One result is stored as it is: that of a step which provides a symbol,
because after a restart other steps are given it from there (its event is masked all the same).
A step must therefore not provide a secret; it provides the name under which a driver finds it.
What a flow was accepted with (its shape and symbols) is stored as it is, for the same reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MASK = "***"

_ANYWHERE = {"password", "passwd", "pswd", "pass", "passphrase", "secret", "token", "credential", "keyring"}
_AT_THE_END = {"auth", "authorization", "cookie"}
_OF_KEYS = {
    "api",
    "access",
    "auth",
    "client",
    "encryption",
    "master",
    "private",
    "secret",
    "shared",
    "ssl",
    "volume",
}
_PLURAL = re.compile(r"(?<=[a-z]{3})(?<!s)s$")
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
)
_IN_URL = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]*://[^\s/:@]*):[^\s/@]+@")
_OPTION = re.compile(r"(?<!\S)(--?)([A-Za-z][\w-]*)(\s+)(?!-)(\S+)")
_NAME = re.compile(
    r"""(?P<quote>\\*["'])?(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*)(?(quote)(?P=quote))\s*(?:=>|[=:])\s*"""
)
_VALUE = re.compile(
    r"""(?:Bearer|Basic|Digest)\s+[^\s"',;]+|\\+"(?:.*?)\\+"|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&"'}\])]+""",
    re.I,
)
_QUOTE = re.compile(r"""\\*["']""")


def is_secret(name: str) -> bool:
    """Return whether a name says of its value that nobody is to read it: ``auth_password``, ``secretKey``."""
    words = [_PLURAL.sub("", word.lower()) for word in _WORD.findall(name)]
    if not words:
        return False
    is_key = words[-1] == "key" and not _OF_KEYS.isdisjoint(words[:-1])
    glued = any(word.endswith(("password", "passwd", "secret", "token")) for word in words)
    return is_key or glued or words[-1] in _AT_THE_END or not _ANYWHERE.isdisjoint(words)


def mask_json(value: Any) -> Any:
    """Return JSON with every secret in it masked; what is given is left as it is. Masking twice is once."""
    return _masked(value, mask_text)


def mask_json_by_name(value: Any) -> Any:
    """Return JSON in which whatever stands under the name of a secret is masked, and words are left."""
    return _masked(value, str)


def _masked(value: Any, words: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return words(value)
    if isinstance(value, Mapping):
        return {
            key: MASK
            if isinstance(key, str) and is_secret(key) and under is not None
            else _masked(under, words)
            for key, under in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_masked(one, words) for one in value)
    return value


def mask_text(text: str) -> str:
    """Return words with every secret in them masked."""
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _IN_URL.sub(rf"\1:{MASK}@", text)
    text = _OPTION.sub(_option, text)
    return "".join(_named(text))


def _option(found: re.Match[str]) -> str:
    dashes, name, space, _ = found.groups()
    return f"{dashes}{name}{space}{MASK}" if is_secret(name) else found.group()


def _named(text: str) -> Iterator[str]:
    """Return the pieces of a text, the values of secret names replaced."""
    done = 0
    for found in _NAME.finditer(text):
        value = _VALUE.match(text, found.end())
        if found.start() < done or value is None or not is_secret(found["name"]):
            continue
        quote = _QUOTE.match(value.group())
        around = quote.group() if quote else ""
        yield f"{text[done : found.end()]}{around}{MASK}{around}"
        done = value.end()
    yield text[done:]
