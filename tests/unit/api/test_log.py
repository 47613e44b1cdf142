"""Lines of the log: text in one line cannot forge another line."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from api.log import LogFormatter

FORGED = "x\n2026-01-01 00:00:00,000 ERROR cgflow: forged\x1b[31m\r\x9b\u202e"


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("tests.log_format")
    logger.addHandler(handler)
    yield logger, written
    logger.removeHandler(handler)


def test_a_message_is_one_line(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.warning("the name %s is taken", FORGED)
    (line,) = written.getvalue().splitlines()
    assert line.isprintable()
    assert r"x\n2026" in line


def test_a_traceback_begins_no_record(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    try:
        int(FORGED)
    except ValueError:
        logger.exception("it failed")
    first, *others = written.getvalue().splitlines()
    assert first.endswith("it failed")
    assert all(line.startswith("    ") and line.isprintable() for line in others)
