"""Lists: length, start and order, the same for every resource."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from api.app import create_app
from cgflow.config import Settings
from tests.functional.caller import Caller, check_bad_request, check_not_found
from tests.support.world import World

LISTS = [
    "/consistencygroups",
    "/consistencygroups/detail",
    "/cgsnapshots",
    "/cgsnapshots/detail",
    "/volumes",
    "/volumes/detail",
    "/snapshots",
    "/snapshots/detail",
    "/flows",
]


@pytest.fixture(scope="module")
def owner(app: Flask) -> Caller:
    """A caller with three volumes named c, a and b, created in this order."""
    owner = Caller(app.test_client())
    for name in "cab":
        owner.volume(name=name)
    return owner


def names(owner: Caller, query: str) -> str:
    answer = owner.get(f"/volumes?{query}")
    assert answer.status_code == 200, answer.text
    return "".join(volume["name"] for volume in answer.json["volumes"])


def pages(owner: Caller, path: str) -> Iterator[str]:
    href: str | None = owner.prefix + path
    while href:
        page = owner._client.get(href, headers=owner._headers).json
        yield "".join(volume["name"] for volume in page["volumes"])
        href = page["volumes_links"][0]["href"] if "volumes_links" in page else None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "bac"),
        ("sort=name", "cba"),
        ("sort=name:asc", "abc"),
        ("sort=status:asc,name:desc", "cba"),
        ("sort_key=name&sort_dir=asc", "abc"),
        ("sort=display_name:asc", "abc"),
        ("sort_key=created_at", "bac"),
        ("sort_dir=asc", "cab"),
        ("limit=2", "ba"),
        ("limit=0", ""),
        ("offset=1", "ac"),
        ("offset=1&limit=1", "a"),
        ("offset=9", ""),
        ("limit=999999", "bac"),
        ("name=a", "a"),
        ("status=available", "bac"),
        ("status=error", ""),
        ("metadata=%7B%7D", "bac"),
        # The parameter exists from 3.45 on. Below, it is a filter that no volume passes.
        ("with_count=True", ""),
    ],
)
def test_orders_and_parts(owner: Caller, query: str, expected: str) -> None:
    """S15."""
    assert names(owner, query) == expected


@pytest.mark.parametrize(
    "query", ["limit=1", "limit=1&sort=name:asc", "limit=2&offset=1", "limit=3", "limit=9"]
)
def test_a_full_page_leads_to_the_next(owner: Caller, query: str) -> None:
    page, _, others = query.partition("&")
    whole, limit = names(owner, others), int(page.removeprefix("limit="))
    assert list(pages(owner, f"/volumes?{query}")) == [
        whole[start : start + limit] for start in range(0, len(whole) + 1, limit)
    ]


def test_the_next_page_keeps_the_question(owner: Caller) -> None:
    page = owner.get("/volumes?limit=1&sort=name:asc&all_tenants=0&status=available").json
    (link,) = page["volumes_links"]
    assert link["rel"] == "next"
    last = page["volumes"][-1]["id"]
    assert link["href"] == (
        f"http://localhost{owner.prefix}/volumes"
        f"?limit=1&sort=name%3Aasc&all_tenants=0&status=available&marker={last}"
    )


def test_the_service_caps_a_page(owner: Caller, served: World) -> None:
    """S13."""
    runtime = served.runtime.__class__(**{**vars(served.runtime), "settings": Settings(osapi_max_limit=2)})
    capped = Caller(create_app(runtime).test_client(), owner.project)
    assert names(capped, "") == names(capped, "limit=50") == "ba"
    assert "".join(pages(capped, "/volumes")) == "bac"


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "{} param must be an integer"),
        ("1.5", "{} param must be an integer"),
        ("", "{} param must be an integer"),
        ("１", "{} param must be an integer"),
        ("-1", "{} param must be positive"),
    ],
)
def test_numbers_that_are_none(caller: Caller, path: str, name: str, value: str, text: str) -> None:
    assert check_bad_request(caller.get(path, query_string={name: value}), name) == text.format(name)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("value", ["9" * 30, "9" * 5000])
def test_numbers_beyond_all_bounds(caller: Caller, path: str, value: str) -> None:
    told = check_bad_request(caller.get(path, query_string={"offset": value}), "offset")
    assert told == "offset param must be at most 2147483647"
    # No page is that long, so such a limit requests the longest page.
    assert caller.get(path, query_string={"limit": value}).status_code == 200


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sort=colour", "sort_key"),
        ("sort=,", "sort_key"),
        ("sort=", "sort_key"),
        ("sort=id:sideways", "sort_dir"),
        ("sort_key=reason", "sort_key"),
        ("sort_dir=up", "sort_dir"),
        ("sort=id&sort_key=id", "sort"),
        ("sort=" + "x" * 256, "sort"),
        ("marker=" + "x" * 256, "marker"),
    ],
)
def test_orders_that_are_none(caller: Caller, path: str, query: str, field: str) -> None:
    check_bad_request(caller.get(f"{path}?{query}"), field)


@pytest.mark.parametrize("path", LISTS)
def test_a_marker_that_is_not_there(caller: Caller, path: str) -> None:
    assert "nothing" in check_not_found(caller.get(f"{path}?marker=nothing"))


@pytest.mark.parametrize("path", LISTS)
def test_a_nul_in_a_question(caller: Caller, path: str) -> None:
    check_bad_request(caller.get(f"{path}?marker=%00"), "marker")
