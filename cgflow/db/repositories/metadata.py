"""Metadata that users keep with a resource; it can be changed even while a flow holds the resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cgflow.db.repositories import snapshot, volume
from cgflow.db.repositories.resource import ResourceRepository
from cgflow.errors import InvalidInput, NotFound

MAX_KEYS = 128
"""Maximum number of keys of one resource."""

MAX_CHARACTERS = 128 * 1024
"""Maximum total length of the keys and values of one resource: every detailed list shows them all."""


@dataclass(frozen=True)
class MetadataStore:
    """One kind of metadata: its repository, its column, and the field of the records."""

    rows: ResourceRepository[Any]
    column: str
    field: str
    words: str

    def read(self, session: Session, id: str, scope: str | None) -> dict[str, str]:  # noqa: A002
        """Return all keys and values. Raises: NotFound."""
        return dict(getattr(self.rows.get(session, id, scope), self.field))

    def get_value(self, session: Session, id: str, scope: str | None, key: str) -> str:  # noqa: A002
        """Return the value of one key. Raises: NotFound, for the resource or the key."""
        found = self.read(session, id, scope)
        if key not in found:
            raise self._key_not_found_error(id, key)
        return found[key]

    def replace(
        self,
        session: Session,
        id: str,  # noqa: A002
        scope: str | None,
        pairs: Mapping[str, str],
    ) -> dict[str, str]:
        """Replace all keys and values by these. Raises: NotFound; InvalidInput, if they are too many."""
        self.rows.lock(session, id, scope)
        return self._check_and_write(session, id, dict(pairs))

    def merge(
        self,
        session: Session,
        id: str,  # noqa: A002
        scope: str | None,
        pairs: Mapping[str, str],
    ) -> dict[str, str]:
        """Set these keys, keep the others, and return all.

        Raises: NotFound; InvalidInput, if they are too many.
        """
        return self._check_and_write(session, id, {**self._lock_and_read(session, id, scope), **pairs})

    def remove(self, session: Session, id: str, scope: str | None, key: str) -> None:  # noqa: A002
        """Remove one key. Raises: NotFound, for the resource or the key."""
        found = self._lock_and_read(session, id, scope)
        if key not in found:
            raise self._key_not_found_error(id, key)
        rest = {name: value for name, value in found.items() if name != key}
        # No check of the limits: a resource of an earlier release may exceed them.
        self.rows.update_any(session, id, **{self.column: rest})

    def _lock_and_read(self, session: Session, id: str, scope: str | None) -> dict[str, str]:  # noqa: A002
        return dict(getattr(self.rows.lock(session, id, scope), self.field))

    def _check_and_write(self, session: Session, id: str, pairs: dict[str, str]) -> dict[str, str]:  # noqa: A002
        if len(pairs) > MAX_KEYS:
            raise InvalidInput(
                f"{self.rows.noun} {id} would have {len(pairs)} keys, at most {MAX_KEYS} are allowed: "
                "remove some first.",
                "metadata",
            )
        characters = sum(len(key) + len(value) for key, value in pairs.items())
        if characters > MAX_CHARACTERS:
            raise InvalidInput(
                f"The {self.words} of {self.rows.noun} {id} would have {characters} characters, at most "
                f"{MAX_CHARACTERS} are allowed: remove some first.",
                "metadata",
            )
        self.rows.update_any(session, id, **{self.column: pairs})
        return pairs

    def _key_not_found_error(self, id: str, key: str) -> NotFound:  # noqa: A002
        return NotFound(f"{self.rows.noun} {id} has no {self.words} with key {key[:255]}.")


OF_VOLUMES = MetadataStore(volume.REPOSITORY, "volume_metadata", "metadata", "metadata")
OF_SNAPSHOTS = MetadataStore(snapshot.REPOSITORY, "snapshot_metadata", "metadata", "metadata")
OF_IMAGES = MetadataStore(volume.REPOSITORY, "image_metadata", "image_metadata", "image metadata")
"""A volume's metadata about the image that it was made from, or that it should boot as."""
