"""How the kit says that a driver breaks the contract: in a sentence that names the rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cgflow.errors import DriverError, FinalDriverError, SessionFenced

Answer = TypeVar("Answer")


class Violation(AssertionError):
    """The driver does not do what the contract says."""


def expect(is_kept: bool, rule: str) -> None:
    """Raise a Violation with the rule, unless it is kept."""
    if not is_kept:
        raise Violation(rule)


def must_succeed(what: str, call: Callable[[], Answer], *, but: type[DriverError] | None = None) -> Answer:
    """Return the answer of a call that may not fail, ``but`` in one way. Raises: Violation; ``but``."""
    try:
        return call()
    except Violation:
        raise
    except Exception as error:
        if but is not None and isinstance(error, but):
            raise
        raise Violation(f"{what} must succeed; it raised {type(error).__name__}: {error}") from error


def must_be_final(what: str, call: Callable[[], object]) -> None:
    """Make a call that must raise FinalDriverError. Raises: Violation, if it did anything else."""
    try:
        call()
    except FinalDriverError:
        return
    except Exception as error:
        name = type(error).__name__
        raise Violation(f"{what} must raise FinalDriverError; it raised {name}: {error}") from error
    raise Violation(f"{what} must raise FinalDriverError; it reported success")


def must_be_fenced(what: str, call: Callable[[], object]) -> None:
    """Make a call that must raise SessionFenced. Raises: Violation, if it did anything else."""
    try:
        call()
    except SessionFenced:
        return
    except Exception as error:
        name = type(error).__name__
        raise Violation(f"{what} must raise SessionFenced; it raised {name}: {error}") from error
    raise Violation(f"{what} must raise SessionFenced; it reported success")
