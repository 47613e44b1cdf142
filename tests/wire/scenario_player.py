"""Plays requests against a service with Cinder's API, and records the shape of each response.

    python -m tests.wire.scenario_player http://127.0.0.1:8776 tests/wire/cinder.json.xz

records the responses of the service at an address, which must accept callers without authentication.
``test_comparison.py`` plays the same requests against cgflow and compares.
"""

from __future__ import annotations

import http.client
import json
import lzma
import re
import sys
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from tests.wire.response_shapes import shape

Answer = tuple[int, dict[str, str], bytes]
Recording = dict[str, dict[str, Any]]
"""Responses by microversion, chapter and step, such as ``3.50 volumes: volume show``."""

HEADERS = ("openstack-api-version", "retry-after", "vary")
SETTLE_S = 60
_MOVING = re.compile("(creat|delet|extend|retyp|revert|updat)ing")


class Service(Protocol):
    """A service that responds to requests."""

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Send one request; return status, headers in lower case, and the body."""
        ...


class Remote:
    """A service at an address."""

    def __init__(self, url: str) -> None:
        self._address = urllib.parse.urlsplit(url).netloc

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Send the request over HTTP; see the protocol."""
        connection = http.client.HTTPConnection(self._address, timeout=120)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()


class Play:
    """One caller at one microversion. Steps are recorded; ``send`` and ``settle`` are not."""

    def __init__(self, service: Service, minor: int, project: str) -> None:
        self._service = service
        self.minor = minor
        self.project = project
        self.other = uuid.uuid4().hex
        self.tag = f"w{uuid.uuid4().hex[:10]}"
        self.nobody = str(uuid.uuid4())
        self.recording: Recording = {}
        self._headers = {
            "X-Auth-Token": f"admin:{project}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "OpenStack-API-Version": f"volume 3.{minor}",
        }

    def send(self, method: str, path: str, body: Any = None, **headers: str | None) -> Answer:
        """Send one request under the project, or to an absolute path, which begins with two slashes."""
        sent = self._headers | {name.replace("_", "-"): value for name, value in headers.items() if value}
        for name, value in headers.items():
            if value is None:
                sent.pop(name.replace("_", "-"), None)
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        address = path[1:] if path.startswith("//") else f"/v3/{self.project}{path}"
        return self._service.send(method, address, raw, sent)

    def step(
        self,
        name: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        only: str | None = None,
        **headers: str | None,
    ) -> Any:
        """Send and record one request; return its body.

        ``only`` names a list that everybody sees, of which only this scenario's elements are compared.
        """
        assert name not in self.recording, f"two steps are called {name}"
        status, answered, raw = self.send(method, path, body, **headers)
        try:
            data = json.loads(raw) if raw.strip() else None
        except ValueError:
            data = "no JSON"
        if only and isinstance(data, dict) and isinstance(data.get(only), list):
            data[only] = [
                one for one in data[only] if self.tag in json.dumps(one) or self.project in json.dumps(one)
            ]
        self.recording[name] = {
            "status": status,
            "type": answered.get("content-type", "") if data is not None else "",
            "headers": sorted(name for name in HEADERS if name in answered),
            "body": shape(self._anonymous(data)),
        }
        return data if isinstance(data, dict) else {}

    def get(self, name: str, path: str, **more: Any) -> Any:
        """Record a GET."""
        return self.step(name, "GET", path, **more)

    def post(self, name: str, path: str, body: Any = None, **more: Any) -> Any:
        """Record a POST."""
        return self.step(name, "POST", path, body, **more)

    def put(self, name: str, path: str, body: Any = None, **more: Any) -> Any:
        """Record a PUT."""
        return self.step(name, "PUT", path, body, **more)

    def delete(self, name: str, path: str, **more: Any) -> Any:
        """Record a DELETE."""
        return self.step(name, "DELETE", path, **more)

    def settle(self, path: str) -> None:
        """Wait until a resource has a stable status, or is gone."""
        end = time.monotonic() + SETTLE_S
        pause = 0.005
        while time.monotonic() < end:
            status, _, raw = self.send("GET", path)
            if status != 200:
                return
            (shown,) = json.loads(raw).values()
            if not _MOVING.fullmatch(str(shown.get("status", ""))):
                return
            time.sleep(pause)
            pause = min(pause * 2, 0.3)
        raise AssertionError(f"{path} does not come to rest: {raw.decode()}")

    def made(self, noun: str, answer: Any) -> str:
        """Return the id of the resource in a response, once it is stable; ``none``, if it was refused."""
        shown = next(iter(answer.values()), None)
        if not isinstance(shown, dict) or "id" not in shown:
            return "none"
        self.settle(f"/{noun}/{shown['id']}")
        return str(shown["id"])

    def drop(self, noun: str, *ids: str) -> None:
        """Delete resources in any status, without recording."""
        for one in ids:
            self.send("DELETE", f"/{noun}/{one}")
            self.settle(f"/{noun}/{one}")

    def _anonymous(self, data: Any) -> Any:
        """Return a body without the names that differ from one play to the next."""
        if isinstance(data, dict):
            own: dict[str, Any] = {}
            for key, value in data.items():
                base, _, kind = key.partition("_")
                if base in ("volumes", "gigabytes", "snapshots") and kind:
                    # The quota of each type; that of other projects' types is left out.
                    if kind.startswith(self.tag):
                        own[f"{base}_TYPE"] = value
                elif not (base == "groups" and kind):
                    own[key] = self._anonymous(value)
            return own
        return [self._anonymous(one) for one in data] if isinstance(data, list) else data


def play(service: Service, chapters: Iterable[tuple[Callable[[Play], None], Iterable[int]]]) -> Recording:
    """Play chapters, each at its microversions, and return all responses."""
    recording: Recording = {}
    for chapter, minors in chapters:
        for minor in minors:
            stage = Play(service, minor, uuid.uuid4().hex)
            limits = {"volumes": 1000, "snapshots": 1000, "gigabytes": 10000, "groups": 1000}
            stage.send("PUT", f"/os-quota-sets/{stage.project}", {"quota_set": limits})
            chapter(stage)
            before = f"3.{minor} {chapter.__name__}: "
            recording |= {before + name: told for name, told in stage.recording.items()}
    return recording


def write(recording: Recording, path: Path) -> None:
    """Write a recording: each shape once, and the number of the shape of each step."""
    shapes = sorted({json.dumps(told, sort_keys=True) for told in recording.values()})
    number = {text: place for place, text in enumerate(shapes)}
    steps = {name: number[json.dumps(told, sort_keys=True)] for name, told in recording.items()}
    text = json.dumps({"shapes": [json.loads(one) for one in shapes], "steps": steps})
    path.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


def read(path: Path) -> Recording:
    """Read a recording."""
    kept = json.loads(lzma.decompress(path.read_bytes()))
    return {name: kept["shapes"][number] for name, number in kept["steps"].items()}


if __name__ == "__main__":
    from tests.wire.scenario import CHAPTERS

    wanted = [c for c in CHAPTERS if not sys.argv[3:] or c[0].__name__ in sys.argv[3:]]
    target = Path(sys.argv[2])
    before = read(target) if sys.argv[3:] and target.exists() else {}
    write(before | play(Remote(sys.argv[1]), wanted), target)
