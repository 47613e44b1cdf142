"""The seed patch's statements about placing a group (S55, S72 to S80, S121 to S123), over HTTP."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import InvalidInput
from tests.functional.caller import Caller
from tests.support.world import HOST, World, world

THERE = "there@memory"


def asked(caller: Caller, volume_types: str) -> Any:
    return caller.post("/consistencygroups", {"consistencygroup": {"volume_types": volume_types}})


def shown(caller: Caller, group_id: str) -> dict[str, Any]:
    group: dict[str, Any] = caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]
    return group


def test_the_backend_is_on_record_before_it_is_called_s77_s79_s122(
    caller: Caller, faults: FaultSchedule, served: World
) -> None:
    faults.add_fault(Fault("create_group", "hang"))
    answer = asked(caller, caller.type())
    group_id = answer.json["consistencygroup"]["id"]
    assert faults.await_firings(1, 10)
    begun = served.get("consistencygroup", group_id)
    # The host is a backend without a pool: pools are shown with volumes only.
    assert (begun.status, begun.host) == ("creating", HOST)
    assert begun.updated_at is not None
    faults.release_hanging_calls()
    caller.done(answer)
    done = served.get("consistencygroup", group_id)
    assert (done.status, done.host) == ("available", HOST)
    assert done.created_at > begun.created_at


def test_what_no_backend_can_take_is_in_error_and_holds_nothing_s78(
    caller: Caller, served: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = asked(caller, f"{caller.type()},{caller.type(volume_backend_name='elsewhere')}")
        assert caller.flow(answer)["state"] == "reverted"
    group_id = answer.json["consistencygroup"]["id"]
    assert f"Could not find a host for consistency group {group_id}." in caplog.text
    group = shown(caller, group_id)
    assert group["status"] == "error"
    assert "lacks volume_backend_name (needs 'elsewhere', has 'memory')" in group["cgflow:reason"]
    assert served.get("consistencygroup", group_id).host is None
    assert caller.in_use() == {}
    caller.done(caller.delete(f"/consistencygroups/{group_id}"))


def test_types_are_read_for_those_who_may_not_see_their_specs_s72_s80(caller: Caller, member: Caller) -> None:
    fit, unfit = caller.type(volume_backend_name="memory"), caller.type(volume_backend_name="elsewhere")
    (seen,) = member.get(f"/types?name={fit}").json["volume_types"]
    assert not seen.get("extra_specs")
    group_id = member.group(fit)
    assert shown(member, group_id)["status"] == "available"
    refused = asked(member, unfit)
    assert member.flow(refused)["state"] == "reverted"
    assert "volume_backend_name" in shown(member, refused.json["consistencygroup"]["id"])["cgflow:reason"]
    # The requirements that placing a group adds to a type are not stored in the type.
    (seen,) = caller.get(f"/types?name={fit}").json["volume_types"]
    assert seen["extra_specs"] == {"volume_backend_name": "memory"}


@pytest.mark.parametrize("kind", ["final", "ambiguous", "lie"])
def test_a_group_that_its_backend_did_not_make_is_in_error_s122_s123(
    caller: Caller, faults: FaultSchedule, served: World, kind: Any
) -> None:
    faults.add_fault(Fault("create_group", kind))
    answer = asked(caller, caller.type())
    assert caller.flow(answer)["state"] == "reverted"
    group_id = answer.json["consistencygroup"]["id"]
    assert shown(caller, group_id)["status"] == "error"
    assert group_id not in served.driver.inventory().groups


def test_a_member_goes_where_its_group_is_whatever_the_scheduler_says_s55(tmp_path: Path) -> None:
    fewest = {"scheduler_default_weighers": ["volume_number"]}
    with world(tmp_path, MemoryDriver(), others={THERE: MemoryDriver()}, scheduler=fewest) as w:
        w.type()
        group_id = w.make(w.accept_group())
        assert w.get("consistencygroup", group_id).host == HOST
        first = w.make(w.accept_volume(group_id))
        alone = w.make(w.accept_volume())
        assert w.get("volume", alone).host == THERE, "the scheduler takes the backend with the fewest volumes"
        w.make(w.accept_volume(group_id))
        third = w.make(w.accept_volume(group_id))
        assert {w.get("volume", id_).host for id_ in (first, third)} == {HOST}
        with pytest.raises(
            InvalidInput, match=f"is on backend {THERE}, but consistency group .* is on {HOST}"
        ):
            w.accept_volume(group_id, source_volid=alone)
        assert w.get("volume", w.make(w.accept_volume(source_volid=alone))).host == THERE
