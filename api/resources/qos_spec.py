"""QoS specs: ``/qos-specs``."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.request_scope import absolute_url, runtime
from api.schemas import qos_spec as schemas
from cgflow import records
from cgflow.db.repositories import qos_spec as qos_specs
from cgflow.db.repositories.paging import ListQuery

blueprint = Blueprint("qos_specs", "QoS specs of volume types.")

_RULE = "volume_extension:qos_specs_manage"


@blueprint.route("/qos-specs")
class QosSpecs(MethodView):
    """The list of QoS specs."""

    @blueprint.takes(schemas.QosSpecListIn, location="query")
    @blueprint.gives(200, schemas.QosSpecPage, 403)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List QoS specs, the newest first."""
        authorize(f"{_RULE}:get_all")
        return responses.page_response("qos_specs", qos_specs.page, query)

    @blueprint.takes(schemas.QosSpecCreateIn)
    @blueprint.gives(200, schemas.QosSpecEnvelope, 403, 409)
    def post(self, body: dict[str, Any]) -> dict[str, object]:
        """Create QoS specs."""
        authorize(f"{_RULE}:create")
        with runtime().database.write() as session:
            return _specs_body(qos_specs.create(session, id=str(uuid.uuid4()), **body))


@blueprint.route("/qos-specs/<specs_id>")
class QosSpec(MethodView):
    """One set of QoS specs."""

    @blueprint.gives(200, schemas.QosSpecEnvelope, 403, 404)
    def get(self, specs_id: str) -> dict[str, object]:
        """Show QoS specs."""
        authorize(f"{_RULE}:get")
        with runtime().database.read() as session:
            return _specs_body(qos_specs.get(session, specs_id))

    @blueprint.takes(schemas.QosSpecUpdateIn)
    @blueprint.gives(200, schemas.QosSetOut, 403, 404)
    def put(self, body: dict[str, Any], specs_id: str) -> dict[str, object]:
        """Set keys; those not named stay; the response repeats what was set."""
        authorize(f"{_RULE}:update")
        with runtime().database.write() as session:
            qos_specs.set_keys(session, specs_id, **body)
        consumer = {} if body["consumer"] is None else {"consumer": body["consumer"]}
        return {"qos_specs": {**consumer, **body["specs"]}}

    @blueprint.takes(schemas.QosDeleteIn, location="query")
    @blueprint.gives(202, None, 403, 404)
    def delete(self, query: dict[str, Any], specs_id: str) -> Response:
        """Delete QoS specs that no type has; with force, also those that types have."""
        authorize(f"{_RULE}:delete")
        with runtime().database.write() as session:
            qos_specs.delete(session, specs_id, **query)
        return responses.empty_response()


@blueprint.route("/qos-specs/<specs_id>/delete_keys")
class QosKeys(MethodView):
    """Keys of QoS specs."""

    @blueprint.takes(schemas.QosKeysIn)
    @blueprint.gives(202, None, 403, 404)
    def put(self, body: dict[str, Any], specs_id: str) -> Response:
        """Remove keys."""
        authorize(f"{_RULE}:update")
        with runtime().database.write() as session:
            qos_specs.unset_keys(session, specs_id, body["keys"])
        return responses.empty_response()


@blueprint.route("/qos-specs/<specs_id>/associations")
class QosAssociations(MethodView):
    """The volume types that have QoS specs."""

    @blueprint.gives(200, schemas.AssociationsOut, 403, 404)
    def get(self, specs_id: str) -> dict[str, object]:
        """List the volume types that have the specs."""
        authorize(f"{_RULE}:get")
        with runtime().database.read() as session:
            return {"qos_associations": qos_specs.associated_types(session, specs_id)}


@blueprint.route("/qos-specs/<specs_id>/associate")
class QosAssociate(MethodView):
    """The association of QoS specs with a type. It is a GET because clients send it so."""

    @blueprint.takes(schemas.QosTypeIn, location="query")
    @blueprint.gives(202, None, 403, 404)
    def get(self, query: dict[str, str], specs_id: str) -> Response:
        """Associate the specs with a volume type."""
        authorize(f"{_RULE}:update")
        with runtime().database.write() as session:
            qos_specs.associate(session, specs_id, **query)
        return responses.empty_response()


@blueprint.route("/qos-specs/<specs_id>/disassociate")
class QosDisassociate(MethodView):
    """The disassociation of QoS specs from a type."""

    @blueprint.takes(schemas.QosTypeIn, location="query")
    @blueprint.gives(202, None, 403, 404)
    def get(self, query: dict[str, str], specs_id: str) -> Response:
        """Disassociate the specs from a volume type."""
        authorize(f"{_RULE}:update")
        with runtime().database.write() as session:
            qos_specs.disassociate(session, specs_id, **query)
        return responses.empty_response()


@blueprint.route("/qos-specs/<specs_id>/disassociate_all")
class QosDisassociateAll(MethodView):
    """The disassociation of QoS specs from all types."""

    @blueprint.gives(202, None, 403, 404)
    def get(self, specs_id: str) -> Response:
        """Disassociate the specs from all volume types."""
        authorize(f"{_RULE}:update")
        with runtime().database.write() as session:
            qos_specs.disassociate_all(session, specs_id)
        return responses.empty_response()


def _specs_body(found: records.QosSpec) -> dict[str, object]:
    return {"qos_specs": found, "links": [{"rel": "self", "href": absolute_url(f"/qos-specs/{found.id}")}]}
