"""Every route against every rule: closed rules refuse and change nothing; roles and ownership are checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.app import create_app
from api.versions import MAXIMUM_KEY
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.policies.base import ADMIN, AUDITOR, OWNER, READER
from cgflow.policy import Policy
from flows.acceptance import Accepted
from tests.functional import policy_cases
from tests.functional.caller import Caller, check_fault, check_not_found
from tests.functional.policy_cases import (
    CHECKS,
    HIDDEN_AS_NULL,
    NEVER_FOUND,
    REFUSING,
    SHOWING_RULES,
    PolicyFile,
    Resources,
    stored_rows,
)
from tests.support.world import World, world

DENIED = (401, 403, 404)
OWNED = {
    "group_id": "id",
    "volume_id": "id",
    "cgsnapshot_id": "id",
    "snapshot_id": "id",
    "attachment_id": "id",
    "message_id": "id",
    "transfer_id": "id",
    "group_snapshot_id": "id",
    "flow_id": "id",
    "target_id": "project_id",
}
"""The field that each placeholder of an owned resource stands for."""
UNOWNED = ("{type_id}", "{target_id}", "{specs_id}", "{offer_id}", "{group_type_id}")
HIDDEN = [each for each in REFUSING if "_id}" in each[1] and not any(name in each[1] for name in UNOWNED)]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("policed")


@pytest.fixture(scope="module")
def policed(state: Path) -> Iterator[World]:
    driver = MemoryDriver(capacity_gib=100_000)
    with world(
        state, driver, default_volume_type="plain", default_group_type="default_cgsnapshot_type"
    ) as policed:
        policed.type("plain")
        yield policed


@pytest.fixture(scope="module")
def module_file(state: Path) -> PolicyFile:
    return PolicyFile(state / "policy.yaml")


@pytest.fixture(scope="module")
def app(policed: World, module_file: PolicyFile) -> Flask:
    app = create_app(policed.runtime, policy=Policy(module_file.path))
    app.config[MAXIMUM_KEY] = (3, 71)
    return app


@pytest.fixture
def policy(module_file: PolicyFile) -> Iterator[PolicyFile]:
    yield module_file
    module_file.write({})


@pytest.fixture(scope="module")
def lasting(app: Flask) -> Resources:
    """Resources for the tests that change nothing."""
    return Resources(Caller(app.test_client()))


@pytest.fixture
def things(caller: Caller, policed: World) -> Iterator[Resources]:
    """Resources to be changed; their operations end before the next test reads what is stored."""
    yield Resources(caller)
    for flow in caller.get("/flows").json["flows"]:
        policed.finish(Accepted(flow["id"], flow["resource_id"]))


def with_roles(things: Resources, roles: str) -> Caller:
    return Caller(things.owner._client, things.owner.project, user="eve", roles=roles)


def test_every_route_has_a_rule_and_every_rule_a_route(app: Flask) -> None:
    """S103."""
    guarded = {operation for _, operation in policy_cases.GUARDED}
    assert policy_cases.routes(app) - guarded == set(), "routes without a rule in cgflow/policies"
    assert guarded - policy_cases.routes(app) == set(), "rules for routes that do not exist"
    refusing = {operation for _, operation in REFUSING}
    assert policy_cases.routes(app) - refusing == set(), "routes whose rules hide something but refuse nobody"


@pytest.mark.parametrize(("rule", "operation"), REFUSING)
def test_a_closed_rule_refuses_even_an_administrator_and_changes_nothing(
    lasting: Resources, policy: PolicyFile, state: Path, rule: str, operation: str
) -> None:
    """S103, S104."""
    before = stored_rows(state)
    policy.write({rule: "!"})
    message = check_fault(lasting.ask(lasting.owner, rule, operation), 403, "forbidden")
    assert message == f"Policy doesn't allow {rule} to be performed."
    assert stored_rows(state) == before


def test_a_rule_is_asked_about_the_very_thing(things: Resources, policy: PolicyFile) -> None:
    """S102."""
    looks = [each for each in REFUSING if policy_cases.is_read(each[1])]
    for rule, operation in [*looks, *policy_cases.CHANGES]:
        placeholder = operation.partition("{")[2].partition("}")[0]
        if placeholder not in OWNED or operation in policy_cases.DELETED_BEFORE:
            continue
        field = OWNED[placeholder]
        policy.write({rule: f"'another':%({field})s"})
        check_fault(things.ask(things.owner, rule, operation), 403, "forbidden")
        policy.write({rule: f"'{things.names[placeholder]}':%({field})s"})
        answer = things.ask(things.owner, rule, operation)
        assert answer.status_code not in DENIED, (rule, operation, answer.text)


@pytest.mark.parametrize("rule", ["consistencygroup:create_cgsnapshot", "volume:create_snapshot"])
def test_a_cgsnapshot_is_asked_about_its_group_and_each_member(
    things: Resources, policy: PolicyFile, rule: str
) -> None:
    """S105."""
    operation = "POST /cgsnapshots"
    subject = "group_id" if rule.startswith("consistencygroup") else "volume_id"
    policy.write({rule: "'another':%(id)s"})
    check_fault(things.ask(things.owner, rule, operation), 403, "forbidden")
    policy.write({rule: f"'{things.names[subject]}':%(id)s"})
    assert things.ask(things.owner, rule, operation).status_code == 202


@pytest.mark.parametrize("role", ["member", "reader", "auditor", "nothing"])
def test_what_a_role_may_not_do_is_forbidden_and_changes_nothing(
    lasting: Resources, state: Path, role: str
) -> None:
    before = stored_rows(state)
    for rule, operation in REFUSING:
        if not is_allowed(rule, role):
            answer = lasting.ask(with_roles(lasting, role), rule, operation)
            assert check_fault(answer, 403, "forbidden").startswith("Policy doesn't allow ")
    assert stored_rows(state) == before


@pytest.mark.parametrize("role", ["admin", "member", "reader", "auditor"])
def test_what_a_role_may_look_at_is_shown(lasting: Resources, role: str) -> None:
    for rule, operation in REFUSING:
        if policy_cases.is_read(operation) and is_allowed(rule, role):
            answer = lasting.ask(with_roles(lasting, role), rule, operation)
            expected = 404 if any(name in operation for name in NEVER_FOUND) else 200
            assert answer.status_code == expected, (rule, operation, answer.text)


@pytest.mark.parametrize("role", ["admin", "member"])
def test_what_a_role_may_do_is_not_forbidden(things: Resources, role: str) -> None:
    for rule, operation in policy_cases.CHANGES:
        if is_allowed(rule, role):
            answer = things.ask(with_roles(things, role), rule, operation)
            # It may be refused because of its own state: it is busy, or already as requested.
            is_gone = operation in policy_cases.DELETED_BEFORE or any(
                name in operation for name in NEVER_FOUND
            )
            gone = (404,) if is_gone else ()
            assert answer.status_code in (200, 202, 204, 400, 409, *gone), (rule, operation, answer.text)


def is_allowed(rule: str, role: str) -> bool:
    """Return whether docs/security.md allows a rule to a role."""
    allowed = {
        ADMIN: {"admin"},
        OWNER: {"admin", "member"},
        READER: {"admin", "member", "reader", "auditor"},
        AUDITOR: {"admin", "auditor"},
    }
    return role in allowed[CHECKS[rule]]


@pytest.mark.parametrize(("rule", "operation"), HIDDEN)
def test_what_belongs_to_another_project_is_not_there(
    lasting: Resources, stranger: Caller, state: Path, rule: str, operation: str
) -> None:
    before = stored_rows(state)
    if CHECKS[rule] == ADMIN:
        check_fault(lasting.ask(stranger, rule, operation), 403, "forbidden")
    else:
        check_not_found(lasting.ask(stranger, rule, operation, "?all_tenants=1"))
    assert stored_rows(state) == before


def test_an_auditor_sees_the_flows_of_all_projects_and_changes_none(app: Flask, lasting: Resources) -> None:
    auditor = Caller(app.test_client(), user="audrey", roles="auditor")
    flow_id = lasting.names["flow_id"]
    assert auditor.get("/flows").json["flows"] == []
    seen = auditor.get("/flows?all_tenants=1").json["flows"]
    assert flow_id in {flow["id"] for flow in seen}
    for path in ("", "/events", "/graph"):
        assert auditor.get(f"/flows/{flow_id}{path}?all_tenants=1").status_code == 200
    for action in ("flow:retry", "flow:cancel"):
        operation = "POST /flows/{flow_id}/action"
        check_fault(lasting.ask(auditor, action, operation, "?all_tenants=1"), 403, "forbidden")


@pytest.mark.parametrize("rule", SHOWING_RULES)
def test_a_rule_that_hides_parts_of_an_answer(lasting: Resources, policy: PolicyFile, rule: str) -> None:
    def shown(caller: Caller, operation: str) -> bool:
        ((_, found),) = [
            pair
            for pair in lasting.ask(caller, rule, operation).json.items()
            if not pair[0].endswith("_links")
        ]
        # All elements of a list show the same fields; Cinder hides specs as an empty object.
        mine = lasting.names.values()
        one = next(each for each in found if each["id"] in mine) if isinstance(found, list) else found
        return all(
            one.get(name, {}) not in ([{}, None] if name in HIDDEN_AS_NULL else [{}])
            for name in SHOWING_RULES[rule]
        )

    operations = [operation for name, operation in policy_cases.GUARDED if name == rule]
    for operation in operations:
        if operation == "GET /types/default":
            continue
        policy.write({rule: "!"})
        assert not shown(lasting.owner, operation)
        policy.write({rule: "@"})
        assert shown(with_roles(lasting, "member"), operation)


@pytest.mark.parametrize("role", ["admin", "member", "reader", "auditor"])
def test_the_address_of_a_volume_is_not_for_those_who_only_read(lasting: Resources, role: str) -> None:
    attachment_id = lasting.names["attachment_id"]
    caller = with_roles(lasting, role).at(71)
    one = caller.get(f"/attachments/{attachment_id}").json["attachment"]
    (same,) = caller.get("/attachments/detail").json["attachments"]
    assert one == same
    if role in ("admin", "member"):
        assert one["connection_info"]["driver_volume_type"]
    else:
        assert one["connection_info"] is None


def test_a_member_who_audits_learns_the_addresses_of_their_project(app: Flask, lasting: Resources) -> None:
    attachment_id = lasting.names["attachment_id"]
    auditor = Caller(app.test_client(), user="audrey", roles="auditor,member").at(71)
    answer = auditor.get("/attachments/detail?all_tenants=1").json["attachments"]
    (found,) = [one for one in answer if one["id"] == attachment_id]
    assert found["connection_info"] is None


def test_the_off_switch_of_consistency_groups(things: Resources, policy: PolicyFile) -> None:
    """S101."""
    policy.write({"consistencygroup:create": "!"})
    check_fault(
        things.ask(things.owner, "consistencygroup:create", "POST /consistencygroups"), 403, "forbidden"
    )
    for name in ("cgsnapshot_id", "group_snapshot_id"):
        things.owner.done(things.owner.delete(f"/cgsnapshots/{things.names[name]}"))
    things.owner.done(
        things.ask(things.owner, "consistencygroup:delete", "POST /consistencygroups/{group_id}/delete")
    )


def test_a_changed_file_is_obeyed_and_a_bad_one_is_not(lasting: Resources, policy: PolicyFile) -> None:
    operation = "GET /volumes"
    policy.write({"volume:get_all": "!"})
    check_fault(lasting.ask(lasting.owner, "volume:get_all", operation), 403, "forbidden")
    policy.path.write_text("volume:get_all: [")
    check_fault(lasting.ask(lasting.owner, "volume:get_all", operation), 403, "forbidden")
    policy.write({})
    assert lasting.ask(lasting.owner, "volume:get_all", operation).status_code == 200
