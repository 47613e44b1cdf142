"""Requests that a web page of another site can send, and headers that proxies add."""

from __future__ import annotations

import ipaddress
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api import proxies
from api.app import create_app
from api.auth.http_basic import HttpBasic
from cgflow.errors import ConfigError
from tests.functional.caller import Caller, check_fault
from tests.support.world import World

OPEN = ("/", "/v3", "/v3/", "/v3/p", "/openapi.json", "/healthcheck", "/healthcheck/live")


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield each method of each address, with a value in the place of ids."""
    for rule in app.url_map.iter_rules():
        path = str(rule)
        for name in rule.arguments:
            path = path.replace(f"<{name}>", "p").replace(f"<path:{name}>", "p")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield method, path


def test_every_route_but_the_open_ones_requires_the_token(app: Flask) -> None:
    client, checked = app.test_client(), 0
    for method, path in routes(app):
        if path in OPEN:
            assert client.open(path, method=method).status_code < 400
            continue
        message = check_fault(client.open(path, method=method), 401, "error")
        assert "X-Auth-Token: USER:PROJECT" in message
        checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8776",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "0.0.0.0",
    ],
)
def test_every_route_refuses_a_host_that_is_not_loopback(app: Flask, host: str) -> None:
    client = app.test_client()
    for method, path in routes(app):
        answer = client.open(path, method=method, headers={"Host": host, "X-Auth-Token": "u:p"})
        assert "Host" in check_fault(answer, 403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8776", "127.0.0.1:8776", "127.8.9.1", "[::1]:8776"])
def test_loopback_hosts(app: Flask, host: str) -> None:
    assert app.test_client().get("/v3/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:3000",
        "https://localhost",
        "http://[",
        "localhost",
        "",
    ],
)
def test_every_route_refuses_a_foreign_origin(app: Flask, origin: str) -> None:
    client = app.test_client()
    for method, path in routes(app):
        answer = client.open(path, method=method, headers={"Origin": origin, "X-Auth-Token": "u:p"})
        assert "Origin" in check_fault(answer, 403, "forbidden")


def test_the_own_origin(caller: Caller) -> None:
    assert caller.get("/volumes", headers={"Origin": "http://localhost"}).status_code == 200
    assert caller.get("/volumes", headers={"Origin": "http://localhost:80"}).status_code == 200


FOREIGN = [
    "text/plain",
    "text/plain; charset=application/json",
    "multipart/form-data; boundary=json",
    "application/octet-stream",
    "text/json",
    "jsonapplication/json",
    "application/jsonp",
    "application/json, text/plain",
]


@pytest.mark.parametrize("content_type", FOREIGN)
def test_every_route_refuses_bodies_that_are_not_json(app: Flask, content_type: str) -> None:
    client, checked = app.test_client(), 0
    for method, path in routes(app):
        if method not in ("POST", "PUT", "PATCH", "DELETE"):
            continue
        answer = client.open(
            path,
            method=method,
            data=b"{}",
            content_type=content_type,
            headers={"X-Auth-Token": "u:p", "OpenStack-API-Version": "volume latest"},
        )
        assert answer.status_code in (415, 404), (method, path, answer.text)
        checked += answer.status_code == 415
    assert checked > 50


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.openstack.volume+json;version=3",
        "application/x-www-form-urlencoded",
        None,
    ],
)
def test_bodies_that_are_json(caller: Caller, content_type: str | None) -> None:
    body = json.dumps({"volume_type": {"name": caller.project + str(content_type)}}).encode()
    assert caller.call("POST", "/types", data=body, content_type=content_type).status_code == 200


def test_a_form_of_a_page_is_no_json(caller: Caller) -> None:
    """A browser names the page in ``Origin``, also for the service's own pages."""
    body = json.dumps({"volume_type": {"name": caller.project}}).encode()
    answer = caller.call(
        "POST",
        "/types",
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers={"Origin": "http://localhost"},
    )
    assert answer.status_code == 415
    assert (
        caller.call(
            "POST", "/types", data=b"name=a", content_type="application/x-www-form-urlencoded"
        ).status_code
        == 400
    )


def test_a_page_cannot_use_a_remembered_password(served: World, tmp_path: Path) -> None:
    users, members = tmp_path / "users", tmp_path / "projects.yaml"
    users.write_text(f"ada:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n")
    members.write_text("ada:\n  orders: [member]\n")
    client = create_app(served.runtime, strategy=HttpBasic(users, members)).test_client()

    def post(**headers: str) -> TestResponse:
        return client.post(
            "/v3/orders/volumes",
            data=b'{"volume": {"size": 1}}',
            auth=("ada", "secret"),
            base_url="http://storage.example.org:8776",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    assert post().status_code == 202
    # The requests that a form sends, and a script that sends a blob without a type.
    assert post(Origin="https://evil.example", Content_Type="text/plain").status_code == 403
    assert post(Origin="https://evil.example").status_code == 403
    assert post(Content_Type="text/plain").status_code == 415


@pytest.fixture(scope="module")
def proxied(served: World) -> Flask:
    return create_app(served.runtime, trusted_proxies=proxies.parse_networks(["127.0.0.1", "192.0.2.0/24"]))


FORWARDED = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "storage.example.org",
}


def links(app: Flask, peer: str, headers: dict[str, str], **more: Any) -> list[str]:
    """Return every address in a page of volumes, a volume, a flow and the version document."""
    client = app.test_client()
    project = uuid.uuid4().hex
    token = {"X-Auth-Token": f"u:{project}"}

    def get(path: str) -> Any:
        answer = client.get(
            path, headers={**token, **headers}, environ_overrides={"REMOTE_ADDR": peer}, **more
        )
        assert answer.status_code == 200, answer.text
        return answer.json

    for _ in range(2):
        assert (
            client.post(f"/v3/{project}/volumes", json={"volume": {"size": 1}}, headers=token).status_code
            == 202
        )
    page = get(f"/v3/{project}/volumes?limit=1")
    flow = get(f"/v3/{project}/flows?limit=1")
    shown = [
        page["volumes_links"],
        page["volumes"][0]["links"],
        flow["flows_links"],
        flow["flows"][0]["links"],
    ]
    shown += [get("/v3/")["versions"][0]["links"]]
    return [link["href"] for some in shown for link in some]


def test_links_lead_back_through_a_trusted_proxy(proxied: Flask) -> None:
    for peer in ("127.0.0.1", "192.0.2.77"):
        for link in links(proxied, peer, FORWARDED):
            assert link.startswith("https://storage.example.org/"), link
    prefixed = {**FORWARDED, "X-Forwarded-Prefix": "/volume", "X-Forwarded-Port": "8443"}
    for link in links(proxied, "127.0.0.1", prefixed):
        assert link.startswith("https://storage.example.org:8443/volume/"), link


def test_a_trusted_proxy_states_the_origin_too(proxied: Flask) -> None:
    for origin, status in (("https://storage.example.org", 200), ("http://storage.example.org", 403)):
        answer = proxied.test_client().get(
            "/v3/p/volumes", headers={"X-Auth-Token": "u:p", "Origin": origin, **FORWARDED}
        )
        assert answer.status_code == status


@pytest.mark.parametrize("peer", ["198.51.100.7", "::1", "", "nonsense"])
def test_others_are_not_believed(proxied: Flask, peer: str) -> None:
    for link in links(proxied, peer, {**FORWARDED, "X-Forwarded-Prefix": "/volume"}):
        assert link.startswith("http://localhost/"), link
        assert "/volume/" not in link, link


def test_nobody_is_believed_by_default(app: Flask) -> None:
    assert all(link.startswith("http://localhost/") for link in links(app, "127.0.0.1", FORWARDED))


def test_networks() -> None:
    assert proxies.parse_networks(["::1"]) == [ipaddress.ip_network("::1/128")]
    for wrong in ("localhost", "192.0.2.1/24", ""):
        with pytest.raises(ConfigError, match="trusted_proxies"):
            proxies.parse_networks([wrong])
