"""Fields and routes above 3.0: hidden below their microversion, shown from it on, and documented."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.views import MethodView
from marshmallow import Schema, fields

from api import app as application
from api import versions
from api.app import create_app
from api.blueprint import Blueprint
from api.schemas.fields import Since, Text
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.support.world import World


class KettleIn(Schema):
    litres = fields.Integer(required=True)


class KettleOut(Schema):
    litres = fields.Integer()
    colour = Since(5, Text(data_key="cgflow:colour", allow_none=True))
    parts = Since(7, fields.List(fields.Nested(KettleIn)))


blueprint = Blueprint("kettles", "Something that came later.")


@blueprint.route("/kettles")
class Kettles(MethodView):
    @blueprint.gives(200, KettleOut)
    def get(self) -> dict[str, Any]:
        """Show."""
        return {"litres": 2, "colour": "red", "parts": [{"litres": 1}], "since_5": versions.is_at_least(5)}

    @blueprint.takes(KettleIn)
    @blueprint.since(6)
    @blueprint.gives(200, KettleOut)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Boil."""
        return body


@blueprint.route("/kettles/<kettle_id>")
@blueprint.since(4)
class Kettle(MethodView):
    @blueprint.gives(200, KettleOut)
    def get(self, kettle_id: str) -> dict[str, Any]:
        """Show one."""
        return {"litres": 3}


@pytest.fixture(scope="module")
def app(served: World) -> Flask:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "BLUEPRINTS", (*application.BLUEPRINTS, blueprint))
        app = create_app(served.runtime)
    app.config[versions.MAXIMUM_KEY] = (3, 7)
    return app


def at(version: str) -> dict[str, Any]:
    return {"headers": {"OpenStack-API-Version": f"volume {version}, cgflow 1.0"}}


def test_the_raised_maximum_is_advertised_and_is_what_latest_means(app: Flask, caller: Caller) -> None:
    (version,) = app.test_client().get("/v3/").json["versions"]
    assert (version["min_version"], version["version"]) == ("3.0", "3.7")
    answer = caller.get("/kettles", **at("latest"))
    assert answer.headers["OpenStack-API-Version"] == "volume 3.7, cgflow 1.0"
    for asked in ("3.8", "2.9", "4.0"):
        assert check_fault(caller.get("/kettles", **at(asked)), 406, "computeFault") == (
            f"Version {asked} is not supported by the API. Minimum is 3.0 and maximum is 3.7."
        )


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("3.0", {"litres"}),
        ("3.4", {"litres"}),
        ("3.5", {"litres", "cgflow:colour"}),
        ("3.7", {"litres", "cgflow:colour", "parts"}),
    ],
)
def test_a_field_is_shown_from_its_microversion_on(caller: Caller, version: str, shown: set[str]) -> None:
    assert set(caller.get("/kettles", **at(version)).json) == shown


def test_a_request_without_a_version_is_one_of_the_minimum(caller: Caller) -> None:
    assert set(caller.get("/kettles").json) == {"litres"}


def test_a_method_is_not_there_below_its_microversion_whatever_else_is_wrong(caller: Caller) -> None:
    check_not_found(caller.post("/kettles", {"litres": "x"}, **at("3.5")))
    check_not_found(caller.post("/kettles", data="<x/>", headers={"Content-Type": "application/xml"}))
    check_bad_request(caller.post("/kettles", {"litres": "x"}, **at("3.6")), "litres")
    assert caller.post("/kettles", {"litres": 1}, **at("3.6")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_view_is_not_there_below_its_microversion(caller: Caller, method: str) -> None:
    assert caller.call(method, "/kettles/k", **at("3.3")).status_code == 404
    assert caller.call(method, "/kettles/k", **at("3.4")).status_code == 200
    check_not_found(caller.get("/kettles/k", **at("3.3")))


def test_refusals_too_say_that_another_version_may_be_answered_otherwise(caller: Caller) -> None:
    for answer in (caller.get("/kettles/k"), caller.get("/kettles", **at("3.99"))):
        assert "OpenStack-API-Version" in answer.headers["Vary"]
    # No version has an unknown address, and Cinder's response to it does not mention versions.
    assert "Vary" not in caller.get("/nowhere").headers


def test_the_document_tells_from_where_on(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").json
    kettles, kettle = (
        document["paths"][f"/v3/{{project_id}}{path}"] for path in ("/kettles", "/kettles/{kettle_id}")
    )
    assert "x-min-microversion" not in kettles["get"]
    assert kettles["post"]["x-min-microversion"] == "3.6"
    assert kettle["get"]["x-min-microversion"] == "3.4"
    assert "404" in kettles["post"]["responses"]
    shown = document["components"]["schemas"]["KettleOut"]["properties"]
    assert shown["cgflow:colour"] | {"readOnly": True} == {
        "type": "string", "nullable": True, "maxLength": 255, "minLength": 0,
        "readOnly": True, "x-min-microversion": "3.5",
    }  # fmt: skip
    assert shown["parts"]["items"] == {"$ref": "#/components/schemas/KettleIn"}
