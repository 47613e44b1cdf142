"""Which clients of the storage a session is, written down before it does anything, and how it is shut out.

A session writes its client's address and then looks whether it is fenced; who
fences it writes so and then looks for addresses. Both on one object, so that
one of the two always sees the other.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from .cluster import Cluster
from .keys import keys_list, keys_read, keys_write

FOR_GOOD_S = 10 * 365 * 86400.0
"""Seconds for which an address is refused: longer than any process is stopped and goes on."""


def session_open(cluster: Cluster, progress: Callable[[], None], object: str, session: str) -> bool:
    """Make this client one of the session's, and shut the earlier ones out. Returns: whether it is fenced."""
    own = cluster.rados.get_addrs()
    prefix = f"address/{quote(session, safe='')}/"
    keys_write(cluster, progress, object, {prefix + own: ""}, [])
    mark = _mark(session)
    if mark in keys_read(cluster, progress, object, [mark]):
        return True
    earlier = [key for key in keys_list(cluster, progress, object, prefix) if key != prefix + own]
    if earlier:
        # They are dead, but what they had sent may still be on its way.
        cluster.shut_out([key[len(prefix) :] for key in earlier], FOR_GOOD_S)
        keys_write(cluster, progress, object, {}, earlier)
    return False


def session_fence(cluster: Cluster, progress: Callable[[], None], object: str, session: str) -> None:
    """Shut a session out for good, whether it was opened or not."""
    keys_write(cluster, progress, object, {_mark(session): ""}, [])
    prefix = f"address/{quote(session, safe='')}/"
    known = keys_list(cluster, progress, object, prefix)
    cluster.shut_out([key[len(prefix) :] for key in known], FOR_GOOD_S)
    keys_write(cluster, progress, object, {}, list(known))


def _mark(session: str) -> str:
    return f"fenced/{quote(session, safe='')}"
