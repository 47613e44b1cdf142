"""Names of layers: layer 7 is the node ``L7`` in its daemon and the file ``L7.qcow2`` in its home."""

from __future__ import annotations

import re

_LAYER = re.compile(r"L([1-9][0-9]*)(?:\.qcow2)?")


def node(layer: int) -> str:
    """Return the name of a layer's node (QEMU allows 31 characters)."""
    return f"L{layer}"


def file_name(layer: int) -> str:
    """Return the name of a layer's file in its home."""
    return f"L{layer}.qcow2"


def layer_number(name: str) -> int | None:
    """Return the number of the layer that a node or file name stands for, or None."""
    match = _LAYER.fullmatch(name)
    return int(match[1]) if match else None
