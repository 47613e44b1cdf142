"""One served cgflow for the clients, for each authentication strategy."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cgflow.client.client import Client
from cgflow.client.credentials import Token
from tests.integration.conftest import Start
from tests.support.keystone_server import Keystone, keystone
from tests.support.openstack_clients import Access, noauth_access

WAIT_S = 60


@dataclass(frozen=True)
class Tenant:
    """A project on the site, with the access of its administrator and, with keystone, of a member."""

    name: str
    id: str
    admin: Access
    member: Access | None
    client: Client
    """cgflow's own client, with which the tests wait for the clients' operations."""

    def settled(self, resource_id: str, state: str = "success") -> str:
        """Return the id of a resource when its newest flow has ended, in the given state."""
        flow = next(flow for flow in self.client.flows.select() if flow["resource_id"] == resource_id)
        follower = self.client.flows.follow(flow["id"], timeout=WAIT_S)
        while True:
            try:
                next(follower)
            except StopIteration as end:
                ended = end.value
                assert ended["state"] == state, ended
                return resource_id


class Site:
    """A served cgflow on which projects are created."""

    def __init__(self, url: str, identity: Keystone | None) -> None:
        self.url = url
        self._identity = identity

    def tenant(self, kind: str) -> Tenant:
        """Create a project that no other test uses."""
        name = f"{kind}-{uuid.uuid4().hex[:8]}"
        identity = self._identity
        if identity is None:
            access = noauth_access(self.url, name)
            return Tenant(name, name, access, None, Client(self.url, name, "ada"))
        id_ = identity.project(name)
        for role in ("admin", "member"):
            identity.user(f"{role}-{name}", id_, role)
        admin, member = (
            Access(id_, identity.environ(f"{role}-{name}", name)) for role in ("admin", "member")
        )
        token = Token(identity.token(f"admin-{name}", name))
        return Tenant(name, id_, admin, member, Client(self.url, id_, "ada", token))


@contextmanager
def site(strategy: str, start: Start, folder: Path) -> Iterator[Site]:
    """Serve with ``noauth``, or with a keystone whose catalog leads its users to the service."""
    if strategy == "noauth":
        yield Site(start(backend="memory").served.url, None)
        return
    (folder / "keystone").mkdir()
    with keystone(folder / "keystone") as identity:
        conf = folder / "cgflow.conf"
        conf.write_text(identity.authtoken())
        served = start("--config-file", str(conf), backend="memory").served
        identity.serve_volumes_at(f"{served.url}/v3/%(project_id)s")
        yield Site(served.url, identity)
