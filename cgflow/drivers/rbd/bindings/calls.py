"""The calls that the child answers, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import content, groups, images, keys, sessions
from .cluster import Cluster
from .exports import Exports

Progress = Callable[[], None]

_CALLS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        keys.keys_read,
        keys.keys_list,
        keys.keys_write,
        sessions.session_open,
        sessions.session_fence,
        images.image_names,
        images.image_stats,
        images.image_create,
        images.image_resize,
        images.image_rename,
        images.image_remove,
        images.snap_create,
        images.snap_remove,
        images.snap_find,
        images.snap_rollback,
        groups.group_names,
        groups.group_images,
        groups.group_create,
        groups.group_remove,
        groups.group_add,
        groups.group_drop,
        groups.group_cut,
        groups.group_uncut,
        content.copy_out,
        content.put_back,
    )
}


class Calls:
    """A connection to a cluster, created by the call ``connect``, and the calls on it."""

    def __init__(self) -> None:
        self.linger_s = 0.0
        self._cluster: Cluster | None = None
        self._exports: Exports | None = None

    def close(self) -> None:
        """Leave the cluster, so that its other clients no longer wait for this one."""
        if self._exports is not None:
            self._exports.close()
        if self._cluster is not None:
            self._cluster.rados.shutdown()

    def make(self, name: str, args: dict[str, Any], progress: Progress) -> Any:
        """Make a call. Raises: the error of the bindings; KeyError, if the call is unknown."""
        if name == "connect":
            self.linger_s = float(args["timeout_s"])
            self._cluster = Cluster(**args)
            return self._cluster.facts()
        if self._cluster is None:
            raise RuntimeError("the first call must be connect")
        if name == "capacity":
            return self._cluster.capacity()
        if name == "exports_serve":
            self._exports = Exports(self._cluster, **args)
            return None
        if name == "exports_withdraw":
            return self._cluster.notify(f"{args['object']}.exports", args["export"])
        return _CALLS[name](self._cluster, progress, **args)
