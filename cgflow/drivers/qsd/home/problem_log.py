"""The current problems of a home, which audits and reports show until they are solved."""

from __future__ import annotations

from enum import Enum, auto


class ProblemKind(Enum):
    """What can be wrong with a home as a whole, or with one part of it (the subject)."""

    NOT_SERVED = auto()
    DAEMON_SILENT = auto()
    MOVE_UNFINISHED = auto()
    UNKNOWN_FILES = auto()
    VOLUME_NOT_SERVED = auto()
    MERGE_FAILED = auto()
    IMAGE_DAMAGED = auto()
    HOST_FILE_NOT_SERVED = auto()


_SUBJECTS = {
    ProblemKind.VOLUME_NOT_SERVED: str,
    ProblemKind.MERGE_FAILED: str,
    ProblemKind.IMAGE_DAMAGED: int,
    ProblemKind.HOST_FILE_NOT_SERVED: str,
}
"""The kinds that concern a part of the home: a volume id, a layer number, the name of an export."""

Subject = str | int | None


class ProblemLog:
    """At most one problem of each kind and subject. Any thread may read; the home's lock guards changes."""

    def __init__(self) -> None:
        self._messages: dict[tuple[ProblemKind, Subject], str] = {}

    def set(self, kind: ProblemKind, message: str, subject: Subject = None) -> None:
        """Record a problem, in place of an earlier one of the same kind and subject."""
        self._messages[_validated_key(kind, subject)] = message

    def clear(self, kind: ProblemKind, subject: Subject = None) -> None:
        """Remove a problem that is solved; success if there is none."""
        self._messages.pop(_validated_key(kind, subject), None)

    def get(self, kind: ProblemKind, subject: Subject = None) -> str | None:
        """Return the message of a problem, or None if there is no such problem."""
        return self._messages.get(_validated_key(kind, subject))

    def has(self, kind: ProblemKind, subject: Subject = None) -> bool:
        """Return whether there is such a problem."""
        return _validated_key(kind, subject) in self._messages

    def messages(self) -> list[str]:
        """Return the messages of all problems."""
        return list(self._messages.values())


def _validated_key(kind: ProblemKind, subject: Subject) -> tuple[ProblemKind, Subject]:
    """Raises: TypeError, if the subject is not of the type that this kind of problem has."""
    if not isinstance(subject, _SUBJECTS.get(kind, type(None))):
        raise TypeError(f"{subject!r} is no subject of {kind}")
    return kind, subject
