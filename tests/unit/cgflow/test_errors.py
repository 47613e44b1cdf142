"""Exceptions as text."""

from __future__ import annotations

import pytest
from taskflow.types.failure import Failure

from cgflow.engine.event_recorder import failure_text
from cgflow.errors import FinalDriverError, describe, join_reasons, to_sentence


class TokenError(Exception):
    """An exception whose name looks like that of a secret."""


def caught(error: Exception) -> tuple[Exception, Failure]:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught_here:
        fail()
    return caught_here.value, Failure(caught_here._excinfo)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FinalDriverError("The image is busy."), "The image is busy."),
        (FinalDriverError(""), "FinalDriverError without a message, raised in test_errors.py, line "),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (AssertionError(), "AssertionError without a message, raised in test_errors.py, line "),
        (KeyError("volume"), "KeyError: 'volume', raised in test_errors.py, line "),
        (TokenError("it is old"), "TokenError: it is old"),
        (ValueError("password=1234 is wrong"), "ValueError: password=*** is wrong"),
        (ValueError("a\x00b\udcff"), "ValueError: a\\x00b\\udcff"),
    ],
)
def test_no_reason_is_empty_or_says_nothing(error: Exception, words: str) -> None:
    raised, failed = caught(error)
    assert failure_text(failed).startswith(words)
    assert failure_text(failed.to_dict(include_args=False)).startswith(words)
    if not isinstance(error, ValueError):
        assert describe(raised).startswith(words)
    assert "/" not in failure_text(failed), "a place is told without its folder"


def test_what_somebody_typed_as_a_sentence() -> None:
    assert to_sentence(" cannot mend tonight ") == "cannot mend tonight."
    assert to_sentence("Gone!") == "Gone!"


@pytest.mark.parametrize(
    ("reasons", "text"),
    [
        ([], ""),
        (["no room"], "no room"),
        (["no room", "no room"], "no room"),
        (["no answer in time", "the daemon hangs"], "no answer in time. the daemon hangs"),
        (["It is away.", "see the log"], "It is away. see the log"),
    ],
)
def test_several_reasons_do_not_run_together(reasons: list[str], text: str) -> None:
    assert join_reasons(reasons) == text
