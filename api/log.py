"""The log of this process: its format, and the levels of its loggers, which are read and set at run time.

Each message is one line, whatever clients and programs put into it. All parts of the service in this process
share one set of loggers: a level set for one part holds for all, until the process ends.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from types import TracebackType

from api.request_scope import runtime
from cgflow.db.repositories import service as services
from cgflow.errors import InvalidInput

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_QUIET = ("taskflow", "alembic", "stevedore", "keystonemiddleware", "sqlalchemy.pool")


class LogFormatter(logging.Formatter):
    """Escapes control characters in messages and indents tracebacks, so that a client cannot forge a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Return the line of a record."""
        record.message = _escape_control_characters(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - the library's name
        """Return a traceback, which may hold a client's text, as lines that cannot be taken for records."""
        return "\n".join(
            f"    {_escape_control_characters(line)}" for line in super().formatException(ei).split("\n")
        )


def set_up_logging(*, verbose: bool) -> None:
    """Log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.CRITICAL)
    # Messages of the HTTP server about single requests would let any client fill the disk.
    logging.getLogger("waitress").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.INFO if verbose else logging.ERROR)


def _escape_control_characters(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


LEVELS = ("ERROR", "WARNING", "INFO", "DEBUG")

# The binaries that clients know. There is no cinder-backup, so nothing is set or shown for it.
_API, _BACKUP = "cinder-api", "cinder-backup"
_KNOWN = (_API, services.SCHEDULER, services.VOLUME, _BACKUP)
_ALL = (None, "", "*")

Part = tuple[str, str]


def matching_services(binary: str | None, server: str | None) -> list[Part]:
    """Return (binary, host) of each matching part of this process.

    Raises: InvalidInput for an unknown binary, or for a part of another process.
    """
    own = [(name, socket.gethostname()) for name in (_API, services.SCHEDULER)]
    own += [(services.VOLUME, host) for host in sorted(runtime().drivers)]
    if binary not in _ALL and binary not in _KNOWN:
        raise InvalidInput(f"There is no binary '{binary}'. Valid values: {', '.join(_KNOWN)}.", "binary")
    found = [part for part in own if binary in (*_ALL, part[0])]
    if server in _ALL:
        return found
    hosts = {host for _, host in own}
    if server not in hosts:
        raise InvalidInput(
            f"The server '{server}' is not in the process that serves this request "
            f"({', '.join(sorted(hosts))}). Send the request to its own process.",
            "server",
        )
    return [part for part in found if part[1] == server]


def levels_by_logger(prefix: str) -> dict[str, str]:
    """Return the effective level of each logger whose name begins with a prefix."""
    return {
        logger.name: logging.getLevelName(logger.getEffectiveLevel())
        for logger in _loggers_with_prefix(prefix)
    }


def set_levels(prefix: str, level: str) -> None:
    """Set the level of every logger whose name begins with a prefix."""
    for logger in _loggers_with_prefix(prefix):
        logger.setLevel(level)


def _loggers_with_prefix(prefix: str) -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.items())
    found = [logger for _, logger in known if isinstance(logger, logging.Logger)]
    return sorted((one for one in found if one.name.startswith(prefix)), key=lambda one: one.name)
