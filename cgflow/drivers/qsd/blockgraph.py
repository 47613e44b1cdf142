"""What a daemon is told and asked: layers opened and closed, exports, the cut, merges.

Each method is one QMP command or a few. Layer number 7 is the node ``L7`` and
the file ``L7.qcow2``. The sequences were tried against QEMU 7.2.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cgflow.drivers.contract import JSON
from cgflow.drivers.qsd.qmp import CommandRefused, DaemonLost, Events, QmpClient
from cgflow.drivers.qsd.records import Merge
from cgflow.errors import AmbiguousDriverError

DETACH_DEADLINE = 30.0
STALL_DEADLINE = 60.0
"""Seconds without progress after which a merge is no longer waited for."""

_LAYER = re.compile(r"L([1-9][0-9]*)(?:\.qcow2)?")


def node(layer: int) -> str:
    """Return the name of a layer's node (QEMU allows 31 characters)."""
    return f"L{layer}"


def file_name(layer: int) -> str:
    """Return the name of a layer's file in its home."""
    return f"L{layer}.qcow2"


def layer_number(name: str) -> int | None:
    """Return the number of the layer that a node or a file is named after, or None."""
    match = _LAYER.fullmatch(name)
    return int(match[1]) if match else None


@dataclass(frozen=True)
class Opened:
    """A layer that is to be opened, over ``backing`` if that is given."""

    layer: int
    backing: int | None = None
    read_only: bool = False


@dataclass(frozen=True)
class Node:
    """A layer as the daemon has it. ``backing`` is the layer that it reads through now."""

    size_bytes: int
    backing: int | None


class BlockGraph:
    """The nodes, exports and jobs of one daemon."""

    def __init__(self, client: QmpClient, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._nodes: dict[int, Node] | None = None

    def open(self, layer: int, backing: int | None = None) -> None:
        """Open a layer, by itself unless ``backing`` is given. Raises: AmbiguousDriverError."""
        for refusal in self.open_all([Opened(layer, backing)]).values():
            raise refusal

    def open_all(self, layers: Sequence[Opened]) -> dict[int, CommandRefused]:
        """Open layers in this order, backing files first; return those that could not be, and why.

        Raises: DaemonLost.
        """
        self._nodes = None
        answers = self._client.pipeline([("blockdev-add", self._blockdev(opened)) for opened in layers])
        pairs = zip(layers, answers, strict=True)
        return {opened.layer: answer for opened, answer in pairs if isinstance(answer, CommandRefused)}

    def close(self, layer: int) -> None:
        """Close a layer that nothing reads. Raises: AmbiguousDriverError."""
        self._nodes = None
        self._client.execute("blockdev-del", {"node-name": node(layer)})

    def attach(self, name: str, layer: int, *, writable: bool) -> None:
        """Export a layer over NBD under a name. Raises: AmbiguousDriverError."""
        self._client.execute(
            "block-export-add",
            {
                "type": "nbd",
                "id": _export_id(name),
                "node-name": node(layer),
                "name": name,
                "writable": writable,
            },
        )

    def detach(self, name: str, *, politely: bool = False) -> bool:
        """Withdraw an export, and return when it is gone and its clients are disconnected.

        ``politely`` leaves it in place, and returns False, if a client is
        connected. Raises: AmbiguousDriverError.
        """
        export = _export_id(name)
        with self._client.listen() as events:
            try:
                self._client.execute(
                    "block-export-del", {"id": export, "mode": "safe" if politely else "hard"}
                )
            except CommandRefused as refusal:
                if "in use" in refusal.reason and politely:
                    return False
                raise
            deadline = time.monotonic() + DETACH_DEADLINE
            gone = events.wait(
                lambda e: e["event"] == "BLOCK_EXPORT_DELETED" and _data(e, "id") == export, deadline
            )
        if gone is None:
            raise AmbiguousDriverError(
                f"the export {name} did not go away within {DETACH_DEADLINE:.0f} seconds"
            )
        return True

    def resize(self, layer: int, size_bytes: int) -> None:
        """Set the size of a leaf that is not exported. Raises: CommandRefused, DaemonLost."""
        self._nodes = None
        self._client.execute("block_resize", {"node-name": node(layer), "size": size_bytes})

    def cut(self, overlays: Sequence[tuple[int, int]]) -> None:
        """Put each (leaf, overlay) pair's overlay on its leaf: all at one instant, or none.

        Raises: CommandRefused, if none was; DaemonLost.
        """
        actions: list[JSON] = [
            {"type": "blockdev-snapshot", "data": {"node": node(leaf), "overlay": node(overlay)}}
            for leaf, overlay in overlays
        ]
        self._nodes = None
        self._client.execute("transaction", {"actions": actions})

    def merge(self, merge: Merge, root: int) -> None:
        """Begin to fold a layer, which ``root`` reads through or is, into the one below.

        Raises: CommandRefused, DaemonLost.
        """
        arguments: JSON = {
            "job-id": job_id(merge),
            "device": node(root),
            "base-node": node(merge.base),
            "auto-dismiss": False,
        }
        if not merge.active:
            arguments |= {"top-node": node(merge.top), "backing-file": file_name(merge.base)}
        self._client.execute("block-commit", arguments)

    def await_job(self, merge: Merge, statuses: Sequence[str], events: Events) -> str:
        """Return the status of a merge's job when it is one of these (``absent`` if there is none).

        ``events`` must have been listened to before. Raises: AmbiguousDriverError, if it makes no
        progress for a minute.
        """
        self._nodes = None
        progress: object = None
        while True:
            job = self.jobs().get(job_id(merge), {"status": "absent"})
            if job["status"] in (*statuses, "absent"):
                return str(job["status"])
            if job == progress:
                raise AmbiguousDriverError(
                    f"the merge of {node(merge.top)} in {self._folder} makes no progress"
                )
            progress = job
            events.wait(
                lambda e: (
                    e["event"] == "JOB_STATUS_CHANGE"
                    and _data(e, "id") == job_id(merge)
                    and _data(e, "status") in statuses
                ),
                time.monotonic() + STALL_DEADLINE,
            )

    def job(self, command: str, merge: Merge) -> None:
        """Run ``job-complete``, ``job-cancel`` or ``job-dismiss``. Raises: AmbiguousDriverError."""
        self._client.execute(command, {"id": job_id(merge)})

    def jobs(self) -> dict[str, JSON]:
        """Return the jobs by id. Raises: AmbiguousDriverError."""
        return {str(job["id"]): job for job in self._list("query-jobs")}

    def exports(self) -> dict[str, int | None]:
        """Return what is exported: name to layer. Raises: AmbiguousDriverError."""
        return {
            str(export["id"]).removeprefix("x-"): layer_number(str(export["node-name"]))
            for export in self._list("query-block-exports")
        }

    def nodes(self) -> dict[int, Node]:
        """Return the layers that are open. Asked anew only after a change: with hundreds it is slow.

        Raises: AmbiguousDriverError.
        """
        if self._nodes is None:
            self._nodes = self._ask_nodes()
        return dict(self._nodes)

    def forget(self) -> None:
        """Ask anew whatever is asked next: somebody else may have changed it."""
        self._nodes = None

    def _ask_nodes(self) -> dict[int, Node]:
        found: dict[int, Node] = {}
        for item in self._list("query-named-block-nodes"):
            layer = layer_number(str(item["node-name"]))
            image = item.get("image")
            if layer is None or not isinstance(image, dict):
                continue
            backing = image.get("backing-image")
            found[layer] = Node(
                size_bytes=int(image["virtual-size"]),
                backing=_layer_of_image(str(backing["filename"])) if backing else None,
            )
        return found

    @property
    def client(self) -> QmpClient:
        """The connection, for those who listen to events."""
        return self._client

    def _blockdev(self, opened: Opened) -> JSON:
        return {
            "driver": "qcow2",
            "node-name": node(opened.layer),
            "read-only": opened.read_only,
            "discard": "unmap",
            "backing": None if opened.backing is None else node(opened.backing),
            "file": {
                "driver": "file",
                "filename": str(self._folder / file_name(opened.layer)),
                "aio": "threads",
            },
        }

    def _list(self, command: str) -> list[JSON]:
        answer = self._client.execute(command)
        if not isinstance(answer, list):
            raise DaemonLost(f"qemu-storage-daemon answered {command} with something that is not a list")
        return answer


def job_id(merge: Merge) -> str:
    """Return the name of a merge's job."""
    return f"merge-{node(merge.top)}"


def _export_id(name: str) -> str:
    return f"x-{name}"


def _layer_of_image(description: str) -> int | None:
    """Return the layer that QEMU describes by a path or, if opened in any unusual way, by ``json:{...}``."""
    if description.startswith("json:"):
        description = json.loads(description.removeprefix("json:"))["file"]["filename"]
    return layer_number(Path(description).name)


def _data(event: JSON, key: str) -> object:
    data = event.get("data")
    return data.get(key) if isinstance(data, dict) else None
