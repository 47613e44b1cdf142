"""Fields and filters that came after 3.0, and their absence below their microversion."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from unittest.mock import ANY

import pytest

from tests.functional.caller import Caller, check_bad_request, check_not_found
from tests.functional.volume_actions import act


@pytest.fixture
def speaking(modern: Caller) -> Callable[[int], Caller]:
    """Return the same caller at any microversion, offered or not."""
    return modern.at


@pytest.fixture
def pair(modern: Caller) -> tuple[str, str]:
    """Two volumes, ``ab`` and ``cd``; the second is bootable."""
    first, second = (
        modern.done(modern.post("/volumes", {"volume": {"size": 1, "name": name}})) for name in ("ab", "cd")
    )
    act(modern, second, "os-set_bootable", {"bootable": True})
    act(modern, second, "os-set_image_metadata", {"metadata": {"os": "debian"}})
    return first, second


def ids(caller: Caller, query: str, path: str = "/volumes/detail") -> list[str]:
    answer = caller.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return [volume["id"] for volume in answer.json["volumes"]]


@pytest.mark.parametrize(
    ("minor", "query", "found"),
    [
        (4, "glance_metadata={'os': 'debian'}", [1]),
        (4, "glance_metadata={'os': 'other'}", []),
        (34, "name~=b", [0]),
        (34, "name~=%25", []),
        (34, "status~=avail", [1, 0]),
    ],
)
def test_a_filter_is_heeded_from_its_microversion_on(
    speaking: Callable[[int], Caller], pair: tuple[str, str], minor: int, query: str, found: list[int]
) -> None:
    assert ids(speaking(minor), query) == [pair[number] for number in found]
    assert ids(speaking(minor - 1), query) == [pair[1], pair[0]]


@pytest.mark.parametrize(("query", "since"), [("consumes_quota=true", 31), ("with_count=true", 45)])
def test_a_word_that_is_not_known_yet_finds_nothing(
    speaking: Callable[[int], Caller], pair: tuple[str, str], query: str, since: int
) -> None:
    assert ids(speaking(since - 1), query) == []
    assert ids(speaking(since), query) == [pair[1], pair[0]]


@pytest.mark.parametrize("minor", [0, 2])
def test_volumes_that_machines_start_from(
    speaking: Callable[[int], Caller], pair: tuple[str, str], minor: int
) -> None:
    assert ids(speaking(minor), "bootable=true") == [pair[1]]
    assert ids(speaking(minor), "bootable=False") == [pair[0]]


def test_volumes_of_a_group(speaking: Callable[[int], Caller], caller: Caller) -> None:
    kind = caller.type()
    group_id = caller.group(kind)
    member = caller.member(group_id, kind)
    alone = caller.done(caller.post("/volumes", {"volume": {"size": 1}}))
    assert ids(speaking(10), f"group_id={group_id}") == [member]
    assert ids(speaking(9), f"group_id={group_id}") == [alone, member]


def test_what_is_no_flag_is_refused(speaking: Callable[[int], Caller]) -> None:
    check_bad_request(speaking(2).get("/volumes?bootable=perhaps"), "bootable")
    check_bad_request(speaking(45).get("/volumes?with_count=perhaps"), "with_count")


@pytest.mark.parametrize("path", ["/volumes", "/volumes/detail"])
def test_how_many_volumes_there_are_on_all_pages(
    speaking: Callable[[int], Caller], pair: tuple[str, str], path: str
) -> None:
    page = speaking(45).get(f"{path}?limit=1&with_count=True").json
    assert (len(page["volumes"]), page["count"]) == (1, 2)
    assert speaking(45).get(f"{path}?with_count=True&name=ab").json["count"] == 1
    assert "count" not in speaking(45).get(path).json
    assert "count" not in speaking(44).get(f"{path}?with_count=True").json


def test_how_many_snapshots_there_are(speaking: Callable[[int], Caller], pair: tuple[str, str]) -> None:
    for volume_id in pair:
        speaking(0).done(speaking(0).post("/snapshots", {"snapshot": {"volume_id": volume_id}}))
    page = speaking(45).get("/snapshots/detail?limit=1&with_count=True").json
    assert (len(page["snapshots"]), page["count"]) == (1, 2)
    filtered = speaking(45).get(f"/snapshots?with_count=True&volume_id={pair[0]}").json
    assert filtered["count"] == 1


def test_what_is_shown_of_a_volume(speaking: Callable[[int], Caller], pair: tuple[str, str]) -> None:
    later = {
        21: {"provider_id": None},
        48: {"service_uuid": ANY, "shared_targets": False},
        61: {"cluster_name": None},
        63: {"volume_type_id": None},
        65: {"consumes_quota": True},
    }
    path = f"/volumes/{pair[0]}"
    for minor, fields in later.items():
        before, after = (speaking(at).get(path).json["volume"] for at in (minor - 1, minor))
        assert {name: after[name] for name in after.keys() - before.keys()} == fields
    hidden = {"provider_id", "cluster_name"}
    assert not hidden & speaking(65).as_member().at(65).get(path).json["volume"].keys()


def test_what_is_shown_of_a_snapshot(speaking: Callable[[int], Caller], pair: tuple[str, str]) -> None:
    copy = speaking(0).done(speaking(0).post("/snapshots", {"snapshot": {"volume_id": pair[0]}}))
    for minor, name in ((41, "user_id"), (65, "consumes_quota")):
        before, after = (speaking(at).get(f"/snapshots/{copy}").json["snapshot"] for at in (minor - 1, minor))
        assert after.keys() - before.keys() == {name}


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ("gt:{second}", []),
        ("gte:{second}", [1]),
        ("lt:{second}", [0]),
        ("lte:{second}", [1, 0]),
        ("neq:{second}", [0]),
        ("{second}", [1]),
        ("gte:{first},lt:{second}", [0]),
        ("gt:2020-01-01", [1, 0]),
        ("lt:2020-01-01T00:00:00Z", []),
    ],
)
def test_volumes_by_their_age(
    speaking: Callable[[int], Caller], pair: tuple[str, str], wish: str, found: list[int]
) -> None:
    first, second = (speaking(0).get(f"/volumes/{id_}").json["volume"]["created_at"] for id_ in pair)
    query = f"created_at={wish.format(first=first, second=second)}"
    assert ids(speaking(60), query) == [pair[number] for number in found]
    assert ids(speaking(59), query) == [pair[1], pair[0]]


@pytest.mark.parametrize(
    "wish",
    ["yesterday", "about:2026-11-22", "gt:", "0001-01-01T00:00:00%2B14:00", "lt:2026-11-22," * 9],
)
def test_what_is_no_moment_is_refused(speaking: Callable[[int], Caller], wish: str) -> None:
    check_bad_request(speaking(60).get(f"/volumes?updated_at={wish}"), "updated_at")


def test_pools_that_have_what_a_type_asks_for(speaking: Callable[[int], Caller], caller: Caller) -> None:
    able, unable = (
        caller.post("/types", {"volume_type": {"name": f"t{uuid.uuid4().hex}", "extra_specs": specs}})
        for specs in ({"consistencygroup_support": "<is> True"}, {"volume_backend_name": "elsewhere"})
    )

    def pools(minor: int, wanted: str) -> int:
        answer = speaking(minor).get(f"/scheduler-stats/get_pools?volume_type={wanted}")
        return len(answer.json["pools"])

    assert pools(35, able.json["volume_type"]["id"]) == 1
    assert pools(35, unable.json["volume_type"]["name"]) == 0
    assert pools(34, unable.json["volume_type"]["name"]) == 1
    check_not_found(speaking(35).get("/scheduler-stats/get_pools?volume_type=none-such"))


def test_types_by_extra_specs(speaking: Callable[[int], Caller], caller: Caller) -> None:
    colour = uuid.uuid4().hex
    body = {"volume_type": {"name": colour, "extra_specs": {"colour": colour, "size": "l"}}}
    made = caller.post("/types", body).json["volume_type"]["id"]

    def found(who: Caller, **specs: str) -> list[str]:
        return [kind["id"] for kind in who.get(f"/types?extra_specs={specs}").json["volume_types"]]

    assert found(speaking(52), colour=colour, size="l") == [made]
    assert found(speaking(52), colour=colour, size="s") == []
    assert found(speaking(51), colour="none such") == []
    assert found(speaking(52).as_member().at(52), colour=colour) == []
    assert made in found(speaking(52).as_member().at(51), colour="none such")


def test_limits_of_another_project(speaking: Callable[[int], Caller], caller: Caller) -> None:
    other = f"p{uuid.uuid4().hex}"
    caller.put(f"/os-quota-sets/{other}", {"quota_set": {"volumes": 77}})

    def most(who: Caller) -> int:
        limits: dict[str, int] = who.get(f"/limits?project_id={other}").json["limits"]["absolute"]
        return limits["maxTotalVolumes"]

    assert most(speaking(39)) == 77
    assert most(speaking(38)) != 77
    assert speaking(39).as_member().at(39).get(f"/limits?project_id={other}").status_code == 403
