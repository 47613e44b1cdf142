"""The seed patch's statements about quota (S91 to S98), over HTTP: usage is the sum over what exists."""

from __future__ import annotations

from typing import Any

import pytest

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_fault


def asked(caller: Caller, volume_types: str) -> Any:
    return caller.post("/consistencygroups", {"consistencygroup": {"volume_types": volume_types}})


def held(caller: Caller) -> dict[str, tuple[int, int]]:
    """Return what is in use and what is reserved, leaving out lines without either."""
    usage = caller.get(f"/os-quota-sets/{caller.project}?usage=True").json["quota_set"]
    lines = {
        name: (line["in_use"], line["reserved"])
        for name, line in usage.items()
        if name not in ("id", "groups")
    }
    return {name: line for name, line in lines.items() if any(line)}


def test_a_group_is_reserved_then_counted_then_given_back_s91(caller: Caller, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("create_group", "hang"))
    answer = asked(caller, caller.type())
    assert held(caller) == {"consistencygroups": (0, 1)}
    assert faults.await_firings(1, 10)
    faults.release_hanging_calls()
    group_id = caller.done(answer)
    assert held(caller) == {"consistencygroups": (1, 0)}
    caller.done(caller.delete(f"/consistencygroups/{group_id}"))
    assert held(caller) == {}


def test_an_ordinary_user_beyond_the_quota_leaves_no_record_s92(caller: Caller, member: Caller) -> None:
    name = caller.type()
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"consistencygroups": 1}})
    group_id = member.group(name)
    answer = asked(member, name)
    assert check_fault(answer, 413, "overLimit") == "Maximum number of groups allowed (1) exceeded"
    assert answer.headers["Retry-After"] == "0"
    assert [one["id"] for one in member.get("/consistencygroups").json["consistencygroups"]] == [group_id]
    assert held(caller) == {"consistencygroups": (1, 0)}


def test_a_cgsnapshot_is_one_sum_and_all_of_it_comes_back_s94_s97(
    caller: Caller, faults: FaultSchedule
) -> None:
    gold, plain = caller.type(), caller.type()
    group_id = caller.group(f"{gold},{plain}")
    before = held(caller)
    for size, name in enumerate((gold, plain, gold), 1):
        caller.member(group_id, name, size=size)
    members = held(caller)
    assert members == {
        **before,
        "volumes": (3, 0),
        "gigabytes": (6, 0),
        f"volumes_{gold}": (2, 0),
        f"gigabytes_{gold}": (4, 0),
        f"volumes_{plain}": (1, 0),
        f"gigabytes_{plain}": (2, 0),
    }
    faults.add_fault(Fault("cut", "hang"))
    answer = caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group_id}})
    assert faults.await_firings(1, 10)
    assert held(caller) == {
        **members,
        "snapshots": (0, 3),
        f"snapshots_{gold}": (0, 2),
        f"snapshots_{plain}": (0, 1),
        "gigabytes": (6, 6),
        f"gigabytes_{gold}": (4, 4),
        f"gigabytes_{plain}": (2, 2),
    }
    faults.release_hanging_calls()
    cgsnapshot_id = caller.done(answer)
    assert held(caller) == {
        **members,
        "snapshots": (3, 0),
        f"snapshots_{gold}": (2, 0),
        f"snapshots_{plain}": (1, 0),
        "gigabytes": (12, 0),
        f"gigabytes_{gold}": (8, 0),
        f"gigabytes_{plain}": (4, 0),
    }
    caller.done(caller.delete(f"/cgsnapshots/{cgsnapshot_id}"))
    assert held(caller) == members
    caller.done(caller.post(f"/consistencygroups/{group_id}/delete", {"consistencygroup": {"force": True}}))
    assert held(caller) == {}


@pytest.mark.parametrize(
    ("call", "noun", "body"),
    [
        ("create_group", "consistencygroup", {"volume_types": "TYPE"}),
        ("create_volume", "volume", {"size": 3, "volume_type": "TYPE", "consistencygroup_id": "GROUP"}),
        ("prepare", "cgsnapshot", {"consistencygroup_id": "GROUP"}),
        ("cut", "cgsnapshot", {"consistencygroup_id": "GROUP"}),
    ],
)
def test_what_fails_counts_nothing_s98(
    caller: Caller, faults: FaultSchedule, call: Any, noun: str, body: dict[str, Any]
) -> None:
    name = caller.type()
    group_id = caller.group(name)
    caller.member(group_id, name, size=2)
    before = held(caller)
    faults.add_fault(Fault(call, "ambiguous", when="after"))
    named = {"TYPE": name, "GROUP": group_id}
    answer = caller.post(f"/{noun}s", {noun: {key: named.get(value, value) for key, value in body.items()}})
    assert caller.flow(answer)["state"] == "reverted"
    failed = answer.json[noun]["id"]
    assert caller.get(f"/{noun}s/{failed}").json[noun]["status"] == "error"
    assert held(caller) == before, "without waiting for somebody to delete the record"
    caller.done(caller.delete(f"/{noun}s/{failed}"))
    assert held(caller) == before
