"""Keys with values, kept with an object of the pool: where cgflow writes down what is whose.

Several keys change in one operation or not at all.
"""

from __future__ import annotations

from collections.abc import Callable

import rados

from .cluster import Cluster

_PAGE = 1000


def keys_read(cluster: Cluster, _: Callable[[], None], object: str, keys: list[str]) -> dict[str, str]:
    """Return the values of those keys that are there."""
    with rados.ReadOpCtx() as operation:
        found, _code = cluster.io.get_omap_vals_by_keys(operation, tuple(keys))
        return _values(cluster, operation, object, found)


def keys_list(cluster: Cluster, _: Callable[[], None], object: str, prefix: str) -> dict[str, str]:
    """Return all keys that begin so, with their values."""
    everything: dict[str, str] = {}
    after = ""
    while True:
        with rados.ReadOpCtx() as operation:
            found, _code = cluster.io.get_omap_vals(operation, after, prefix, _PAGE)
            page = _values(cluster, operation, object, found)
        everything.update(page)
        if len(page) < _PAGE:
            return everything
        after = max(page)


def keys_write(
    cluster: Cluster, _: Callable[[], None], object: str, put: dict[str, str], drop: list[str]
) -> None:
    """Set keys and remove others, all at once."""
    with rados.WriteOpCtx() as operation:
        if put:
            cluster.io.set_omap(operation, tuple(put), tuple(value.encode() for value in put.values()))
        if drop:
            cluster.io.remove_omap_keys(operation, tuple(drop))
        try:
            cluster.io.operate_write_op(operation, object)
        except rados.ObjectNotFound:
            if put:
                raise


def _values(cluster: Cluster, operation: object, name: str, found: object) -> dict[str, str]:
    try:
        cluster.io.operate_read_op(operation, name)
    except rados.ObjectNotFound:
        return {}
    return {key: (value or b"").decode() for key, value in found}  # type: ignore[attr-defined]
