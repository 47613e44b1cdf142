"""Reading pages, and finding by name or id."""

from __future__ import annotations

import pytest

from cgflow.client import Client
from cgflow.client.http import AmbiguousName
from cgflow.errors import NotFound
from tests.support.canned_service import CannedService

ID = "0d4f1c7e-6a54-4f6e-9d6a-1f0d0f6a3b11"
OTHER = "7b0a3c52-94a1-4d0b-8a53-2c6b3f1d9e22"


def test_an_id_is_read_directly(service: CannedService, client: Client) -> None:
    service.plays("GET", f"/volumes/{ID}", {"volume": {"id": ID, "name": "a"}})
    assert client.volumes.find(ID)["name"] == "a"
    assert len(service.asked) == 1


def test_a_name_is_looked_for_and_must_be_exact(service: CannedService, client: Client) -> None:
    # A service that ignores the filter must not lead to another resource.
    service.plays(
        "GET", "/volumes/detail", {"volumes": [{"id": OTHER, "name": "ab"}, {"id": ID, "name": "a"}]}
    )
    assert client.volumes.find("a")["id"] == ID
    assert service.asked[0].query == {"name": "a"}


def test_a_name_may_look_like_an_id(service: CannedService, client: Client) -> None:
    service.plays("GET", "/volumes/detail", {"volumes": [{"id": OTHER, "name": ID}]})
    assert client.volumes.find(ID)["id"] == OTHER


def test_an_ambiguous_name_lists_the_ids(service: CannedService, client: Client) -> None:
    twice = [{"id": ID, "name": "a"}, {"id": OTHER, "name": "a"}]
    service.plays("GET", "/consistencygroups/detail", {"consistencygroups": twice})
    with pytest.raises(AmbiguousName, match=f"{ID}, {OTHER}"):
        client.consistencygroups.find("a")


def test_an_unknown_name_is_said_with_its_noun(service: CannedService, client: Client) -> None:
    service.plays("GET", "/consistencygroups/detail", {"consistencygroups": []})
    with pytest.raises(NotFound, match="No consistency group has the name or id 'a'"):
        client.consistencygroups.find("a")


def test_types_are_looked_for_among_private_ones(service: CannedService, client: Client) -> None:
    service.plays("GET", "/types", {"volume_types": [{"id": ID, "name": "gold"}]})
    assert client.types.find("gold")["id"] == ID
    assert service.asked[0].query == {"name": "gold", "is_public": "None"}


@pytest.mark.parametrize("way", ["marker", "offset"])
def test_every_page_is_read(service: CannedService, client: Client, way: str) -> None:
    link = [{"rel": "next", "href": f"http://elsewhere/v3/volumes/detail?limit=1&{way}=1"}]
    service.plays("GET", "/volumes/detail", {"volumes": [{"id": "1"}], "volumes_links": link})
    service.plays("GET", "/volumes/detail", {"volumes": [{"id": "2"}]})
    assert [each["id"] for each in client.volumes.select(status="error")] == ["1", "2"]
    assert service.asked[1].query == {"status": "error", way: "1"}


def test_a_limit_is_one_page(service: CannedService, client: Client) -> None:
    link = [{"rel": "next", "href": "http://elsewhere/v3/flows?limit=1&marker=1"}]
    service.plays("GET", "/flows", {"flows": [{"id": "1"}], "flows_links": link})
    assert len(client.flows.select(limit=1)) == 1
