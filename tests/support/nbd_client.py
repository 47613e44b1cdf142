"""A small client for NBD, the protocol over which volumes are served.

It implements the fixed newstyle handshake with ``NBD_OPT_GO`` and simple replies, over a unix
socket or TCP, as specified in the NBD protocol document of the reference implementation. Several
requests may be outstanding at once, from one thread or many: each has a handle, and a reader thread
matches the replies, which a server may send in any order. It is not meant to be fast, and does not
reconnect.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

_INIT = 0x4E42444D41474943
_OPTION = 0x49484156454F5054
_OPTION_REPLY = 0x3E889045565A9
_REQUEST = 0x25609513
_SIMPLE_REPLY = 0x67446698

_OPT_GO = 7
_REP_ACK = 1
_REP_INFO = 3
_REP_ERROR = 1 << 31
_INFO_EXPORT = 0

_CMD_READ, _CMD_WRITE, _CMD_DISC, _CMD_FLUSH = range(4)
_FLAG_FUA = 1

_READ_ONLY, _CAN_FLUSH, _CAN_FUA = 1 << 1, 1 << 2, 1 << 3
_SERVER_FIXED, _SERVER_NO_ZEROES = 1, 2


class NbdError(OSError):
    """The server refused a request or the connection is closed (``errno`` is ``EPIPE`` then)."""


class NbdClient:
    """One connection to one export. Use it in a ``with``, or ``close`` it.

    ``address`` is the path of a unix socket, or host and port. ``timeout`` is in seconds and applies to
    the handshake and to each blocking call.
    """

    def __init__(self, address: str | tuple[str, int], export: str, timeout: float = 30.0) -> None:
        self.export = export
        self._timeout = timeout
        self._socket = _connected(address, timeout)
        try:
            self.size_bytes, self._flags = self._handshake()
        except BaseException:
            self._socket.close()
            raise
        self._socket.settimeout(None)
        self._handles = count(1)
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Future[bytes], int]] = {}
        self._gone: NbdError | None = None
        self._reader = threading.Thread(target=self._read_replies, name=f"nbd-{export}", daemon=True)
        self._reader.start()

    @classmethod
    def from_uri(cls, uri: str, timeout: float = 30.0) -> NbdClient:
        """Connect to ``nbd+unix:///export?socket=path`` or ``nbd://host:port/export``.

        Raises: ValueError, if it is neither; OSError, if no server answers there.
        """
        parts = urlsplit(uri)
        export = unquote(parts.path.removeprefix("/"))
        if parts.scheme == "nbd+unix":
            paths = parse_qs(parts.query).get("socket")
            if not paths:
                raise ValueError(f"{uri} names no socket")
            return cls(paths[0], export, timeout)
        if parts.scheme == "nbd" and parts.hostname:
            return cls((parts.hostname, parts.port or 10809), export, timeout)
        raise ValueError(f"{uri} is not an NBD address that this client knows")

    @property
    def read_only(self) -> bool:
        """Whether the server refuses writes to this export."""
        return bool(self._flags & _READ_ONLY)

    @property
    def is_connected(self) -> bool:
        """Whether the connection is open, as far as is known."""
        return self._gone is None

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the disk. Raises: NbdError; TimeoutError."""
        return self.submit_read(offset, length).result(self._timeout)

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        """Write bytes; with ``fua`` they are durable on return. Raises: NbdError; TimeoutError."""
        self.submit_write(offset, data, fua=fua).result(self._timeout)

    def flush(self) -> None:
        """Make every write that has completed durable. Raises: NbdError; TimeoutError."""
        self._submit(_CMD_FLUSH, 0, 0, 0, b"").result(self._timeout)

    def submit_read(self, offset: int, length: int) -> Future[bytes]:
        """Send a read; the future's result is the bytes. Raises: NbdError, if the connection is closed."""
        return self._submit(_CMD_READ, 0, offset, length, b"")

    def submit_write(self, offset: int, data: bytes, *, fua: bool = False) -> Future[bytes]:
        """Send a write; the future's result is empty and set when the write is acknowledged.

        Raises: NbdError.
        """
        if fua and not self._flags & _CAN_FUA:
            raise NbdError(errno.EOPNOTSUPP, f"the server of {self.export} cannot write through its cache")
        return self._submit(_CMD_WRITE, _FLAG_FUA if fua else 0, offset, len(data), data)

    def close(self) -> None:
        """Disconnect, and return when the server has closed the connection. Outstanding requests may fail."""
        # The server may have hung up first.
        with self._sending, suppress(OSError):
            self._socket.sendall(struct.pack(">IHHQQI", _REQUEST, 0, _CMD_DISC, 0, 0, 0))
            self._socket.shutdown(socket.SHUT_WR)
        self._reader.join(self._timeout)
        self._socket.close()

    def abort(self) -> None:
        """Close the connection without NBD_CMD_DISC, as a client that dies does."""
        # The server may have hung up first.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(self._timeout)
        self._socket.close()

    def __enter__(self) -> NbdClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _handshake(self) -> tuple[int, int]:
        init, option, server = struct.unpack(">QQH", self._receive(18))
        if (init, option) != (_INIT, _OPTION) or not server & _SERVER_FIXED:
            raise NbdError(errno.EPROTO, "this is not a server of the fixed newstyle NBD protocol")
        name = self.export.encode()
        chosen = _SERVER_FIXED | (server & _SERVER_NO_ZEROES)
        request = struct.pack(f">I{len(name)}sH", len(name), name, 0)
        self._socket.sendall(struct.pack(">IQII", chosen, _OPTION, _OPT_GO, len(request)) + request)
        size, flags = -1, 0
        while True:
            magic, _, kind, length = struct.unpack(">QIII", self._receive(20))
            body = self._receive(length)
            if magic != _OPTION_REPLY:
                raise NbdError(errno.EPROTO, "the NBD server lost the thread of the handshake")
            if kind == _REP_INFO and struct.unpack(">H", body[:2])[0] == _INFO_EXPORT:
                size, flags = struct.unpack(">QH", body[2:12])
            elif kind == _REP_ACK:
                return size, flags
            elif kind & _REP_ERROR:
                said = body.decode(errors="replace") or f"error {kind & ~_REP_ERROR}"
                raise NbdError(errno.ENOENT, f"the NBD server refused export {self.export!r}: {said}")

    def _submit(self, command: int, flags: int, offset: int, length: int, data: bytes) -> Future[bytes]:
        future: Future[bytes] = Future()
        handle = next(self._handles)
        with self._lock:
            if self._gone is not None:
                raise self._gone
            self._waiting[handle] = (future, length if command == _CMD_READ else 0)
        request = struct.pack(">IHHQQI", _REQUEST, flags, command, handle, offset, length)
        with self._sending:
            try:
                self._socket.sendall(request + data)
            except OSError as error:
                raise NbdError(errno.EPIPE, f"the NBD server of {self.export} is gone: {error}") from error
        return future

    def _read_replies(self) -> None:
        try:
            while True:
                magic, code, handle = struct.unpack(">IIQ", self._receive(16))
                with self._lock:
                    future, length = self._waiting.pop(handle)
                if magic != _SIMPLE_REPLY:
                    raise NbdError(errno.EPROTO, "the NBD server sent something that is not a reply")
                if code:
                    future.set_exception(NbdError(code, f"{os.strerror(code)} on export {self.export}"))
                else:
                    future.set_result(self._receive(length))
        except (OSError, KeyError) as error:
            self._end(NbdError(errno.EPIPE, f"the connection to export {self.export} has ended: {error}"))

    def _end(self, reason: NbdError) -> None:
        with self._lock:
            self._gone = reason
            waiting, self._waiting = self._waiting, {}
        for future, _ in waiting.values():
            future.set_exception(reason)

    def _receive(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            part = self._socket.recv(length - len(parts))
            if not part:
                raise NbdError(errno.EPIPE, "the server hung up")
            parts += part
        return bytes(parts)


def _connected(address: str | tuple[str, int], timeout: float) -> socket.socket:
    if not isinstance(address, str):
        return socket.create_connection(address, timeout)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    try:
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection
