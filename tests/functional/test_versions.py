"""The version documents, the microversions, and the headers of every response."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.functional.caller import Caller, check_fault, check_not_found

NEWEST = "3.71"


@pytest.mark.parametrize(
    ("path", "status"), [("/", 300), ("/v3/", 200), ("/v3/0123abc", 200), ("/v3/some-project", 200)]
)
def test_the_document_is_open_at_every_address_where_clients_look(app: Flask, path: str, status: int) -> None:
    answer = app.test_client().get(path, base_url="http://localhost:8776")
    assert answer.status_code == status
    (version,) = answer.json["versions"]
    assert version["id"] == "v3.0"
    assert version["status"] == "CURRENT"
    assert (version["min_version"], version["version"]) == ("3.0", NEWEST)
    links = {link["rel"]: link["href"] for link in version["links"]}
    assert links["self"] == "http://localhost:8776/v3/"
    assert version["media-types"] == [
        {"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}
    ]


def test_without_a_final_slash_the_way_to_the_document_is_told(app: Flask) -> None:
    answer = app.test_client().get("/v3", base_url="http://localhost:8776")
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://localhost:8776/v3/")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(
            (method, f"/{noun}/")
            for method in ("GET", "PUT", "DELETE", "POST")
            for noun in ("volumes", "types")
        ),
        ("GET", "/volumes/detail/"),
        ("POST", "/volumes//action"),
        ("GET", "/volumes//"),
        ("GET", "/volumes//metadata"),
        ("GET", "/types//extra_specs/key"),
        ("GET", "/os-quota-sets/"),
    ],
)
def test_an_address_with_an_empty_id_is_nowhere(caller: Caller, method: str, path: str) -> None:
    check_not_found(caller.call(method, path))
    check_not_found(caller._client.open(f"/v3{path}", method=method, headers=caller._headers))


@pytest.mark.parametrize("path", ["/v3/os-assisted-volume-snapshots", "/v3/groups", "/v2", "/v4", "/nothing"])
def test_what_is_not_offered_is_not_taken_for_a_project(app: Flask, path: str) -> None:
    answer = app.test_client().get(path, headers={"X-Auth-Token": "u:p"})
    assert answer.status_code == 404
    assert "could not be found" in str(answer.json)


@pytest.mark.parametrize("asked", [None, "volume 3.0", "volume latest", "compute 2.1, volume 3.0"])
def test_a_version_that_is_offered_is_repeated(caller: Caller, asked: str | None) -> None:
    del caller._headers["OpenStack-API-Version"]
    answer = caller.get("/volumes", headers={} if asked is None else {"OpenStack-API-Version": asked})
    assert answer.status_code == 200
    used = NEWEST if asked == "volume latest" else "3.0"
    assert answer.headers["OpenStack-API-Version"] == f"volume {used}"
    assert "OpenStack-API-Version" in answer.headers["Vary"]


@pytest.mark.parametrize("asked", ["3.99", "2.0", "3.72"])
def test_a_version_out_of_range_is_not_acceptable(caller: Caller, asked: str) -> None:
    answer = caller.get("/volumes", headers={"OpenStack-API-Version": f"volume {asked}"})
    assert check_fault(answer, 406, "computeFault") == (
        f"Version {asked} is not supported by the API. Minimum is 3.0 and maximum is {NEWEST}."
    )


@pytest.mark.parametrize("asked", ["compute 2.1", "volume", "volume three", "3.0", "volume 3", ""])
def test_a_version_that_means_nothing_here_is_refused(caller: Caller, asked: str) -> None:
    check_fault(caller.get("/volumes", headers={"OpenStack-API-Version": asked}), 400, "badRequest")


@pytest.mark.parametrize("path", ["/volumes", "/volumes/nothing", "/nowhere/at/all", "/volumes?limit=x"])
def test_every_answer_has_a_request_id(caller: Caller, path: str) -> None:
    headers = caller.get(path).headers
    assert re.fullmatch(r"req-[0-9a-f-]{36}", headers["X-Openstack-Request-Id"])
    assert headers["X-Compute-Request-Id"] == headers["X-Openstack-Request-Id"]


def test_no_two_requests_have_the_same_id(caller: Caller) -> None:
    ids = {caller.get("/volumes").headers["X-Openstack-Request-Id"] for _ in range(5)}
    assert len(ids) == 5


def test_health_is_open(app: Flask) -> None:
    answer = app.test_client().get("/healthcheck")
    parts = {"database": "ok", "backends": "ok", "conductor": "ok"}
    assert (answer.status_code, answer.json) == (200, {"status": "ok", **parts})


def test_an_unknown_path_and_a_wrong_method_are_told_in_the_same_shape(caller: Caller) -> None:
    check_not_found(caller.get("/nowhere"))
    answer = caller.call("PATCH", "/volumes")
    check_fault(answer, 405, "badMethod")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere"), ("PATCH", "/volumes"), ("POST", "/volumes/x"), ("GET", "/a/b/c")],
)
def test_what_no_route_serves_is_answered_as_cinder_does(caller: Caller, method: str, path: str) -> None:
    answer = caller.plain().call(method, path)
    assert (answer.status_code, answer.json["code"]) == (404, "404 Not Found")
    assert sorted(answer.json) == ["code", "message", "title"]
    assert "OpenStack-API-Version" not in answer.headers


def test_only_json_is_spoken(caller: Caller) -> None:
    """S26."""
    answer = caller.post("/types", data="<volume_type/>", headers={"Content-Type": "application/xml"})
    check_fault(answer, 415, "badMediaType")
    assert caller.get("/volumes", headers={"Accept": "application/xml"}).mimetype == "application/json"
    assert caller.get("/volumes", headers={"Accept": "application/json, */*"}).status_code == 200
