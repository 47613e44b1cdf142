"""Booleans as Cinder spells them, parsed the same way in bodies, queries and extra specs."""

from __future__ import annotations

TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
FALSE = frozenset({"0", "f", "false", "off", "n", "no"})


def parse_boolean(value: object) -> bool:
    """Return the boolean that a value spells, in any case. Raises: ValueError, if it is none.

    Integers are not accepted, nor is surrounding whitespace, in JSON as in Cinder's schemas.
    """
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else None
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError(f"not a boolean: {str(value)[:255]!r}")
