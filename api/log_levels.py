"""What this process writes into its log: the levels of Python's loggers, read and set while it runs.

All parts of the service that this process is share one set of loggers, so what is
set for one of them holds for all. It holds until the process ends.
"""

from __future__ import annotations

import logging
import socket

from api.request_scope import runtime
from cgflow.db.repositories import service as services
from cgflow.errors import InvalidInput

LEVELS = ("ERROR", "WARNING", "INFO", "DEBUG")

# The parts that clients know. There is no cinder-backup, so that nothing is set or shown for it.
_API, _BACKUP = "cinder-api", "cinder-backup"
_KNOWN = (_API, services.SCHEDULER, services.VOLUME, _BACKUP)
_ALL = (None, "", "*")

Part = tuple[str, str]


def parts(binary: str | None, server: str | None) -> list[Part]:
    """Return binary and host of the parts of this process that are meant.

    Raises: InvalidInput for a binary that there is not, or for the parts of other processes.
    """
    own = [(name, socket.gethostname()) for name in (_API, services.SCHEDULER)]
    own += [(services.VOLUME, host) for host in sorted(runtime().drivers)]
    if binary not in _ALL and binary not in _KNOWN:
        raise InvalidInput(f"There is no binary '{binary}'. Known are: {', '.join(_KNOWN)}.", "binary")
    found = [part for part in own if binary in (*_ALL, part[0])]
    if server in _ALL:
        return found
    hosts = {host for _, host in own}
    if server not in hosts:
        raise InvalidInput(
            f"The server '{server}' is not in the process that answers, which is {', '.join(sorted(hosts))}. "
            "Log levels are those of a process: ask the one that is meant.",
            "server",
        )
    return [part for part in found if part[1] == server]


def read(prefix: str) -> dict[str, str]:
    """Return the level that each logger whose name begins so has, its own or an inherited one."""
    return {logger.name: logging.getLevelName(logger.getEffectiveLevel()) for logger in _loggers(prefix)}


def write(prefix: str, level: str) -> None:
    """Give every logger whose name begins so a level of its own."""
    for logger in _loggers(prefix):
        logger.setLevel(level)


def _loggers(prefix: str) -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.items())
    found = [logger for _, logger in known if isinstance(logger, logging.Logger)]
    return sorted((one for one in found if one.name.startswith(prefix)), key=lambda one: one.name)
