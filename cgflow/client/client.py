"""The client: all resources of one service, for one project and one user."""

from __future__ import annotations

from requests.auth import AuthBase

from cgflow.client.credentials import KeystonePassword
from cgflow.client.flows import Flows
from cgflow.client.http import AmbiguousName, Http
from cgflow.client.resources import (
    ID,
    Audit,
    Cgsnapshots,
    ConsistencyGroups,
    Quotas,
    Snapshots,
    Volumes,
    VolumeTypes,
    describe_with_id,
)
from cgflow.errors import NotFound


class Client:
    """The resources, over one connection. Nothing is sent before the first call."""

    def __init__(self, url: str, project: str, user: str, auth: AuthBase | None = None) -> None:
        http = Http(url, project, user, auth)
        self._project = project
        self._auth = auth
        self.types = VolumeTypes(http)
        self.consistencygroups = ConsistencyGroups(http)
        self.volumes = Volumes(http)
        self.cgsnapshots = Cgsnapshots(http)
        self.snapshots = Snapshots(http)
        self.quotas = Quotas(http)
        self.flows = Flows(http)
        self.audit = Audit(http)

    @property
    def project(self) -> str:
        """The project, by the name or id under which the service knows it."""
        return self._auth.project_id if isinstance(self._auth, KeystonePassword) else self._project

    def find_resource_id(self, name_or_id: str) -> str:
        """Return the id of a group, volume or cgsnapshot.

        An id is returned unchanged, because flows outlive resources. Raises: NotFound; AmbiguousName.
        """
        if ID.fullmatch(name_or_id):
            return name_or_id
        types = (self.consistencygroups, self.volumes, self.cgsnapshots)
        named = [(kind.type_name, each) for kind in types for each in kind.find_by_name(name_or_id)]
        if not named:
            raise NotFound(
                f"No group, volume or cgsnapshot is named '{name_or_id}'. Give the id of a deleted one."
            )
        if len(named) > 1:
            candidates = ", ".join(f"{type_name} {describe_with_id(each)}" for type_name, each in named)
            raise AmbiguousName(
                f"{len(named)} resources are named '{name_or_id}'. Give the id of one: {candidates}."
            )
        return str(named[0][1]["id"])
