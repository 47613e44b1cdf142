"""The content of a volume, as sparse blocks. Blocks are never changed in place, so a copy is cheap."""

from __future__ import annotations

import base64
from collections.abc import Iterator

BLOCK = 4096
"""Bytes in a block. A block that was never written reads as zeros and uses no space."""

GIB = 1 << 30

_ZEROS = bytes(BLOCK)


class Content:
    """The content of a volume or a snapshot. The caller locks, and checks offsets against the size."""

    def __init__(self, blocks: dict[int, bytes] | None = None) -> None:
        self._blocks = blocks or {}

    @property
    def allocated_bytes(self) -> int:
        """The bytes that were written, in whole blocks."""
        return len(self._blocks) * BLOCK

    def write(self, offset: int, data: bytes) -> None:
        """Write data at an offset in bytes."""
        done = 0
        while done < len(data):
            index, start = divmod(offset + done, BLOCK)
            piece = data[done : done + BLOCK - start]
            old = self._blocks.get(index, _ZEROS)
            self._blocks[index] = old[:start] + piece + old[start + len(piece) :]
            done += len(piece)

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at an offset in bytes."""
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        whole = b"".join(self._blocks.get(index, _ZEROS) for index in range(first, last + 1))
        return whole[offset - first * BLOCK :][:length]

    def frozen(self) -> Content:
        """Return the same content, not affected by later writes."""
        return Content(dict(self._blocks))

    def truncate(self, size_bytes: int) -> None:
        """Drop everything beyond a size, which is a whole number of blocks."""
        self._blocks = {index: block for index, block in self._blocks.items() if index < size_bytes // BLOCK}

    def to_json(self) -> dict[str, str]:
        """Return the blocks as JSON: base64 by index."""
        return {str(index): base64.b64encode(block).decode() for index, block in self._blocks.items()}

    @classmethod
    def from_json(cls, stored: dict[str, str]) -> Content:
        """Read the result of ``to_json``. Raises: ValueError."""
        return cls({int(index): block for index, block in _decoded(stored)})


def _decoded(stored: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    for index, text in stored.items():
        block = base64.b64decode(text, validate=True)
        if len(block) != BLOCK:
            raise ValueError(f"block {index} has {len(block)} bytes instead of {BLOCK}")
        yield index, block
