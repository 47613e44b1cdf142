"""``kill -9`` between the commit of a request and its response: a repeat gets it, and it runs once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Serving
from tests.support import serve_killed_before_response

pytestmark = [pytest.mark.real, pytest.mark.slow]

PATH = "/v3/demo/volumes"
VOLUME = {"volume": {"size": 1, "name": "v"}}
KEY = {"Idempotency-Key": "k-1", "X-Auth-Token": "ada:demo", "Content-Type": "application/json"}


class Mortal(Serving):
    """A service that can be made to exit before the next response is sent."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir, backend="memory")
        self._command[:1] = [sys.executable, serve_killed_before_response.__file__]

    def die_at_the_next_answer(self) -> None:
        (self.state_dir / "die").touch()


@pytest.fixture
def mortal(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mortal]:
    monkeypatch.setenv(serve_killed_before_response.DIE_IN, str(place / "s"))
    served = Mortal(place / "s")
    served.start()
    yield served
    served.end()


def ask(served: Mortal, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], Any]:
    """Return status, headers and body. Raises: RemoteDisconnected, if no response comes."""
    connection = HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), KEY)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), json.loads(answer.read())
    finally:
        connection.close()


def test_the_answer_that_was_never_sent_is_given_after_the_restart(mortal: Mortal) -> None:
    mortal.die_at_the_next_answer()
    with pytest.raises(RemoteDisconnected):
        ask(mortal, "POST", PATH, VOLUME)
    mortal.wait_killed()
    assert "1 unfinished flow resumed" in mortal.start()
    first, second = (ask(mortal, "POST", PATH, VOLUME) for _ in range(2))
    for status, headers, body in (first, second):
        assert (status, headers["Idempotency-Replayed"], body) == (202, "true", first[2])
        assert headers["X-Cgflow-Flow-Id"] == first[1]["X-Cgflow-Flow-Id"]
    volumes = ask(mortal, "GET", PATH)[2]["volumes"]
    assert [volume["id"] for volume in volumes] == [first[2]["volume"]["id"]]
    flows = ask(mortal, "GET", "/v3/demo/flows")[2]["flows"]
    assert [flow["id"] for flow in flows] == [first[1]["X-Cgflow-Flow-Id"]]
    *_, last = mortal.client().flows.follow(flows[0]["id"])
    assert last["to"] == "success"
