"""Keys and values of an object in the pool (its omap), in which cgflow stores its records.

Several keys change in one operation, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import rados

from .cluster import Cluster

_PAGE = 1000


def keys_read(cluster: Cluster, _: Callable[[], None], object: str, keys: list[str]) -> dict[str, str]:
    """Return the values of those keys that exist."""
    return _decoded(read(cluster, object, keys))


def keys_list(cluster: Cluster, _: Callable[[], None], object: str, prefix: str) -> dict[str, str]:
    """Return all keys with a prefix, and their values."""
    return _decoded(listed(cluster, object, prefix))


def keys_write(
    cluster: Cluster, _: Callable[[], None], object: str, put: dict[str, str], drop: list[str]
) -> None:
    """Set keys and remove others, in one atomic operation."""
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


def read(cluster: Cluster, name: str, keys: Iterable[str]) -> dict[str, bytes]:
    """Return the values of those keys of an object that exist."""
    with rados.ReadOpCtx() as operation:
        found, _code = cluster.io.get_omap_vals_by_keys(operation, tuple(keys))
        return _values(cluster, operation, name, found)


def listed(cluster: Cluster, name: str, prefix: str) -> dict[str, bytes]:
    """Return all keys of an object with a prefix, and their values."""
    everything: dict[str, bytes] = {}
    after = ""
    while True:
        with rados.ReadOpCtx() as operation:
            found, _code = cluster.io.get_omap_vals(operation, after, prefix, _PAGE)
            page = _values(cluster, operation, name, found)
        everything.update(page)
        if len(page) < _PAGE:
            return everything
        after = max(page)


def _values(cluster: Cluster, operation: object, name: str, found: object) -> dict[str, bytes]:
    try:
        cluster.io.operate_read_op(operation, name)
    except rados.ObjectNotFound:
        return {}
    return {key: value or b"" for key, value in found}  # type: ignore[attr-defined]


def _decoded(values: dict[str, bytes]) -> dict[str, str]:
    return {key: value.decode() for key, value in values.items()}
