"""The part of the contract for storage that several processes reach: sessions, and how one is shut out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class SupportsFencing(Protocol):
    """The ability to shut a process out that may still be alive: for storage that several processes reach.

    Each process opens its driver under a session, a name that no process start
    has had before or will have again. A process that was given up may only
    have been stopped; whoever takes its flows over fences its session first, or
    a call that it has in flight could land after its undo. The storage itself
    has to refuse it (Ceph: its blocklist), in the same step as the effect: what
    the stale process checks by itself, it checks too early.

    A fenced session is fenced for good, whatever restarts. Every call of its
    own but ``start`` and ``stop`` raises SessionFenced, which is no DriverError:
    it says nothing about the backend and all about the caller. What it had
    done before stays, for others to go on with.

    A driver whose storage is held by one process at a time (a lock that ends
    with the process) needs none of this: no session but its own can be alive.
    """

    def open_session(self, session: str) -> None:
        """Say, before ``start``, under which session this process is going to work.

        Storage that names its clients itself (Ceph: by address) is told here
        durably which of them this session is, before the first effect.
        Raises: SessionFenced if the session was fenced already; DriverError.
        """
        ...

    def fence(self, session: str) -> None:
        """Shut a session out: from the return on, nothing it has in flight or begins takes effect.

        Waits for no answer of the session, which may be stopped or cut off.
        Idempotency: fenced is left fenced; a session that never was opened can
        not be opened any more. Other sessions go on. Raises: SessionFenced if
        this process was itself shut out; DriverError, if the session may still
        be at work: it must then not be taken for fenced.
        """
        ...
