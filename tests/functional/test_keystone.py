"""Tokens of a real keystone: their users and rights; nothing else grants access."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.auth.keystone import Keystone as Strategy
from cgflow import config
from cgflow.drivers.memory.driver import MemoryDriver
from tests.functional.caller import check_fault, check_not_found
from tests.support.keystone_server import Keystone, keystone
from tests.support.world import world

pytestmark = pytest.mark.real

ROLES = ("admin", "member", "reader", "auditor")


class People:
    """One user for each role in one project, and a member of another project."""

    def __init__(self, identity: Keystone) -> None:
        self.identity = identity
        identity.role("auditor")
        self.project_id, self.other_id = identity.project("orders"), identity.project("billing")
        self.ids = {role: identity.user(role + "-user", self.project_id, role) for role in ROLES}
        identity.user("stranger", self.other_id, "member")
        identity.user("nova", self.other_id, "service")
        self.tokens = {role: identity.token(role + "-user", "orders") for role in ROLES}
        self.stranger = identity.token("stranger", "billing")
        self.service = identity.token("nova", "billing")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with keystone(tmp_path_factory.mktemp("keystone")) as identity:
        yield People(identity)


@pytest.fixture(scope="module")
def client(people: People, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("state")
    path = folder / "cgflow.conf"
    path.write_text(people.identity.authtoken())
    with world(folder, MemoryDriver()) as served:
        yield create_app(served.runtime, strategy=Strategy(config.load_config([path]))).test_client()


def get(client: FlaskClient, path: str, token: str | None = None, **headers: str) -> TestResponse:
    named: dict[str, str] = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        named["X-Auth-Token"] = token
    return client.get(path, headers=named)


def volume(client: FlaskClient, token: str) -> TestResponse:
    body: dict[str, Any] = {"volume": {"size": 1}}
    return client.post("/v3/volumes", json=body, headers={"X-Auth-Token": token})


def test_a_token_names_the_user_and_the_project(client: FlaskClient, people: People) -> None:
    made = volume(client, people.tokens["member"])
    assert made.status_code == 202
    for path in ("/v3", f"/v3/{people.project_id}", f"/v2/{people.project_id}"):
        shown = get(client, f"{path}/volumes/{made.json['volume']['id']}", people.tokens["member"])
        assert shown.json["volume"]["user_id"] == people.ids["member"]
        assert shown.json["volume"]["os-vol-tenant-attr:tenant_id"] == people.project_id


def test_the_roles_are_those_of_the_token(client: FlaskClient, people: People) -> None:
    for role in ROLES:
        assert get(client, "/v3/volumes", people.tokens[role]).status_code == 200
        assert volume(client, people.tokens[role]).status_code == (
            202 if role in ("admin", "member") else 403
        )
        pools = get(client, "/v3/scheduler-stats/get_pools", people.tokens[role])
        assert pools.status_code == (200 if role == "admin" else 403)


def test_a_role_is_one_role_whatever_its_name(client: FlaskClient, people: People) -> None:
    identity = people.identity
    identity.role("nothing,admin")
    identity.user("comma-user", people.project_id, "nothing,admin")
    token = identity.token("comma-user", "orders")
    assert get(client, "/v3/scheduler-stats/get_pools", token).status_code == 403
    assert volume(client, token).status_code == 403


def test_an_administrator_and_an_auditor_reach_what_they_know_the_id_of(
    client: FlaskClient, people: People
) -> None:
    path = f"/v3/volumes/{volume(client, people.stranger).json['volume']['id']}"
    for role, status in (("admin", 200), ("auditor", 200), ("member", 404), ("reader", 404)):
        assert get(client, path, people.tokens[role]).status_code == status
    assert client.delete(path, headers={"X-Auth-Token": people.tokens["auditor"]}).status_code == 403
    check_not_found(client.delete(path, headers={"X-Auth-Token": people.tokens["member"]}))
    listed = get(client, "/v3/volumes", people.tokens["admin"]).json["volumes"]
    assert path.split("/")[-1] not in {each["id"] for each in listed}
    everything = get(client, "/v3/volumes?all_tenants=1", people.tokens["auditor"]).json["volumes"]
    assert path.split("/")[-1] in {each["id"] for each in everything}


def unknown(answer: TestResponse, people: People) -> None:
    check_fault(answer, 401, "error")
    assert answer.json["error"]["title"] == "Unauthorized"
    assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{people.identity.url}"'


def test_no_token_a_wrong_one_and_one_that_is_over(client: FlaskClient, people: People) -> None:
    expired = people.identity.expired_token(people.ids["member"], people.project_id)
    revoked = people.identity.token("member-user", "orders")
    people.identity.revoke(revoked)
    for token in (None, "", "ada:orders", "gAAAAA", expired, revoked):
        unknown(get(client, "/v3/volumes", token), people)


def test_another_projects_token_does_not_fit_the_address(client: FlaskClient, people: People) -> None:
    answer = get(client, f"/v3/{people.project_id}/volumes", people.stranger)
    assert check_fault(answer, 400, "badRequest") == "Malformed request url"


def test_headers_do_not_make_anybody_somebody_else(client: FlaskClient, people: People) -> None:
    forged = {
        "X_Roles": "admin",
        "X_Project_Id": people.other_id,
        "X_User_Id": people.ids["admin"],
        "X_Identity_Status": "Confirmed",
        "X_Service_Roles": "admin",
        "X_Service_Identity_Status": "Confirmed",
    }
    unknown(get(client, "/v3/volumes", **forged), people)
    pools = get(client, "/v3/scheduler-stats/get_pools", people.tokens["member"], **forged)
    check_fault(pools, 403, "forbidden")
    answer = get(client, f"/v3/{people.other_id}/volumes", people.tokens["member"], **forged)
    assert check_fault(answer, 400, "badRequest") == "Malformed request url"


def test_a_service_speaks_for_a_user_whose_token_is_just_over(client: FlaskClient, people: People) -> None:
    expired = people.identity.expired_token(people.ids["member"], people.project_id)
    assert get(client, "/v3/volumes", expired, X_Service_Token=people.service).status_code == 200
    unknown(get(client, "/v3/volumes", expired, X_Service_Token=people.tokens["member"]), people)
    unknown(get(client, "/v3/volumes", people.tokens["member"], X_Service_Token="gAAAAA"), people)
    unknown(get(client, "/v3/volumes", X_Service_Token=people.service), people)


@pytest.mark.parametrize("path", ["/", "/v3", "/v3/", "/v3/orders", "/healthcheck", "/openapi.json"])
def test_what_is_open(client: FlaskClient, path: str) -> None:
    for token in (None, "gAAAAA"):
        # The list of all versions returns 300 (multiple choices), and one version's address redirects.
        assert get(client, path, token).status_code == {"/": 300, "/v3": 302}.get(path, 200)


def test_nothing_else_is_open(client: FlaskClient, people: People) -> None:
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint.startswith(("versions", "healthcheck", "api-docs")):
            continue
        path = rule.rule.replace("<project_id>", people.project_id)
        for method in (rule.methods or set()) - {"HEAD"}:
            unknown(client.open(path, method=method), people)


def test_an_identity_service_that_is_away(people: People, client: FlaskClient, tmp_path: Path) -> None:
    path = tmp_path / "away.conf"
    text = people.identity.authtoken().replace(
        f"\nauth_url = {people.identity.url}", "\nauth_url = http://127.0.0.1:1/v3"
    )
    path.write_text(text + "http_request_max_retries = 0\n")
    with world(tmp_path, MemoryDriver()) as served:
        away = create_app(served.runtime, strategy=Strategy(config.load_config([path]))).test_client()
        message = check_fault(get(away, "/v3/volumes", people.tokens["member"]), 503, "serviceUnavailable")
        assert "identity service" in message
        assert get(away, "/v3/", people.tokens["member"]).status_code == 200
