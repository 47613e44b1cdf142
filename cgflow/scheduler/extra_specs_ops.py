"""The operators of extra specs, as in Cinder: whether a capability meets a requirement.

    <is> True            both are the same boolean
    <in> x               x is a substring of the capability
    <or> a <or> b        the capability is a or b
    <all-in> a b         a list capability has both a and b
    = >= <= == !=        numbers; a single = means at least
    s== s!= s< s<= s> s>=    texts
    x                    the capability is x

Case does not matter. A list capability meets a requirement if one of its items does, except for ``<all-in>``,
which applies to the whole list. Values that cannot be compared, such as a number with a word, do not meet the
requirement.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from cgflow.booleans import FALSE, TRUE

_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
}


def meets_requirement(capability: object, requirement: str) -> bool:
    """Return whether the capability meets the requirement. None and an empty list meet none."""
    wanted = requirement.lower().strip()
    word, _, operand = wanted.partition(" ")
    operand = operand.strip()
    items = list(capability) if isinstance(capability, list | tuple | set) else [capability]
    if word == "<all-in>":
        texts = {_normalise(item) for item in items}
        return bool(operand) and texts.issuperset(operand.split())
    return any(_item_meets_requirement(item, wanted, word, operand) for item in items)


def _item_meets_requirement(item: object, wanted: str, word: str, operand: str) -> bool:
    if item is None:
        return False
    text = _normalise(item)
    if word == "<or>":
        return text in {choice.strip() for choice in wanted.split("<or>")[1:]}
    if word == "<is>":
        return bool(operand) and (text in TRUE) is (operand in TRUE)
    if word == "<in>":
        return bool(operand) and operand in text
    if word in _NUMBERS:
        try:
            return _NUMBERS[word](float(text), float(operand))
        except ValueError:
            return False
    if word in _TEXTS:
        return bool(operand) and _TEXTS[word](text, operand)
    if isinstance(item, bool):
        return wanted in (TRUE if item else FALSE)
    return text == wanted


def _normalise(item: object) -> str:
    return str(item).lower().strip()
