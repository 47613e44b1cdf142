"""Masking of secrets before anything is stored, because people read the history and it is kept for long.

Masked are:

* in JSON values: everything under a name that denotes a secret (``is_secret``), at any depth;
* in text, such as that of failures: ``password=...``, ``"password": "..."``, ``--password ...``,
  ``Authorization: Bearer ...``, the password in ``scheme://user:password@host``, and private keys.

Masking applies to events, to the failures and reasons of flows and of their resources, and to the
stored results of steps. One result is stored unmasked: that of a step which provides a symbol,
because after a restart other steps read it from there (its event is masked). A step must therefore
not provide a secret, but the name under which a driver finds it. The shape and symbols of a flow
are stored unmasked for the same reason.
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
    """Return whether a name denotes a secret value, such as ``auth_password`` or ``secretKey``."""
    words = [_PLURAL.sub("", word.lower()) for word in _WORD.findall(name)]
    if not words:
        return False
    is_key = words[-1] == "key" and not _OF_KEYS.isdisjoint(words[:-1])
    glued = any(word.endswith(("password", "passwd", "secret", "token")) for word in words)
    return is_key or glued or words[-1] in _AT_THE_END or not _ANYWHERE.isdisjoint(words)


def mask_json(value: Any) -> Any:
    """Return a copy of a JSON value with every secret masked. Idempotent."""
    return _mask_values(value, mask_text)


def mask_json_by_name(value: Any) -> Any:
    """Return a copy of a JSON value with everything under a secret's name masked, and text unchanged."""
    return _mask_values(value, str)


def _mask_values(value: Any, words: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return words(value)
    if isinstance(value, Mapping):
        return {
            key: MASK
            if isinstance(key, str) and is_secret(key) and under is not None
            else _mask_values(under, words)
            for key, under in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_mask_values(one, words) for one in value)
    return value


def mask_text(text: str) -> str:
    """Return text with every secret in it masked."""
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _IN_URL.sub(rf"\1:{MASK}@", text)
    text = _OPTION.sub(_mask_option, text)
    return "".join(_mask_named_values(text))


def _mask_option(found: re.Match[str]) -> str:
    dashes, name, space, _ = found.groups()
    return f"{dashes}{name}{space}{MASK}" if is_secret(name) else found.group()


def _mask_named_values(text: str) -> Iterator[str]:
    """Yield the pieces of a text, with the values of secret names masked."""
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
