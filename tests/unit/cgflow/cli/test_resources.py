"""The commands of each resource: their requests and output."""

from __future__ import annotations

import pytest

from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand

T, G, V = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "abc")


@pytest.fixture(autouse=True)
def things(service: CannedService) -> None:
    gold = {"id": T, "name": "gold", "is_public": True, "extra_specs": {"a": "<is> True"}}
    service.plays("GET", "/types", {"volume_types": [gold]})
    service.plays("GET", f"/types/{T}", {"volume_type": gold})
    group = {"id": G, "name": "db", "status": "error", "cgflow:reason": "No valid backend: full."}
    service.plays("GET", "/consistencygroups/detail", {"consistencygroups": [group]})
    volumes = [
        {"id": V, "name": "data", "size": 2, "consistencygroup_id": G, "links": [{"rel": "self"}]},
        {"id": "other", "name": "[bold]lone\x1b[2J", "size": 1, "consistencygroup_id": None},
    ]
    service.plays("GET", "/volumes/detail", {"volumes": volumes})


def test_type_create_with_extra_specs(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("POST", "/types", {"volume_type": {"id": T, "name": "gold"}})
    service.plays(
        "POST", f"/types/{T}/extra_specs", {"extra_specs": {"consistencygroup_support": "<is> True"}}
    )
    made = cgflow.json("type", "create", "gold", "--property", "consistencygroup_support=<is> True")
    assert made["volume_type"]["extra_specs"] == {"consistencygroup_support": "<is> True"}
    assert service.asked[1].body == {"extra_specs": {"consistencygroup_support": "<is> True"}}


def test_type_list_set_unset_delete(service: CannedService, cgflow: CgflowCommand) -> None:
    assert "a=<is> True" in cgflow("type", "list").stdout
    service.plays("POST", f"/types/{T}/extra_specs", {"extra_specs": {"b": "c=d"}})
    assert cgflow("type", "set", "gold", "b=c=d").exit_code == 0
    assert service.requests("POST", f"/types/{T}/extra_specs")[0].body == {"extra_specs": {"b": "c=d"}}
    service.plays("DELETE", f"/types/{T}/extra_specs/a", status=202)
    assert cgflow("type", "unset", "gold", "a").exit_code == 0
    service.plays("DELETE", f"/types/{T}", status=202)
    assert cgflow("type", "delete", T).stdout == f"volume type {T} is deleted.\n"


@pytest.mark.parametrize("words", [("type", "set", "gold", "novalue"), ("quota", "set", "volumes=many")])
def test_a_malformed_pair_is_not_understood(
    service: CannedService, cgflow: CgflowCommand, words: tuple[str]
) -> None:
    assert cgflow(*words).exit_code == 2
    assert service.asked == []


def test_group_create_sends_the_ids_of_its_types(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("POST", "/consistencygroups", {"consistencygroup": {"id": G, "name": "db"}}, flow="f")
    made = cgflow.json("group", "create", "db", "--type", "gold", "--type", T)
    assert made == {"consistencygroup": {"id": G, "name": "db"}, "flow_id": "f"}
    assert service.asked[-1].body["consistencygroup"]["volume_types"] == f"{T},{T}"


def test_group_list_and_show_tell_the_reason(cgflow: CgflowCommand) -> None:
    assert "No valid backend: full." in cgflow("group", "list").stdout
    shown = cgflow("group", "show", "db").stdout
    assert "reason  No valid backend: full." in shown


def test_group_delete_with_force(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("POST", f"/consistencygroups/{G}/delete", status=202, flow="f")
    assert cgflow("group", "delete", "db", "--force").exit_code == 0
    assert service.asked[-1].body == {"consistencygroup": {"force": True}}


def test_volume_create_in_a_group(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("POST", "/volumes", {"volume": {"id": V, "name": "data"}}, status=202, flow="f")
    ran = cgflow("volume", "create", "data", "--size", "2", "--type", "gold", "--group", "db")
    assert ran.exit_code == 0
    sent = service.asked[-1].body["volume"]
    assert (sent["size"], sent["volume_type"], sent["consistencygroup_id"]) == (2, T, G)


def test_volume_list_of_a_group(service: CannedService, cgflow: CgflowCommand) -> None:
    cgflow.json("volume", "list", "--group", "db")
    assert service.asked[-1].query == {"consistencygroup_id": G}


def test_what_the_service_sends_is_neither_markup_nor_steers_the_terminal(cgflow: CgflowCommand) -> None:
    shown = cgflow("volume", "list").stdout
    assert "[bold]lone�[2J" in shown
    assert "\x1b" not in shown


def test_volume_extend(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("POST", f"/volumes/{V}/action", status=202, flow="f")
    assert "cgflow flow follow f" in cgflow("volume", "extend", "data", "5").stdout
    assert service.asked[-1].body == {"os-extend": {"new_size": 5}}


def test_connect_prints_the_address_alone(service: CannedService, cgflow: CgflowCommand) -> None:
    info = {"driver_volume_type": "nbd", "data": {"uri": "nbd+unix:///v?socket=/s"}}
    service.plays("POST", f"/volumes/{V}/action", {"connection_info": info})
    assert cgflow("volume", "connect", "data").stdout == "nbd+unix:///v?socket=/s\n"
    assert cgflow.json("volume", "connect", "data") == {"connection_info": info}


def test_connect_without_an_address_prints_what_there_is(
    service: CannedService, cgflow: CgflowCommand
) -> None:
    info = {"driver_volume_type": "rbd", "data": {"name": "pool/image"}}
    service.plays("POST", f"/volumes/{V}/action", {"connection_info": info})
    assert "pool/image" in cgflow("volume", "connect", "data").stdout


def test_a_file_is_asked_for_and_its_path_printed(service: CannedService, cgflow: CgflowCommand) -> None:
    info = {"driver_volume_type": "nbd", "data": {"uri": "nbd+unix:///v?socket=/s", "path": "/var/files/v"}}
    service.plays("POST", f"/volumes/{V}/action", {"connection_info": info})
    assert cgflow("volume", "connect", "data", "--file").stdout == "/var/files/v\n"
    assert service.asked[-1].body == {"os-initialize_connection": {"connector": {"cgflow:file": True}}}
    assert cgflow("volume", "disconnect", "data", "--file").stdout == "volume data is no longer a file.\n"
    assert service.asked[-1].body == {"os-terminate_connection": {"connector": {"cgflow:file": True}}}
    assert "connected clients stay connected" in cgflow("volume", "disconnect", "data").stdout
    assert service.asked[-1].body == {"os-terminate_connection": {"connector": {}}}


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        (("volume", "connect"), "Serve it as a file"),
        (("snapshot", "connect"), "Serve it as a file"),
        (("volume", "disconnect"), "Remove the file"),
    ],
)
def test_the_help_of_a_file_says_what_the_command_does_with_it(
    cgflow: CgflowCommand, words: tuple[str, str], effect: str
) -> None:
    assert effect in " ".join(cgflow(*words, "--help").stdout.split())


def test_snapshots_are_listed_shown_and_connected(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays(
        "GET", "/snapshots/detail", {"snapshots": [{"id": "s1", "name": "nightly", "volume_id": V}]}
    )
    service.plays("GET", "/cgsnapshots/detail", {"cgsnapshots": [{"id": "c1", "name": "nightly"}]})
    assert "s1" in cgflow("snapshot", "list", "--volume", "data", "--cgsnapshot", "nightly").stdout
    assert service.asked[-1].query == {"volume_id": V, "cgsnapshot_id": "c1"}
    assert "s1" in cgflow("snapshot", "show", "nightly").stdout
    service.plays("POST", "/snapshots/s1/action", {"connection_info": {"data": {"uri": "nbd://h/s1"}}})
    service.plays("POST", "/snapshots/s1/action", status=202)
    assert cgflow("snapshot", "connect", "nightly").stdout == "nbd://h/s1\n"
    assert cgflow("snapshot", "disconnect", "nightly").stdout == "snapshot nightly is disconnected.\n"


def test_cgsnapshots_of_a_group(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("GET", "/cgsnapshots/detail", {"cgsnapshots": [{"id": "s", "name": "n"}]})
    cgflow("cgsnapshot", "list", "--group", "db", "--all-projects")
    assert service.asked[-1].query == {"all_tenants": "1", "consistencygroup_id": G}


def test_a_cgsnapshot_is_asked_for_at_a_level_and_tells_its_own(
    service: CannedService, cgflow: CgflowCommand
) -> None:
    service.plays("POST", "/cgsnapshots", {"cgsnapshot": {"id": "s", "name": "n"}}, status=202, flow="f")
    assert cgflow("cgsnapshot", "create", "n", "--group", "db", "--level", "crash").exit_code == 0
    assert service.asked[-1].body["cgsnapshot"]["cgflow:level"] == "crash"
    assert cgflow("cgsnapshot", "create", "n", "--group", "db").exit_code == 0
    assert "cgflow:level" not in service.asked[-1].body["cgsnapshot"]
    evidence = {"mechanism": "a lock", "level": "per-volume", "skew_ms": 1.5}
    found = [
        {"id": "s", "name": "n", "cgflow:evidence": evidence},
        {"id": "t", "name": "failed", "cgflow:evidence": None},
    ]
    service.plays("GET", "/cgsnapshots/detail", {"cgsnapshots": found})
    heading, first, second = cgflow("cgsnapshot", "list").stdout.splitlines()
    assert ("level" in heading.split(), first.split()[-1], second.split()) == (
        True,
        "per-volume",
        ["t", "failed"],
    )
    assert "level=per-volume, skew_ms=1.5" in cgflow("cgsnapshot", "show", "n").stdout


def test_quota_is_shown_and_set(service: CannedService, cgflow: CgflowCommand) -> None:
    quota_set = {"id": "admin", "volumes": {"limit": 5, "in_use": 2, "reserved": 0}}
    service.plays("GET", "/os-quota-sets/admin", {"quota_set": quota_set})
    service.plays("PUT", "/os-quota-sets/admin", {"quota_set": {"volumes": 5}})
    assert cgflow("quota", "show").stdout.splitlines()[1].split() == ["volumes", "5", "2", "0"]
    assert cgflow.json("quota", "set", "volumes=5", "gigabytes=-1") == {"quota_set": quota_set}
    (sent,) = service.requests("PUT", "/os-quota-sets/admin")
    assert sent.body["quota_set"] == {"tenant_id": "admin", "volumes": 5, "gigabytes": -1}


def test_a_status_is_set_by_hand_and_shown(service: CannedService, cgflow: CgflowCommand) -> None:
    service.plays("POST", f"/groups/{G}/action", status=202)
    service.plays("GET", f"/consistencygroups/{G}", {"consistencygroup": {"id": G, "status": "available"}})
    ran = cgflow("group", "reset-status", "db", "available")
    assert (ran.exit_code, "available" in ran.stdout) == (0, True)
    assert service.requests("POST", f"/groups/{G}/action")[0].body == {
        "reset_status": {"status": "available"}
    }
    service.plays("POST", f"/volumes/{V}/action", status=202)
    service.plays("GET", f"/volumes/{V}", {"volume": {"id": V, "status": "error"}})
    assert cgflow.json("volume", "reset-status", "data", "error") == {"volume": {"id": V, "status": "error"}}
