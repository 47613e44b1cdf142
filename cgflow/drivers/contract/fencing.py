"""Contract for storage that several processes can reach: sessions, and how to fence one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class SupportsFencing(Protocol):
    """The ability to shut out a process that may still be alive.

    Each process opens its driver under a session: a name that no other process start has used or will use. A
    process that was presumed dead may only have been suspended. A process that takes over its flows first
    fences its session, because a call of the suspended process could otherwise take effect after its undo.
    The storage itself must refuse the fenced session, atomically with the effect (Ceph: the blocklist). A
    check in the suspended process is not enough, because it happens before the effect.

    Fencing is permanent, whatever restarts. Every call of a fenced session except ``start`` and ``stop``
    raises SessionFenced. This is not a DriverError: it is a fact about the caller, not about the backend.
    What the session did before it was fenced stays, and other sessions continue from there.

    A driver whose storage only one process can hold at a time (by a lock that ends with the process) does not
    need this ability: no other session can be alive.
    """

    def open_session(self, session: str) -> None:
        """Set the session under which this process will work. Called before ``start``.

        If the storage names its clients itself (Ceph: by address), the driver durably records on the storage
        which of them this session is, before its first effect.

        Raises: SessionFenced, if the session was already fenced; DriverError.
        """
        ...

    def fence(self, session: str) -> None:
        """Shut out a session: after the return, none of its calls takes effect, not even one in flight.

        Does not wait for the session, which may be suspended or disconnected. Other sessions are not
        affected.

        Idempotency: a fenced session stays fenced; a session that was never opened cannot be opened any more.
        Raises: SessionFenced, if this process itself was fenced; DriverError, if the session may still be
          active: the caller must then not treat it as fenced.
        """
        ...
