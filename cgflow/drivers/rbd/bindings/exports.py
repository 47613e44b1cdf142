"""A server of exported snapshots, read-only over NBD on a unix socket.

For every connection, the server looks up the snapshot in the records, which all processes share. A process
that unexports a snapshot changes its record and then notifies all servers, which disconnect the readers. The
protocol is NBD's: fixed newstyle negotiation, simple replies.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from typing import Any

import rados
import rbd

from .cluster import Cluster, keys_read

_INIT, _OPTION, _OPTION_REPLY = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
_REQUEST, _SIMPLE_REPLY = 0x25609513, 0x67446698
_OPT_ABORT, _OPT_INFO, _OPT_GO = 2, 6, 7
_REP_ACK, _REP_INFO, _REP_UNSUPPORTED, _REP_UNKNOWN = 1, 3, (1 << 31) + 1, (1 << 31) + 6
_READ, _WRITE, _DISCONNECT, _FLUSH = range(4)
_EPERM, _EIO, _EINVAL = 1, 5, 22
_FLAGS = 1 | 1 << 1 | 1 << 2 | 1 << 8  # NBD_FLAG_HAS_FLAGS, READ_ONLY, SEND_FLUSH, CAN_MULTI_CONN
_MOST_BYTES = 32 << 20


class ReaderGone(Exception):
    """The reader has left or was disconnected."""


class ExportServer:
    """The server. It listens on ``path`` until its process ends."""

    def __init__(self, cluster: Cluster, path: str, object: str) -> None:
        self._cluster = cluster
        self._object = object
        self._lock = threading.Lock()
        self._readers: dict[str, set[socket.socket]] = {}
        self._watch = _watch_object(cluster, f"{object}.exports", self._disconnect_readers)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        threading.Thread(target=self._accept_readers, daemon=True).start()

    def close(self) -> None:
        """Stop watching for notifications. Otherwise an unexport elsewhere would wait for an answer."""
        self._watch.close()

    def _accept_readers(self) -> None:
        while True:
            reader, _ = self._listener.accept()
            threading.Thread(target=self._serve_reader, args=(reader,), daemon=True).start()

    def _disconnect_readers(self, _notify: int, _notifier: int, _watch: int, message: bytes) -> None:
        with self._lock:
            readers = self._readers.pop(message.decode(), set())
            for reader in readers:
                with contextlib.suppress(OSError):
                    reader.shutdown(socket.SHUT_RDWR)

    def _serve_reader(self, reader: socket.socket) -> None:
        with reader, contextlib.suppress(ReaderGone, OSError):
            export = _negotiate(reader, self._export_size)
            with self._lock:
                self._readers.setdefault(export, set()).add(reader)
            try:
                # Look it up again: an unexport before the line above did not know of this reader.
                copy = self._find_exported_snapshot(export)
                if copy is not None:
                    self._answer_requests(reader, copy)
            finally:
                with self._lock:
                    self._readers.get(export, set()).discard(reader)

    def _find_exported_snapshot(self, export: str) -> dict[str, Any] | None:
        key = f"copy/{export}"
        values = keys_read(self._cluster, lambda: None, self._object, [key])
        copy = json.loads(values[key]) if key in values else None
        return copy if copy is not None and copy["exported"] and not copy["leaving"] else None

    def _export_size(self, export: str) -> int | None:
        copy = self._find_exported_snapshot(export)
        return None if copy is None else int(copy["size"])

    def _answer_requests(self, reader: socket.socket, copy: dict[str, Any]) -> None:
        with rbd.Image(self._cluster.io, copy["image"], read_only=True) as image:
            image.set_snap_by_id(copy["snap_id"])
            while True:
                magic, _flags, kind, handle, offset, length = struct.unpack(
                    ">IHHQQI", _receive_exactly(reader, 28)
                )
                if magic != _REQUEST or kind == _DISCONNECT:
                    return
                if kind == _WRITE:
                    _discard_bytes(reader, length)
                error, data = _execute_request(image, kind, offset, length)
                reader.sendall(struct.pack(">IIQ", _SIMPLE_REPLY, error, handle) + data)


def _execute_request(image: Any, kind: int, offset: int, length: int) -> tuple[int, bytes]:
    if kind == _FLUSH:
        return 0, b""
    if kind != _READ:
        return _EPERM, b""
    if length > _MOST_BYTES or offset + length > image.size():
        return _EINVAL, b""
    try:
        return 0, image.read(offset, length)
    except rbd.Error:
        return _EIO, b""


def _negotiate(reader: socket.socket, size_of: Any) -> str:
    """Return the export that a reader has chosen. Raises: ReaderGone."""
    reader.sendall(struct.pack(">QQH", _INIT, _OPTION, 3))
    _receive_exactly(reader, 4)
    while True:
        magic, option, length = struct.unpack(">QII", _receive_exactly(reader, 16))
        if magic != _OPTION or length > 65536:
            raise ReaderGone
        data = _receive_exactly(reader, length)
        if option == _OPT_ABORT:
            _send_option_reply(reader, option, _REP_ACK)
            raise ReaderGone
        if option not in (_OPT_GO, _OPT_INFO):
            _send_option_reply(reader, option, _REP_UNSUPPORTED)
            continue
        (name_length,) = struct.unpack_from(">I", data)
        export = data[4 : 4 + name_length].decode()
        size = size_of(export)
        if size is None:
            _send_option_reply(reader, option, _REP_UNKNOWN, b"there is no such export")
            continue
        _send_option_reply(reader, option, _REP_INFO, struct.pack(">HQH", 0, size, _FLAGS))
        _send_option_reply(reader, option, _REP_ACK)
        if option == _OPT_GO:
            return export


def _send_option_reply(reader: socket.socket, option: int, kind: int, data: bytes = b"") -> None:
    reader.sendall(struct.pack(">QIII", _OPTION_REPLY, option, kind, len(data)) + data)


def _receive_exactly(reader: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        piece = reader.recv(length - len(data))
        if not piece:
            raise ReaderGone
        data += piece
    return bytes(data)


def _discard_bytes(reader: socket.socket, length: int) -> None:
    while length:
        length -= len(_receive_exactly(reader, min(length, 65536)))


def _watch_object(cluster: Cluster, name: str, on_notify: Any) -> Any:
    """Watch an object, which is created if needed."""
    with rados.WriteOpCtx() as operation:
        operation.new(rados.LIBRADOS_CREATE_IDEMPOTENT)
        cluster.io.operate_write_op(operation, name)
    return cluster.io.watch(name, on_notify)
