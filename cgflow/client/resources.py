"""The resources of the service, as the client lists, shows, creates and changes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from cgflow.client.http import Accepted, AmbiguousName, Http, Record, ServiceError, quote_segment
from cgflow.errors import NotFound

ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


class Collection:
    """One resource type. ``key`` and ``plural`` are its keys in the API, ``type_name`` names it in messages.

    ``root`` is the path of the collection, ``listing`` the path that lists it in full.
    """

    plural: ClassVar[str]
    key: ClassVar[str]
    type_name: ClassVar[str]
    root: ClassVar[str]
    listing: ClassVar[str]

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, id_: str) -> Record:
        """Return one by its id."""
        record: Record = self._http.get(self.path(id_)).require(self.key)
        return record

    def select(self, **filters: Any) -> list[Record]:
        """Return those that match the service's filters: all pages, or one page if ``limit`` is given."""
        params = {name: value for name, value in filters.items() if value is not None}
        records: list[Record] = []
        while True:
            page = self._http.get(self.listing, params)
            records += page.require(self.plural)
            following = _next_page_parameters(page.body)
            if not following or "limit" in filters:
                return records
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
            raise NotFound(f"No {self.type_name} has the name or id '{name_or_id}' in this project.")
        if len(named) > 1:
            ids = ", ".join(map(describe_with_id, named))
            raise AmbiguousName(
                f"{len(named)} of them are named '{name_or_id}'. Give the id of one {self.type_name}: {ids}."
            )
        return named[0]

    def find_by_name(self, name: str) -> list[Record]:
        """Return all with a name."""
        return [each for each in self.select(**self.name_filters(name)) if each["name"] == name]

    def path(self, id_: str, *more: str) -> str:
        """Return the path of one, or of something below it."""
        return "/".join((self.root, quote_segment(id_), *map(quote_segment, more)))

    def name_filters(self, name: str) -> Record:
        """Return the filters that select a name."""
        return {"name": name}


def describe_with_id(record: Record) -> str:
    """Return the id, with what distinguishes resources of the same name: status and creation time."""
    status, created = record.get("status"), record.get("created_at")
    facts = ", ".join(filter(None, (status, f"created {created}" if created else None)))
    return f"{record['id']} ({facts})" if facts else str(record["id"])


def _next_page_parameters(page: Record) -> Record:
    """Return the query parameters of the next page. The host of the link is ignored: there may be a proxy.

    The key of the link contains the singular of the resource for some lists, the plural for others.
    """
    links = [link for key, value in page.items() if key.endswith("_links") for link in value or ()]
    for link in links:
        if link.get("rel") == "next":
            body = dict(parse_qsl(urlsplit(link["href"]).query))
            return {name: body[name] for name in ("marker", "offset") if name in body}
    return {}


class Resettable(Collection):
    """A resource whose status an administrator may set. ``reset_key`` is the action's key in the API.

    ``action_root`` is the path of the action, if it differs from ``root``; ``action_microversion`` is the one
    that the action needs.
    """

    action_root: ClassVar[str | None] = None
    reset_key: ClassVar[str] = "os-reset_status"
    action_microversion: ClassVar[str | None] = None

    def reset_status(self, id_: str, status: str) -> None:
        """Set the status of one, without a flow and without a change on a backend."""
        path = "/".join((self.action_root or self.root, quote_segment(id_), "action"))
        self._http.post(path, {self.reset_key: {"status": status}}, microversion=self.action_microversion)


class Connectable(Collection):
    """A resource that a backend can export."""

    def connect(self, id_: str, *, as_file: bool = False) -> Record:
        """Export it and return the connection (``driver_volume_type`` and ``data``).

        ``as_file`` also makes it a file on the backend's host, with its ``path`` in ``data``.
        """
        body: Record = {"os-initialize_connection": {"connector": _build_connector(as_file)}}
        info: Record = self._http.post(self.path(id_, "action"), body).require("connection_info")
        return info

    def disconnect(self, id_: str, *, as_file: bool = False) -> None:
        """End the connection: remove a snapshot's export, or with ``as_file`` a volume's file."""
        body: Record = {"os-terminate_connection": {"connector": _build_connector(as_file)}}
        self._http.post(self.path(id_, "action"), body)


def _build_connector(as_file: bool) -> Record:
    return {"cgflow:file": True} if as_file else {}


class ConsistencyGroups(Resettable):
    """``/consistencygroups``."""

    plural, key, type_name = "consistencygroups", "consistencygroup", "consistency group"
    root, listing = "/consistencygroups", "/consistencygroups/detail"
    action_root, reset_key, action_microversion = "/groups", "reset_status", "3.20"

    def create(
        self, name: str, volume_types: Sequence[str], description: str | None, availability_zone: str | None
    ) -> Accepted:
        """Create a group whose members may have the given types, by name or id."""
        body = {
            "name": name,
            "description": description,
            "volume_types": ",".join(volume_types),
            "availability_zone": availability_zone,
        }
        return self._http.post(self.root, {self.key: body}).as_accepted(self.key)

    def create_from(
        self, name: str, description: str | None, *, cgsnapshot_id: str | None, source_cgid: str | None
    ) -> Accepted:
        """Create a group whose volumes have the data of a cgsnapshot or of another group."""
        body = {
            "name": name,
            "description": description,
            "cgsnapshot_id": cgsnapshot_id,
            "source_cgid": source_cgid,
        }
        path = f"{self.root}/create_from_src"
        return self._http.post(path, {"consistencygroup-from-src": body}).as_accepted(self.key)

    def update(
        self,
        id_: str,
        *,
        name: str | None,
        description: str | None,
        add_volumes: Sequence[str],
        remove_volumes: Sequence[str],
    ) -> Accepted:
        """Change a group; None and empty values change nothing. Without volumes there is no flow."""
        body = {
            "name": name,
            "description": description,
            "add_volumes": ",".join(add_volumes),
            "remove_volumes": ",".join(remove_volumes),
        }
        given = {key: value for key, value in body.items() if value}
        return Accepted({"id": id_}, self._http.put(self.path(id_), {self.key: given}).flow_id)

    def revert(self, id_: str, cgsnapshot_id: str, *, safety: str | None) -> Accepted:
        """Restore a group to a cgsnapshot, after taking one named ``safety``, if given."""
        how = {"cgsnapshot_id": cgsnapshot_id, "safety": None if safety is None else {"name": safety}}
        answer = self._http.post(self.path(id_, "action"), {"revert_to_cgsnapshot": how})
        return Accepted({"id": id_}, answer.flow_id)

    def delete(self, id_: str, *, force: bool) -> Accepted:
        """Delete a group; with ``force``, its members, too."""
        answer = self._http.post(self.path(id_, "delete"), {self.key: {"force": force}})
        return Accepted({"id": id_}, answer.flow_id)


class Cgsnapshots(Resettable):
    """``/cgsnapshots``."""

    plural, key, type_name = "cgsnapshots", "cgsnapshot", "cgsnapshot"
    root, listing = "/cgsnapshots", "/cgsnapshots/detail"
    action_root, reset_key, action_microversion = "/group_snapshots", "reset_status", "3.19"

    def create(
        self, name: str, consistencygroup_id: str, description: str | None, level: str | None = None
    ) -> Accepted:
        """Take a cgsnapshot of a group; with a ``level``, only if the backend reaches it."""
        body = {"name": name, "consistencygroup_id": consistencygroup_id, "description": description}
        if level is not None:
            body["cgflow:level"] = level
        return self._http.post(self.root, {self.key: body}).as_accepted(self.key)

    def delete(self, id_: str) -> Accepted:
        """Delete a cgsnapshot with the snapshots in it."""
        return Accepted({"id": id_}, self._http.delete(self.path(id_)).flow_id)


class Volumes(Connectable, Resettable):
    """``/volumes``. Sizes are in GiB."""

    plural, key, type_name = "volumes", "volume", "volume"
    root, listing = "/volumes", "/volumes/detail"

    def create(
        self,
        name: str,
        size: int | None,
        *,
        volume_type: str | None,
        consistencygroup_id: str | None,
        description: str | None,
        availability_zone: str | None,
        snapshot_id: str | None = None,
        source_volid: str | None = None,
    ) -> Accepted:
        """Create a volume, empty or from a snapshot or another volume, which determines its default size."""
        body = {
            "name": name,
            "size": size,
            "volume_type": volume_type,
            "consistencygroup_id": consistencygroup_id,
            "description": description,
            "availability_zone": availability_zone,
            "snapshot_id": snapshot_id,
            "source_volid": source_volid,
        }
        return self._http.post(self.root, {self.key: body}).as_accepted(self.key)

    def extend(self, id_: str, new_size: int) -> Accepted:
        """Extend a volume."""
        return self._post_action(id_, {"os-extend": {"new_size": new_size}})

    def retype(self, id_: str, new_type: str) -> Accepted:
        """Change the type of a volume, on its backend."""
        return self._post_action(id_, {"os-retype": {"new_type": new_type, "migration_policy": "never"}})

    def revert(self, id_: str, snapshot_id: str) -> Accepted:
        """Restore a volume to one of its snapshots."""
        return self._post_action(id_, {"revert": {"snapshot_id": snapshot_id}})

    def delete(self, id_: str, *, cascade: bool = False) -> Accepted:
        """Delete a volume; with ``cascade``, its snapshots, too."""
        path = self.path(id_) + ("?cascade=True" if cascade else "")
        return Accepted({"id": id_}, self._http.delete(path).flow_id)

    def _post_action(self, id_: str, action: dict[str, object]) -> Accepted:
        return Accepted({"id": id_}, self._http.post(self.path(id_, "action"), action).flow_id)


class Snapshots(Connectable, Resettable):
    """``/snapshots``."""

    plural, key, type_name = "snapshots", "snapshot", "snapshot"
    root, listing = "/snapshots", "/snapshots/detail"

    def create(self, name: str, volume_id: str, *, description: str | None, force: bool) -> Accepted:
        """Take a snapshot of one volume; ``force`` allows it while the volume is in use."""
        body = {"name": name, "volume_id": volume_id, "description": description, "force": force}
        return self._http.post(self.root, {self.key: body}).as_accepted(self.key)

    def delete(self, id_: str) -> Accepted:
        """Delete a snapshot that is in no cgsnapshot."""
        return Accepted({"id": id_}, self._http.delete(self.path(id_)).flow_id)


class VolumeTypes(Collection):
    """``/types``."""

    plural, key, type_name = "volume_types", "volume_type", "volume type"
    root = listing = "/types"

    def name_filters(self, name: str) -> Record:
        """Select private types as well as public ones."""
        return {"name": name, "is_public": "None"}

    def create(
        self, name: str, description: str | None, *, is_public: bool, extra_specs: dict[str, str]
    ) -> Record:
        """Create a type with its extra specs; if these are refused, delete the type again."""
        body = {"name": name, "description": description, "os-volume-type-access:is_public": is_public}
        created: Record = self._http.post(self.root, {"volume_type": body}).require(self.key)
        if not extra_specs:
            return created
        try:
            return created | {"extra_specs": self.set_specs(created["id"], extra_specs)}
        except ServiceError:
            self.delete(created["id"])
            raise

    def set_specs(self, id_: str, extra_specs: dict[str, str]) -> dict[str, str]:
        """Set some extra specs and return those; others stay unchanged."""
        specs: dict[str, str] = self._http.post(
            self.path(id_, "extra_specs"), {"extra_specs": extra_specs}
        ).require("extra_specs")
        return specs

    def unset_spec(self, id_: str, key: str) -> None:
        """Remove one extra spec."""
        self._http.delete(self.path(id_, "extra_specs", key))

    def delete(self, id_: str) -> None:
        """Delete a type that nothing uses."""
        self._http.delete(self.path(id_))


class Quotas:
    """``/os-quota-sets``."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def show(self, project: str) -> Record:
        """Return ``{resource: {"limit", "in_use", "reserved"}}`` and the project as ``id``."""
        answer = self._http.get(f"/os-quota-sets/{quote_segment(project)}", {"usage": "True"})
        quota: Record = answer.require("quota_set")
        return quota

    def set(self, project: str, limits: dict[str, int]) -> Record:
        """Set some limits and return all of them. -1 means unlimited."""
        body = {"tenant_id": project, **limits}
        quota: Record = self._http.put(
            f"/os-quota-sets/{quote_segment(project)}", {"quota_set": body}
        ).require("quota_set")
        return quota


AUDIT_S = 300.0
"""The seconds that an audit may take: it lists the contents of every backend."""


class Audit:
    """``/audit``."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def fetch_report(self, backend: str | None = None) -> Record:
        """Return the report of an audit."""
        params = {} if backend is None else {"backend": backend}
        audit: Record = self._http.get("/audit", params, answer_s=AUDIT_S).require("audit")
        return audit

    def repair(
        self,
        selected: list[str],
        *,
        dry_run: bool,
        backend: str | None = None,
        project_id: str | None = None,
        volume_type: str | None = None,
    ) -> Record:
        """Repair the named findings, or with ``dry_run`` only report the repairs; return the audit with them.

        ``project_id`` and ``volume_type`` apply to resources that are adopted.
        """
        body = {"repair": selected, "dry_run": dry_run, "backend": backend}
        body |= {"project_id": project_id, "volume_type": volume_type}
        audit: Record = self._http.post("/audit", body, answer_s=AUDIT_S).require("audit")
        return audit
