"""Requests, refusals, and missing responses."""

from __future__ import annotations

import pytest

from cgflow.client import Client
from cgflow.client.http import ServiceError, ServiceUnreachable
from cgflow.errors import InvalidInput
from tests.support.canned_service import CannedService


def test_identity_travels_with_every_request(service: CannedService, client: Client) -> None:
    service.plays("GET", "/volumes/v1", {"volume": {"id": "v1"}})
    client.volumes.get("v1")
    assert service.asked[0].headers["X-Auth-Token"] == "alice:admin"


@pytest.mark.parametrize("end", ["", "/", "/v3", "/v3/"])
def test_an_endpoint_may_be_written_as_cinders_clients_do(service: CannedService, end: str) -> None:
    service.plays("GET", "/volumes/v1", {"volume": {"id": "v1"}})
    assert Client(service.url + end, "admin", "alice").volumes.get("v1") == {"id": "v1"}


@pytest.mark.parametrize("url", ["127.0.0.1:8776", "ftp://host", "", "http://"])
def test_what_is_no_address_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(InvalidInput, match="not the address of a service"):
        Client(url, "admin", "alice")


def test_a_refusal_keeps_its_status_code_message_and_request(service: CannedService, client: Client) -> None:
    service.refuses("GET", "/volumes/v1", 404, "itemNotFound", "Volume v1 could not be found.")
    with pytest.raises(ServiceError) as caught:
        client.volumes.get("v1")
    refusal = caught.value
    assert (refusal.status, refusal.code, refusal.request_id) == (404, "itemNotFound", "req-1")
    assert refusal.message == "Volume v1 could not be found."


def test_a_wrong_project_is_named_with_what_to_do(service: CannedService, client: Client) -> None:
    service.refuses("GET", "/volumes/v1", 400, "badRequest", "Malformed request url")
    with pytest.raises(ServiceError, match=r"project 'admin' .* --project or CGFLOW_PROJECT") as caught:
        client.volumes.get("v1")
    assert (caught.value.status, caught.value.request_id) == (400, "req-1")


def test_the_stable_code_is_preferred_to_cinders_key(service: CannedService, client: Client) -> None:
    fault = {"code": 409, "message": "Busy.", "cgflow:code": "busy"}
    service.plays("DELETE", "/volumes/v1", {"conflictingRequest": fault}, status=409)
    with pytest.raises(ServiceError) as caught:
        client.volumes.delete("v1")
    assert caught.value.code == "busy"


@pytest.mark.parametrize("body", ["<html>", "", [], {"a": 1}, {"a": {}, "b": {}}])
def test_a_refusal_without_words_gets_https_own(service: CannedService, client: Client, body: object) -> None:
    service.plays("GET", "/volumes/v1", body, status=500)
    with pytest.raises(ServiceError, match="answered 500 .* without a reason"):
        client.volumes.get("v1")


@pytest.mark.parametrize("body", ["hello", [], {"other": 1}])
def test_an_answer_of_something_else_is_told_as_such(
    service: CannedService, client: Client, body: object
) -> None:
    service.plays("GET", "/volumes/v1", body)
    with pytest.raises(ServiceError, match="Check that the address is that of a cgflow service"):
        client.volumes.get("v1")


def test_no_service_says_how_to_get_one(service: CannedService, client: Client) -> None:
    service.stop()
    try:
        with pytest.raises(ServiceUnreachable, match=r"refused.*cgflow serve.*--url"):
            client.volumes.delete("v1")
    finally:
        service.start()


def test_a_broken_connection_says_that_a_change_may_have_been_taken(
    service: CannedService, client: Client
) -> None:
    service.plays("DELETE", "/volumes/v1", drops=True)
    with pytest.raises(ServiceUnreachable, match="may have been accepted"):
        client.volumes.delete("v1")
    assert len(service.asked) == 1, "nothing is repeated silently"


def test_a_broken_connection_of_a_read_changes_nothing(service: CannedService, client: Client) -> None:
    service.plays("GET", "/volumes/v1", drops=True)
    with pytest.raises(ServiceUnreachable, match="Try again"):
        client.volumes.get("v1")


def test_no_id_can_leave_its_place_in_the_path(service: CannedService, client: Client) -> None:
    with pytest.raises(ServiceError):
        client.volumes.get("../types/x?y")
    assert service.asked[0].path == "/v3/admin/volumes/..%2Ftypes%2Fx%3Fy"


def test_who_is_not_known_is_told_how_to_say_it(service: CannedService, client: Client) -> None:
    service.refuses("GET", "/flows/f", 401, "error", "The request requires authentication.")
    with pytest.raises(ServiceError, match="authentication. Give --user and --password"):
        client.flows.get("f")
