"""Assertions of the suite. Each failure names the violated rule in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cgflow.errors import DriverError, FinalDriverError, SessionFenced

Answer = TypeVar("Answer")


class Violation(AssertionError):
    """The driver violates the contract."""


def expect(is_kept: bool, rule: str) -> None:
    """Raise a Violation with the rule, unless the rule is kept."""
    if not is_kept:
        raise Violation(rule)


def must_succeed(what: str, call: Callable[[], Answer], *, but: type[DriverError] | None = None) -> Answer:
    """Return the answer of a call that must succeed. Raises: Violation; ``but``, an error that is allowed."""
    try:
        return call()
    except Violation:
        raise
    except Exception as error:
        if but is not None and isinstance(error, but):
            raise
        raise Violation(f"{what} must succeed; it raised {type(error).__name__}: {error}") from error


def must_raise_final_error(what: str, call: Callable[[], object]) -> None:
    """Check that a call raises FinalDriverError. Raises: Violation, if it does not."""
    try:
        call()
    except FinalDriverError:
        return
    except Exception as error:
        name = type(error).__name__
        raise Violation(f"{what} must raise FinalDriverError; it raised {name}: {error}") from error
    raise Violation(f"{what} must raise FinalDriverError; it reported success")


def must_raise_session_fenced(what: str, call: Callable[[], object]) -> None:
    """Check that a call raises SessionFenced. Raises: Violation, if it does not."""
    try:
        call()
    except SessionFenced:
        return
    except Exception as error:
        name = type(error).__name__
        raise Violation(f"{what} must raise SessionFenced; it raised {name}: {error}") from error
    raise Violation(f"{what} must raise SessionFenced; it reported success")
