import pytest
from flask import Flask, g
from werkzeug.exceptions import NotAcceptable

from api import versions
from cgflow.errors import InvalidInput


def negotiated(asked: str | None) -> tuple[int, int]:
    headers = {} if asked is None else {versions.HEADER: asked}
    with Flask("test").test_request_context(headers=headers):
        versions.negotiate_microversion()
        chosen: tuple[int, int] = g.microversion
        return chosen


@pytest.mark.parametrize(
    "asked",
    [
        *(None, "volume 3.0", "  volume   3.0 ", "compute 2.1,volume 3.0", "volume 3.0, x 1"),
        *("cgflow 1.0", "cgflow latest", "cgflow 1.0, volume 3.0"),
    ],
)
def test_what_is_offered(asked: str | None) -> None:
    assert negotiated(asked) == (3, 0)


def test_what_is_offered_at_most() -> None:
    assert negotiated("volume latest") == versions.MAXIMUM
    assert negotiated(f"volume 3.{versions.MAXIMUM[1]}") == versions.MAXIMUM


@pytest.mark.parametrize(
    "asked", [f"volume 3.{versions.MAXIMUM[1] + 1}", "volume 3.99", "volume 2.0", "volume 999999999.0"]
)
def test_what_is_out_of_range(asked: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiated(asked)


@pytest.mark.parametrize(
    "asked",
    ["", "cgflow", "cgflow 1", "compute 2.1", "volume", "volume 3", "volume 3.x", "volume 3.0.1", "3.0"],
)
def test_what_names_no_version(asked: str) -> None:
    with pytest.raises(InvalidInput):
        negotiated(asked)


def test_the_document_is_built_on_the_host_that_was_asked() -> None:
    with Flask("test").test_request_context(base_url="https://a.example/"):
        (version,) = versions.version_document()["versions"]  # type: ignore[misc]
    assert {"rel": "self", "href": "https://a.example/v3/"} in version["links"]
