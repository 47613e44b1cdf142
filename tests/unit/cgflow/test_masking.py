"""No secret reaches the database: not in an event, not in a stored failure, result or reason."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from taskflow.patterns import linear_flow

from cgflow.db.database import Database
from cgflow.db.models import ATOMDETAILS, Base
from cgflow.db.repositories import flow as flows
from cgflow.engine.backoff import Backoff
from cgflow.engine.task import Task
from cgflow.errors import FinalDriverError
from cgflow.masking import MASK, is_secret, mask_json, mask_text
from cgflow.status import FlowState
from tests.support.small_flows import (
    Each,
    StepLog,
    accept_flow,
    await_flow,
    create_database,
    running_conductor,
)

SECRET = "hunter2-Zx9"


@pytest.mark.parametrize(
    "name",
    [
        *("password", "auth_password", "adminPass", "CHAPPASSWORD", "os-password", "passphrase"),
        *(
            "secret",
            "secret_key",
            "secretKey",
            "client_secrets",
            "token",
            "X-Auth-Token",
            "auth",
            "Authorization",
        ),
        *("private_key", "api_key", "encryption_key", "keyring", "credentials"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "key",
            "sort_key",
            "author",
            "auth_method",
            "auth_username",
            "host",
            "size_bytes",
            "volume_id",
            "bypass",
        ),
        "",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    "words",
    [
        f"login failed: password={SECRET}, host=a",
        f"login failed: password = '{SECRET} more' at host",
        f'{{"user": "u", "password": "{SECRET}"}}',
        f"{{'auth_password': '{SECRET}'}}",
        json.dumps(json.dumps({"body": {"secret_key": SECRET}})),
        f"iscsiadm --name n --password {SECRET} --login",
        f"GET https://user:{SECRET}@storage.example/path refused",
        f"rbd://:{SECRET}@mon",
        f"Authorization: Bearer {SECRET}",
        f"http://host/?token={SECRET}&size=1",
        f"password: {SECRET}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\ncut off",
    ],
)
def test_secrets_in_words(words: str) -> None:
    found = mask_text(words)
    assert SECRET not in found
    assert MASK in found
    assert mask_text(found) == found, "masking twice is masking once"


@pytest.mark.parametrize(
    "words",
    [
        "backend here@qsd is full: 5 GiB wanted, 3 GiB free",
        "there is no volume 41f0c5d8-5d57-4f0b-8f0f-0d6a1d5ee7fd at http://host:8776/v3",
        "sort_key=name:desc and key: value",
        "the password was refused",
    ],
)
def test_other_words_stay(words: str) -> None:
    assert mask_text(words) == words


def test_around_a_secret_everything_stays() -> None:
    assert mask_text(f"host=a password={SECRET}, size=1") == "host=a password=***, size=1"
    assert mask_text(f'{{"password": "{SECRET}", "size": 1}}') == '{"password": "***", "size": 1}'
    assert mask_text(f"https://user:{SECRET}@host/x") == "https://user:***@host/x"


def test_values_are_masked_however_deep_and_left_as_they_are() -> None:
    value = {
        "data": [{"auth_password": SECRET, "auth_username": "u"}, f"token={SECRET}"],
        "token": None,
        "n": 1,
    }
    copy = json.loads(json.dumps(value))
    assert mask_json(value) == {
        "data": [{"auth_password": MASK, "auth_username": "u"}, f"token={MASK}"],
        "token": None,
        "n": 1,
    }
    assert value == copy


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("password"), inner),
    max_leaves=10,
)


@given(JSON)
def test_masking_twice_is_masking_once(value: object) -> None:
    assert mask_json(mask_json(value)) == mask_json(value)


class Connect(Task):
    """Returns a secret that no step requires."""

    atom = "test.connect"

    def execute(self, world: StepLog) -> dict[str, str]:
        return {"host": "a", "auth_password": SECRET}

    def revert(self, world: StepLog, **_: object) -> dict[str, str]:
        return {"token": SECRET}


class Answer(Task):
    """Returns what the next step needs, and a secret by mistake."""

    atom = "test.answer"
    default_provides = "answer"

    def execute(self) -> dict[str, str]:
        return {"name": "n", "token": SECRET}


class Use(Task):
    atom = "test.use"

    def execute(self, world: StepLog, answer: dict[str, str]) -> None:
        world.did.append(answer["token"])


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    made = create_database(database_url)
    yield made
    made.close()


def everything(db: Database) -> str:
    """Return everything that is stored, as text."""
    with db.read() as session:
        return "\n".join(
            str(row)
            for table in Base.metadata.sorted_tables
            for row in session.execute(text(f"SELECT * FROM {table}"))
        )


def test_nothing_of_a_failure_or_an_unused_result_is_stored_with_a_secret(db: Database) -> None:
    def fail() -> None:
        cause = ValueError(f"https://user:{SECRET}@host", {"password": SECRET})
        raise FinalDriverError(f"refused: password={SECRET} at host a") from cause

    def graph(members: list[dict[str, str]]) -> object:
        again = linear_flow.Flow("again", retry=Backoff("again.retry", 2)).add(
            *(Each(one) for one in members)
        )
        return linear_flow.Flow("test").add(Connect(), again)

    with running_conductor(db, StepLog(at={"a": fail, "-a": fail}), graph) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert flow.state is FlowState.ROLLBACK_FAILED
    assert flow.reason == "refused: password=*** at host a"
    stored = everything(db)
    assert "auth_password" in stored
    assert "https://user:" in stored, "the cause of the failure is there"
    assert SECRET not in stored


def test_a_result_that_is_needed_is_kept_for_those_who_need_it_alone(db: Database) -> None:
    world = StepLog()

    def graph(members: list[dict[str, str]]) -> object:
        return linear_flow.Flow("test").add(Answer(), Use())

    with running_conductor(db, world, graph) as conductor:
        flow_id = accept_flow(db)
        conductor.submit_flow(flow_id)
        assert await_flow(db, conductor, flow_id).state is FlowState.SUCCESS
    assert world.did == [SECRET]
    with db.read() as session:
        kept = session.scalar(select(ATOMDETAILS.c.results).where(ATOMDETAILS.c.name == "test.answer"))
        told = flows.all_events(session, flow_id)
    assert kept == {"name": "n", "token": SECRET}
    assert SECRET not in str(told)
    assert {"result": {"name": "n", "token": MASK}} in [event.detail for event in told]
