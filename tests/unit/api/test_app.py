"""Requests that are accepted on a full disk, because they lead to freed space."""

from __future__ import annotations

import pytest
from flask import Flask

from api.app import request_frees_space

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("method", "path", "raw", "media_type", "frees"),
    [
        ("DELETE", "/v3/p/volumes/x", b"", JSON, True),
        ("POST", "/v3/p/consistencygroups/x/delete", b"", JSON, True),
        ("POST", "/v3/p/flows/x/action", b"{}", JSON, True),
        ("POST", "/v3/p/volumes/x/action", b'{"os-force_delete": {}}', JSON, True),
        ("POST", "/v3/p/volumes/x/action", b'{"os-force_delete": {}}', FORM, True),
        ("POST", "/v3/p/volumes/x/action", b'{"os-extend": {"new_size": 2}}', JSON, False),
        ("POST", "/v3/p/volumes", b'{"volume": {"size": 1}}', JSON, False),
        ("POST", "/v3/p/volumes/x/action", b"", JSON, False),
        ("POST", "/v3/p/volumes/x/action", b"\xff", JSON, False),
        pytest.param("POST", "/v3/p/volumes/x/action", b"[" * 100_000, JSON, False, id="deep"),
    ],
)
def test_requests_that_free_space(method: str, path: str, raw: bytes, media_type: str, frees: bool) -> None:
    with Flask(__name__).test_request_context(path, method=method, data=raw, content_type=media_type):
        assert request_frees_space() is frees
