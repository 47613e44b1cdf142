"""The format of the service's log: each message is one line, whatever clients and programs put into it."""

from __future__ import annotations

import json
import logging
import sys
from types import TracebackType

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_QUIET = ("taskflow", "alembic", "stevedore", "keystonemiddleware", "sqlalchemy.pool")


class LogFormatter(logging.Formatter):
    """Escapes control characters in messages and indents tracebacks, so that a client cannot forge a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Return the line of a record."""
        record.message = _printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - the library's name
        """Return a traceback, which may hold a client's text, as lines that cannot be taken for records."""
        return "\n".join(f"    {_printable(line)}" for line in super().formatException(ei).split("\n"))


def set_up(*, verbose: bool) -> None:
    """Log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.CRITICAL)
    # Messages of the HTTP server about single requests would let any client fill the disk.
    logging.getLogger("waitress").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.INFO if verbose else logging.ERROR)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
