"""The definition of an operation, and whether a stored flow still fits it.

TaskFlow matches stored atoms by name alone and does not notice a changed graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from taskflow.flow import Flow

from cgflow import records
from cgflow.errors import FlowMismatch


@dataclass(frozen=True)
class Definition:
    """The version of an operation, stored with each flow, and what builds its graph from a JSON shape.

    ``remedy`` tells who would cancel it too late what to do instead.
    """

    version: int
    build: Callable[..., Flow]
    remedy: str = ""


def fingerprint(graph: Any) -> str:
    """Return a digest of an execution graph: the names of its nodes and how they hang together."""
    edges = sorted(f"{a.name}>{b.name}" for a, b in graph.edges)
    nodes = sorted(node.name for node in graph.nodes)
    return hashlib.sha256("\n".join(nodes + edges).encode()).hexdigest()


def check_same_definition(flow: records.Flow, version: int, digest: str) -> None:
    """Refuse to run a stored flow under a definition that is not the one it began with.

    Raises: FlowMismatch; the flow is left as it is.
    """
    if flow.version != version:
        raise FlowMismatch(
            f"Flow {flow.id} began as {flow.operation} version {flow.version}, this cgflow has version "
            f"{version}. Start the release that began it once more, so that the flow can end, then upgrade."
        )
    if flow.fingerprint not in (None, digest):
        raise FlowMismatch(
            f"The stored graph of flow {flow.id} is not that of {flow.operation} version {version}. "
            "It was begun by a different build; start that one once more, so that the flow can end."
        )
