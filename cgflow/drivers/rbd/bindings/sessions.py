"""The records of a session's clients, written before their first effect, and the fence of a session.

``session_open`` writes the address of the client and then checks whether the session is fenced.
``session_fence`` marks the session as fenced and then reads the addresses. Both use one object, so at least
one of the two always sees the other.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from .cluster import Cluster
from .keys import keys_list, keys_read, keys_write

BLOCKLIST_S = 10 * 365 * 86400.0
"""Seconds for which an address is blocklisted: longer than a process can be suspended and resume."""


def session_open(cluster: Cluster, progress: Callable[[], None], object: str, session: str) -> bool:
    """Add this client to a session and blocklist its earlier ones. Returns: whether the session is fenced."""
    own = cluster.rados.get_addrs()
    prefix = f"address/{quote(session, safe='')}/"
    keys_write(cluster, progress, object, {prefix + own: ""}, [])
    mark = _mark(session)
    if mark in keys_read(cluster, progress, object, [mark]):
        return True
    earlier = [key for key in keys_list(cluster, progress, object, prefix) if key != prefix + own]
    if earlier:
        # These clients are dead, but their operations may still be in flight.
        cluster.shut_out([key[len(prefix) :] for key in earlier], BLOCKLIST_S)
        keys_write(cluster, progress, object, {}, earlier)
    return False


def session_fence(cluster: Cluster, progress: Callable[[], None], object: str, session: str) -> None:
    """Shut out a session permanently, whether or not it was opened."""
    keys_write(cluster, progress, object, {_mark(session): ""}, [])
    prefix = f"address/{quote(session, safe='')}/"
    known = keys_list(cluster, progress, object, prefix)
    cluster.shut_out([key[len(prefix) :] for key in known], BLOCKLIST_S)
    keys_write(cluster, progress, object, {}, list(known))


def _mark(session: str) -> str:
    return f"fenced/{quote(session, safe='')}"
