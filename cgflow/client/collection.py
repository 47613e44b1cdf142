"""What all resources share: read one, read all pages, find by name or id."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from cgflow.client.errors import AmbiguousName, ServiceError
from cgflow.client.http import Http, Record, segment
from cgflow.errors import NotFound

ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


class Collection:
    """One resource type. ``key`` and ``plural`` are its keys in the API, ``noun`` is its name for people.

    ``root`` is the path of the collection, ``listing`` the path that lists it in full.
    """

    plural: ClassVar[str]
    key: ClassVar[str]
    noun: ClassVar[str]
    root: ClassVar[str]
    listing: ClassVar[str]

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, id_: str) -> Record:
        """Return one by its id."""
        found: Record = self._http.get(self.path(id_)).take(self.key)
        return found

    def select(self, **filters: Any) -> list[Record]:
        """Return those that match the service's filters: all pages, or one page if ``limit`` is given."""
        params = {name: value for name, value in filters.items() if value is not None}
        found: list[Record] = []
        while True:
            page = self._http.get(self.listing, params)
            found += page.take(self.plural)
            following = _following(page.body)
            if not following or "limit" in filters:
                return found
            params |= following

    def find(self, name_or_id: str) -> Record:
        """Return the one with this id, or the only one with this name. Raises: NotFound; AmbiguousName."""
        if ID.fullmatch(name_or_id):
            try:
                return self.get(name_or_id)
            except ServiceError as error:
                # It may still be a name.
                if error.status != 404:
                    raise
        named = self.find_by_name(name_or_id)
        if not named:
            raise NotFound(f"No {self.noun} has the name or id '{name_or_id}' in this project.")
        if len(named) > 1:
            ids = ", ".join(map(describe_with_id, named))
            raise AmbiguousName(
                f"{len(named)} of them are called '{name_or_id}'. Give the id of one {self.noun}: {ids}."
            )
        return named[0]

    def find_by_name(self, name: str) -> list[Record]:
        """Return all with a name."""
        return [each for each in self.select(**self.named(name)) if each["name"] == name]

    def path(self, id_: str, *more: str) -> str:
        """Return the path of one, or of something below it."""
        return "/".join((self.root, segment(id_), *map(segment, more)))

    def named(self, name: str) -> Record:
        """Return the filters that select a name."""
        return {"name": name}


def describe_with_id(record: Record) -> str:
    """Return the id, with what distinguishes resources of the same name: status and creation time."""
    status, created = record.get("status"), record.get("created_at")
    facts = ", ".join(filter(None, (status, f"created {created}" if created else None)))
    return f"{record['id']} ({facts})" if facts else str(record["id"])


def _following(page: Record) -> Record:
    """Return the query parameters of the next page. The host of the link is ignored: there may be a proxy.

    The key of the link contains the singular of the resource for some lists, the plural for others.
    """
    links = [link for key, value in page.items() if key.endswith("_links") for link in value or ()]
    for link in links:
        if link.get("rel") == "next":
            asked = dict(parse_qsl(urlsplit(link["href"]).query))
            return {name: asked[name] for name in ("marker", "offset") if name in asked}
    return {}
