"""What is known of an operation: its story, and what to do about it once it is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from taskflow.flow import Flow


@dataclass(frozen=True)
class Definition:
    """The version of an operation, stored with each flow, and what builds its graph from a JSON shape.

    ``remedy`` tells who would cancel it too late what to do instead.
    """

    version: int
    build: Callable[..., Flow]
    remedy: str = ""
