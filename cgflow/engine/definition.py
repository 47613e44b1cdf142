"""What a conductor knows of an operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from taskflow.flow import Flow


@dataclass(frozen=True)
class Definition:
    """The version of an operation, stored with each flow, and what builds its graph from a JSON shape."""

    version: int
    build: Callable[..., Flow]
