"""The responses of a Cinder 29 to the scenario and those of cgflow are alike, except for stated differences.

``cinder.json.xz`` holds the shapes of Cinder's responses; ``play.py`` describes how it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from cgflow.drivers.memory.driver import MemoryDriver
from tests.support.world import world
from tests.wire.comparison import compare
from tests.wire.differences import STATED, Stated
from tests.wire.scenario import CHAPTERS, Chapter
from tests.wire.scenario_player import Answer, Recording, play, read, write

CINDER = Path(__file__).parent / "cinder.json.xz"


class Local:
    """The application, called without a network."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Send one request; see ``play.Service``."""
        answer = self._client.open(path, method=method, data=body, headers=headers)
        return answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.data


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    driver = MemoryDriver(capacity_gib=100_000)
    # Cinder creates a volume type with this name, which is used where a request names none.
    with world(tmp_path_factory.mktemp("state"), driver, default_volume_type="__DEFAULT__") as served:
        served.type("__DEFAULT__")
        yield Local(create_app(served.runtime).test_client())


@pytest.fixture(scope="module")
def theirs() -> Recording:
    return read(CINDER)


@pytest.fixture(scope="module")
def seen() -> set[Stated]:
    """The stated differences that were found."""
    return set()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "chapter", [chapter for chapter, _ in CHAPTERS], ids=lambda chapter: chapter.__name__
)
def test_answers_are_alike(service: Local, theirs: Recording, seen: set[Stated], chapter: Chapter) -> None:
    minors = [minor for one, minors in CHAPTERS if one is chapter for minor in minors]
    ours = play(service, [(chapter, minors)])
    unstated = []
    told = {name: answer for name, answer in theirs.items() if f" {chapter.__name__}: " in name}
    for (step, difference), where in compare(told, ours).items():
        matching = {one for one in STATED if one.matches(step, difference)}
        seen |= matching
        if not matching:
            unstated.append(f"{step}: {difference} (at 3.{where[0]} to 3.{where[-1]})")
    assert not unstated, "\n".join(sorted(unstated))


def test_every_stated_difference_is_there(seen: set[Stated], request: pytest.FixtureRequest) -> None:
    """Runs after all chapters, because a single chapter does not find the differences of the others."""
    played = {item.name for item in request.session.items}
    if any(f"test_answers_are_alike[{chapter.__name__}]" not in played for chapter, _ in CHAPTERS):
        pytest.skip("not all chapters were played")
    assert [one for one in STATED if one not in seen] == []


def test_no_step_is_missing(theirs: Recording) -> None:
    minors = {name.partition(" ")[0] for name in theirs}
    assert minors == {f"3.{minor}" for _, minors in CHAPTERS for minor in minors}
    assert len(theirs) > 4000


def test_a_recording_is_read_as_it_was_written(tmp_path: Path, theirs: Recording) -> None:
    write(theirs, tmp_path / "again")
    assert read(tmp_path / "again") == theirs
