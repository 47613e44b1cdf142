"""The definition of an operation, and the check that a stored flow still fits it.

TaskFlow matches stored atoms by name alone and does not detect a changed graph.
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
    """The version of an operation, stored with each flow, and the function that builds its graph from JSON.

    ``remedy`` is the advice in the error when a cancel comes too late.
    """

    version: int
    build: Callable[..., Flow]
    remedy: str = ""


def fingerprint_graph(graph: Any) -> str:
    """Return a digest of an execution graph: the names of its nodes, and its edges."""
    edges = sorted(f"{a.name}>{b.name}" for a, b in graph.edges)
    nodes = sorted(node.name for node in graph.nodes)
    return hashlib.sha256("\n".join(nodes + edges).encode()).hexdigest()


def check_same_definition(flow: records.Flow, version: int, digest: str) -> None:
    """Check that a stored flow began under this version and graph of its operation.

    Raises: FlowMismatch, if it did not; the flow is left unchanged.
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
