"""One served cgflow for the clients, under each way in which callers are known."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cgflow.client.client import Client
from cgflow.client.credentials import Token
from tests.integration.conftest import Start
from tests.support.clients import Access, noauth_access
from tests.support.keystone import Keystone, keystone

WAIT_S = 60


@dataclass(frozen=True)
class Tenant:
    """A project on the site: how its administrator reaches it, and its member, where there is another."""

    name: str
    id: str
    admin: Access
    member: Access | None
    client: Client
    """Our own client, with which the tests await what the clients asked for."""

    def settled(self, resource_id: str, state: str = "success") -> str:
        """Return the id of a thing when the newest of its flows has ended, as it has to."""
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
    """A served cgflow on which projects are made."""

    def __init__(self, url: str, identity: Keystone | None) -> None:
        self.url = url
        self._identity = identity

    def tenant(self, kind: str) -> Tenant:
        """Make a project that nobody else uses."""
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
    """Serve over ``noauth``, or over a keystone that leads its users to the service."""
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
