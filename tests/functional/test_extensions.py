"""Extensions, filters of lists, and the summary of volumes."""

from __future__ import annotations

from flask import Flask

from api.resources.extensions_and_filters import CONFIGURED_FILTERS, EXTENSIONS
from tests.functional.caller import Caller, check_not_found


def test_extensions_are_listed_and_shown(caller: Caller, member: Caller) -> None:
    """S1, S30."""
    listed = member.get("/extensions").json["extensions"]
    assert {"consistencygroups", "cgsnapshots", "os-services", "qos-specs"} <= {
        one["alias"] for one in listed
    }
    groups = caller.get("/extensions/consistencygroups").json["extension"]
    assert groups in listed
    assert groups == {
        "name": "Consistencygroups",
        "alias": "consistencygroups",
        "description": "Consistency groups of volumes.",
        "updated": "2014-08-18T00:00:00+00:00",
        "links": [],
    }
    assert check_not_found(caller.get("/extensions/backups")) == "There is no extension backups."


def test_nothing_is_listed_that_is_not_there(app: Flask) -> None:
    served = {rule.rule for rule in app.url_map.iter_rules()}
    assert [one.alias for one in EXTENSIONS if f"/v3/<project_id>{one.route}" not in served] == []
    assert len({one.alias for one in EXTENSIONS}) == len(EXTENSIONS)


def test_every_filter_that_is_told_of_is_understood(modern: Caller) -> None:
    paths = {"volume_type": "/types", "pool": "/scheduler-stats/get_pools"}
    lists = modern.get("/resource_filters").json["resource_filters"]
    assert [one["resource"] for one in lists] == list(CONFIGURED_FILTERS)
    for one in lists:
        assert one["filters"]
        for name in one["filters"]:
            if name in ("volume_type", "created_at", "updated_at", "is_public"):
                continue  # other tests check what they find
            value = {
                "metadata": "{'no': 'such'}",
                "extra_specs": "{'no': 'such'}",
                "bootable": "True",
                "consumes_quota": "False",
                "size": "77",
            }.get(name, "no-such")
            path = paths.get(one["resource"], f"/{one['resource']}s")
            answer = modern.get(path, query_string={name: value})
            assert answer.status_code == 200, answer.text
            assert next(iter(answer.json.values())) == [], (path, name)
    volumes = modern.get("/resource_filters?resource=volume").json["resource_filters"]
    assert volumes == [one for one in lists if one["resource"] == "volume"]
    assert modern.get("/resource_filters?resource=x").json == {"resource_filters": []}
    check_not_found(modern.at(32).get("/resource_filters"))


def test_the_summary_of_volumes(modern: Caller) -> None:
    empty = {"total_count": 0, "total_size": 0, "metadata": {}}
    assert modern.get("/volumes/summary").json == {"volume-summary": empty}
    modern.volume(size=2, metadata={"tier": "gold", "x": "y"})
    modern.volume(size=3, metadata={"tier": "silver"})
    modern.done(modern.delete(f"/volumes/{modern.volume(metadata={'tier': 'lead'})}"))
    totals = {"total_count": 2, "total_size": 5}
    assert modern.get("/volumes/summary").json == {
        "volume-summary": {**totals, "metadata": {"tier": ["gold", "silver"], "x": ["y"]}}
    }
    assert modern.at(35).get("/volumes/summary").json == {"volume-summary": totals}
    check_not_found(modern.at(11).get("/volumes/summary"))
    everybodys = Caller(modern._client).at(71).get("/volumes/summary?all_tenants=1").json["volume-summary"]
    assert everybodys["total_count"] >= 2
