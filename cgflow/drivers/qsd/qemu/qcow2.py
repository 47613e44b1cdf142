"""The parts of the qcow2 format that the driver needs: create an empty image, read its header, check it.

Layout and field numbers are from QEMU's ``docs/interop/qcow2.txt``. An empty image has four parts
of one cluster or more: header, refcount table, one refcount block, L1 table. Writing them here
takes a twentieth of a millisecond, starting ``qemu-img`` takes fifteen. Images are version 3
(compat 1.1), with clusters of 64 KiB and refcounts of 16 bits.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cgflow.drivers.common.fsync import fsync_folder
from cgflow.private_files import open_file

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
L2_SPAN = CLUSTER // 8 * CLUSTER
"""Bytes of a disk that one entry of the L1 table covers."""

_MAGIC = 0x514649FB
_VERSION = 3
_HEADER = struct.Struct(">IIQIIQIIQQIIQQQQII")
_END_OF_EXTENSIONS = struct.pack(">II", 0, 0)
_BACKING_FORMAT = 0xE2792ACA
_REFCOUNT_ORDER = 4
_BLOCK_SPAN = CLUSTER // 2
"""Clusters that one refcount block counts."""

_OFFSET = 0x00FFFFFFFFFFFE00
"""The bits of a table entry that are an offset in the file."""

_INCOMPATIBLE = (
    (1 << 0, "is marked as dirty"),
    (1 << 1, "is marked as corrupt"),
    (1 << 2, "keeps its data in another file"),
)


@dataclass(frozen=True)
class Header:
    """The content of an image's header. Offsets are in bytes, ``refcount_clusters`` is in clusters."""

    size_bytes: int
    backing_file: str | None
    backing_format: str | None
    incompatible: int
    is_plain: bool
    """Whether version, cluster size, refcount width and encryption are those of images created here."""

    l1_entries: int
    l1_offset: int
    refcount_offset: int
    refcount_clusters: int


def create(path: Path, size_bytes: int, backing_file: str | None = None) -> None:
    """Write an empty image and make it and its directory entry durable.

    ``backing_file`` is a name relative to the folder. An existing file is replaced.

    Raises: OSError (ENOSPC on a full disk), and then no file is left.
    """
    l1_entries = max(1, -(-size_bytes // L2_SPAN))
    used = 3 + -(-l1_entries * 8 // CLUSTER)
    try:
        with open(path, "wb", opener=open_file) as image:
            image.write(_encode_header(size_bytes, l1_entries, backing_file))
            image.seek(CLUSTER)
            image.write(struct.pack(">Q", 2 * CLUSTER))
            image.seek(2 * CLUSTER)
            image.write(struct.pack(f">{used}H", *([1] * used)))
            image.truncate(used * CLUSTER)
            image.flush()
            os.fsync(image.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def read_header(path: Path) -> Header:
    """Return the header of an image. Raises: OSError; ValueError, if it is not a qcow2 image."""
    with path.open("rb") as image:
        return _decode_header(image.read(CLUSTER))


def check_references(path: Path) -> Header:
    """Check that all references in an image lie within the file, and return its header.

    Takes six system calls and reads three clusters, whatever the size of the image. The refcounts give
    an upper bound of what is used. Only if that is beyond the end of the file are the cluster tables
    read: a daemon that died has counted clusters that it did not write. May be called while the image
    is written to: a file only grows, and its size is read last.

    Raises: OSError; ValueError that says what is wrong, as in "is not a qcow2 image".
    """
    with path.open("rb", buffering=0) as image:
        file = image.fileno()
        header = _decode_header(os.pread(file, CLUSTER, 0))
        _refuse_unsupported_image(header)
        hard, reach = _metadata_and_refcount_ends(file, header)
        length = os.fstat(file).st_size
        if hard <= length < reach:
            reach = max(_cluster_ends(file, header), default=hard)
            length = os.fstat(file).st_size
        if length < max(hard, reach):
            raise ValueError(f"has {length} bytes, but its content needs {max(hard, reach)}")
    return header


def _refuse_unsupported_image(header: Header) -> None:
    """Raises: ValueError, if an image is of a kind not created here or QEMU has marked it unusable."""
    for bit, words in _INCOMPATIBLE:
        if header.incompatible & bit:
            raise ValueError(words)
    if header.incompatible or not header.is_plain:
        raise ValueError("is a qcow2 image of a kind that this driver does not create")
    if header.backing_file is not None and header.backing_format != "qcow2":
        raise ValueError(
            f"names the format {header.backing_format or 'none'} for its backing file, not qcow2"
        )


def _metadata_and_refcount_ends(file: int, header: Header) -> tuple[int, int]:
    """Return the end of the metadata tables and the end of all counted clusters, in bytes.

    Raises: ValueError.
    """
    table = _decode_table_entries(os.pread(file, header.refcount_clusters * CLUSTER, header.refcount_offset))
    hard = max(
        header.refcount_offset + header.refcount_clusters * CLUSTER,
        header.l1_offset + header.l1_entries * 8,
        max(table, default=0) + CLUSTER,
    )
    used = [index for index, offset in enumerate(table) if offset]
    if not used:
        return hard, hard
    counts = os.pread(file, CLUSTER, table[used[-1]]).rstrip(b"\0")
    return hard, (used[-1] * _BLOCK_SPAN + -(-len(counts) // 2)) * CLUSTER


def _cluster_ends(file: int, header: Header) -> Iterator[int]:
    """Yield the end, in bytes, of each L2 table and of the last data cluster in it."""
    for table in _decode_table_entries(os.pread(file, header.l1_entries * 8, header.l1_offset)):
        if table & _OFFSET:
            yield (table & _OFFSET) + CLUSTER
            last = max(
                entry & _OFFSET
                for entry in _decode_table_entries(os.pread(file, CLUSTER, table & _OFFSET)) or (0,)
            )
            yield last + CLUSTER if last else 0


def _decode_table_entries(blob: bytes) -> array[int]:
    """Return the complete entries of a table of 64-bit big-endian numbers."""
    found = array("Q", blob[: len(blob) // 8 * 8])
    if sys.byteorder == "little":
        found.byteswap()
    return found


def _decode_header(blob: bytes) -> Header:
    """Raises: ValueError."""
    if len(blob) < _HEADER.size:
        raise ValueError("is too short to be a qcow2 image")
    (magic, version, name_offset, name_length, cluster_bits, size, encryption, l1_entries, l1_offset,
     refcount_offset, refcount_clusters, snapshots, _, incompatible, _, _, refcount_order, length,
     ) = _HEADER.unpack_from(blob)  # fmt: skip
    if magic != _MAGIC:
        raise ValueError("is not a qcow2 image")
    backing_format = _find_header_extension(blob, length, _BACKING_FORMAT)
    return Header(
        size_bytes=size,
        backing_file=blob[name_offset : name_offset + name_length].decode(errors="replace")
        if name_offset
        else None,
        backing_format=None if backing_format is None else backing_format.decode(errors="replace"),
        incompatible=incompatible,
        is_plain=(version, cluster_bits, encryption, snapshots, refcount_order)
        == (_VERSION, CLUSTER_BITS, 0, 0, _REFCOUNT_ORDER),
        l1_entries=l1_entries,
        l1_offset=l1_offset,
        refcount_offset=refcount_offset,
        refcount_clusters=refcount_clusters,
    )


def _find_header_extension(blob: bytes, offset: int, type_code: int) -> bytes | None:
    """Return the content of a header extension, or None if there is none of that kind."""
    while offset + 8 <= len(blob):
        kind, length = struct.unpack_from(">II", blob, offset)
        if kind == 0:
            return None
        if kind == type_code:
            return blob[offset + 8 : offset + 8 + length]
        offset += 8 + -(-length // 8) * 8
    return None


def set_backing_file_name(path: Path, name: str) -> None:
    """Change the backing file name in an image, durably; the image must not be open anywhere.

    An image without a backing file name is left unchanged.

    Raises: OSError; ValueError, if it is not a qcow2 image.
    """
    if read_header(path).backing_file is None:
        # A daemon flattened it and died before that was recorded: the manifest still gives it a backing
        # layer.
        return
    with path.open("r+b") as image:
        (offset,) = struct.unpack(">Q", image.read(16)[8:])
        image.seek(offset)
        image.write(name.encode())
        image.seek(16)
        image.write(struct.pack(">I", len(name.encode())))
        image.flush()
        os.fsync(image.fileno())


def _encode_header(size_bytes: int, l1_entries: int, backing_file: str | None) -> bytes:
    extensions = b""
    if backing_file is not None:
        extensions = struct.pack(">II", _BACKING_FORMAT, 5) + b"qcow2".ljust(8, b"\0")
    extensions += _END_OF_EXTENSIONS
    name = (backing_file or "").encode()
    header = _HEADER.pack(
        _MAGIC, _VERSION, _HEADER.size + len(extensions) if name else 0, len(name), CLUSTER_BITS, size_bytes,
        0,                              # not encrypted
        l1_entries, 3 * CLUSTER,        # L1 table: entries, offset
        CLUSTER, 1,                     # refcount table: offset, clusters
        0, 0,                           # internal snapshots: none
        0, 0, 0,                        # features: none
        _REFCOUNT_ORDER,                # refcounts of 2**4 bits
        _HEADER.size,
    )  # fmt: skip
    return header + extensions + name
