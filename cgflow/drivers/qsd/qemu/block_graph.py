"""The block graph of a daemon: opens and closes layers, exports them, cuts. For jobs see ``block_jobs``.

Each method is one QMP command or a few. Layer number 7 is the node ``L7`` and the file
``L7.qcow2``. The command sequences were verified with QEMU 7.2.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cgflow.drivers.contract import JSON
from cgflow.drivers.qsd.model.records import file_name, layer_number, node_name
from cgflow.drivers.qsd.qemu.block_jobs import BlockJobs
from cgflow.drivers.qsd.qemu.daemon_process import FileId
from cgflow.drivers.qsd.qemu.qmp_client import Command, CommandRefused, DaemonLost, QmpClient, event_data
from cgflow.errors import AmbiguousDriverError

DETACH_DEADLINE = 30.0


@dataclass(frozen=True)
class LayerToOpen:
    """A layer to be opened, on ``backing`` if that is given."""

    layer: int
    backing: int | None = None
    read_only: bool = False


@dataclass(frozen=True)
class Node:
    """A layer as the daemon has it. ``backing`` is the layer that it currently reads through."""

    size_bytes: int
    backing: int | None


class BlockGraph:
    """The nodes, exports and jobs of one daemon."""

    def __init__(self, client: QmpClient, folder: Path) -> None:
        self.jobs = BlockJobs(client, folder, self.discard_cached_nodes)
        self._client = client
        self._folder = folder
        self._nodes: dict[int, Node] | None = None
        self._files: dict[int, FileId] = {}
        self._adopted: tuple[frozenset[int], frozenset[FileId]] = frozenset(), frozenset()

    def record_open_files(self, opened: frozenset[FileId] | None) -> None:
        """Note which files an adopted daemon has open; None, if that is unknown.

        Raises: AmbiguousDriverError.
        """
        if opened is not None:
            self._adopted = frozenset(self.nodes()), opened

    def has_file_open(self, layer: int, file: FileId) -> bool | None:
        """Return whether a layer was opened from this file; None if the layer is not known to be open."""
        if layer in self._files:
            return self._files[layer] == file
        layers, files = self._adopted
        return file in files if layer in layers else None

    def open_layer(self, layer: int, backing: int | None = None) -> None:
        """Open a layer, with no backing unless ``backing`` is given. Raises: AmbiguousDriverError."""
        for refusal in self.open_layers([LayerToOpen(layer, backing)]).values():
            raise refusal

    def open_layers(self, layers: Sequence[LayerToOpen]) -> dict[int, CommandRefused]:
        """Open layers in this order, backing files first; return those that were refused, with the reason.

        Raises: DaemonLost.
        """
        self._nodes = None
        for opened in layers:
            self._record_file_identity(opened.layer)
        answers = self._client.pipeline(
            [("blockdev-add", self._blockdev_options(opened)) for opened in layers]
        )
        pairs = zip(layers, answers, strict=True)
        refused = {opened.layer: answer for opened, answer in pairs if isinstance(answer, CommandRefused)}
        for layer in refused:
            self._files.pop(layer, None)
        return refused

    def close_layer(self, layer: int) -> None:
        """Close a layer that nothing reads. Raises: AmbiguousDriverError."""
        self._nodes = None
        self._client.execute("blockdev-del", {"node-name": node_name(layer)})
        self._files.pop(layer, None)
        self._adopted = self._adopted[0] - {layer}, self._adopted[1]

    def flush_layer(self, layer: int) -> None:
        """Flush all data and metadata of a frozen layer to its file.

        A finished job may have left metadata tables in the daemon's memory, which would be lost with the
        daemon. Reopening a node as read-only is the only command that flushes them.

        Raises: AmbiguousDriverError.
        """
        opened = LayerToOpen(layer, self.nodes()[layer].backing, read_only=True)
        self._nodes = None
        self._client.execute("blockdev-reopen", {"options": [self._blockdev_options(opened)]})

    def add_export(self, name: str, layer: int, *, writable: bool) -> None:
        """Export a layer over NBD under a name. Raises: AmbiguousDriverError."""
        self._client.execute(
            "block-export-add",
            {
                "type": "nbd",
                "id": _export_id(name),
                "node-name": node_name(layer),
                "name": name,
                "writable": writable,
            },
        )

    def remove_export(self, name: str, *, only_if_idle: bool = False) -> bool:
        """Withdraw an export, and return True when it is gone and its clients are disconnected.

        With ``only_if_idle``, an export that has a client is left in place, and the result is False.

        Raises: AmbiguousDriverError.
        """
        export = _export_id(name)
        with self._client.listen() as events:
            try:
                self._client.execute(
                    "block-export-del", {"id": export, "mode": "safe" if only_if_idle else "hard"}
                )
            except CommandRefused as refusal:
                if "in use" in refusal.reason and only_if_idle:
                    return False
                raise
            deadline = time.monotonic() + DETACH_DEADLINE
            gone = events.wait(
                lambda e: e["event"] == "BLOCK_EXPORT_DELETED" and event_data(e, "id") == export, deadline
            )
        if gone is None:
            raise AmbiguousDriverError(
                f"the export {name} was not withdrawn within {DETACH_DEADLINE:.0f} seconds"
            )
        return True

    def resize_layer(self, layer: int, size_bytes: int) -> None:
        """Set the size of a leaf that is not exported. Raises: CommandRefused, DaemonLost."""
        self._nodes = None
        self._client.execute("block_resize", {"node-name": node_name(layer), "size": size_bytes})

    def cut(self, overlays: Sequence[tuple[int, int]]) -> None:
        """Put the overlay of each (leaf, overlay) pair on its leaf: all at one instant, or none.

        Raises: CommandRefused, if none was; DaemonLost.
        """
        actions: list[JSON] = [
            {"type": "blockdev-snapshot", "data": {"node": node_name(leaf), "overlay": node_name(overlay)}}
            for leaf, overlay in overlays
        ]
        self._nodes = None
        self._client.execute("transaction", {"actions": actions})

    def exports(self) -> dict[str, int | None]:
        """Return the exports: name to layer. Raises: AmbiguousDriverError."""
        return {
            str(export["id"]).removeprefix("x-"): layer_number(str(export["node-name"]))
            for export in self._query_list("query-block-exports")
        }

    def nodes(self) -> dict[int, Node]:
        """Return the open layers, cached until the next change: with hundreds of nodes the query is slow.

        Raises: AmbiguousDriverError.
        """
        if self._nodes is None:
            self._nodes = self._query_nodes()
        return dict(self._nodes)

    def discard_cached_nodes(self) -> None:
        """Discard the cached nodes: something else may have changed them."""
        self._nodes = None

    def _record_file_identity(self, layer: int) -> None:
        # A missing file is reported by the daemon when it opens the layer.
        with suppress(OSError):
            found = os.stat(self._folder / file_name(layer))
            self._files[layer] = found.st_dev, found.st_ino

    def _query_nodes(self) -> dict[int, Node]:
        # A node's own answer describes its whole backing chain and is cut off at 4096 bytes, so ask for the
        # graph.
        asked: list[Command] = [
            ("query-named-block-nodes", {"flat": True}),
            ("x-debug-query-block-graph", {}),
        ]
        items, graph = self._client.pipeline(asked)
        for answer in (items, graph):
            if isinstance(answer, CommandRefused):
                raise answer
        if not isinstance(items, list) or not isinstance(graph, dict):
            raise DaemonLost("qemu-storage-daemon answered a query for its nodes with something else")
        below = _backing_layers(graph)
        found: dict[int, Node] = {}
        for item in items:
            layer = layer_number(str(item["node-name"]))
            if layer is not None and isinstance(item.get("image"), dict):
                found[layer] = Node(int(item["image"]["virtual-size"]), below.get(layer))
        return found

    @property
    def client(self) -> QmpClient:
        """The connection, for listening to events."""
        return self._client

    def _blockdev_options(self, opened: LayerToOpen) -> JSON:
        return {
            "driver": "qcow2",
            "node-name": node_name(opened.layer),
            "read-only": opened.read_only,
            "discard": "unmap",
            "backing": None if opened.backing is None else node_name(opened.backing),
            "file": {
                "driver": "file",
                "filename": str(self._folder / file_name(opened.layer)),
                "aio": "threads",
            },
        }

    def _query_list(self, command: str) -> list[JSON]:
        answer = self._client.execute(command)
        if not isinstance(answer, list):
            raise DaemonLost(f"qemu-storage-daemon answered {command} with something that is not a list")
        return answer


def _export_id(name: str) -> str:
    return f"x-{name}"


def _backing_layers(graph: dict[str, Any]) -> dict[int, int]:
    """Return the backing layer of each layer, ignoring the filter nodes that jobs insert between them."""
    layers = {node["id"]: layer_number(str(node["name"])) for node in graph["nodes"]}
    below: dict[tuple[object, str], object] = {
        (edge["parent"], str(edge["name"])): edge["child"] for edge in graph["edges"]
    }
    found: dict[int, int] = {}
    for id_, layer in layers.items():
        under = below.get((id_, "backing"))
        while under is not None and layers.get(under) is None:
            under = below.get((under, "backing"), below.get((under, "file")))
        backing = layers.get(under)
        if layer is not None and backing is not None:
            found[layer] = backing
    return found
