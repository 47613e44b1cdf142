"""One service, one project, one user: every noun of the interface in one place."""

from __future__ import annotations

from cgflow.client.cgsnapshots import Cgsnapshots
from cgflow.client.consistencygroups import ConsistencyGroups
from cgflow.client.flows import Flows
from cgflow.client.http import Http
from cgflow.client.quotas import Quotas
from cgflow.client.snapshots import Snapshots
from cgflow.client.types import VolumeTypes
from cgflow.client.volumes import Volumes


class Client:
    """The nouns, over one connection. Nothing is sent before the first call."""

    def __init__(self, url: str, project: str, user: str) -> None:
        http = Http(url, project, user)
        self.project = project
        self.types = VolumeTypes(http)
        self.consistencygroups = ConsistencyGroups(http)
        self.volumes = Volumes(http)
        self.cgsnapshots = Cgsnapshots(http)
        self.snapshots = Snapshots(http)
        self.quotas = Quotas(http)
        self.flows = Flows(http)
