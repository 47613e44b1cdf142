"""Transfers: ``/os-volume-transfer``, and from 3.55 on the same under ``/volume-transfers``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import request
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize, authorize_resource, permitted
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import transfer as schemas
from api.versions import reached
from cgflow import records
from cgflow.db.repositories import transfer as transfers
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.paging import ListQuery
from flows.transfer import offers

blueprint = Blueprint("transfers", "Offers to hand a volume over to another project.")


@blueprint.route("/os-volume-transfer")
class Transfers(MethodView):
    """All of them, in short."""

    @blueprint.takes(schemas.TransferListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List offers, the newest first."""
        authorize("volume:get_all_transfers")
        return _page(query)

    @blueprint.takes(schemas.TransferCreateIn)
    @blueprint.gives(202, schemas.CreatedEnvelope, 404, 409)
    def post(self, body: dict[str, Any]) -> dict[str, object]:
        """Offer a volume. The key that takes the offer up is shown this once."""
        authorize_resource("volume:create_transfer", volumes.get, body["volume_id"])
        transfer_id, key = offers.create(runtime(), caller(), **body)
        return {"transfer": SimpleNamespace(**vars(_standing(transfer_id)), auth_key=key)}


@blueprint.route("/os-volume-transfer/detail")
class TransferDetails(MethodView):
    """All of them, in full."""

    @blueprint.takes(schemas.TransferListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List offers in full, the newest first."""
        authorize("volume:get_all_transfers")
        return _page(query)


@blueprint.route("/os-volume-transfer/<transfer_id>")
class Transfer(MethodView):
    """One of them."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, transfer_id: str) -> dict[str, object]:
        """Show an offer."""
        return {"transfer": permitted("volume:get_transfer", transfers.get, transfer_id)}

    @blueprint.gives(202, None, 404, 409)
    def delete(self, transfer_id: str) -> Any:
        """Take an offer back."""
        authorize_resource("volume:delete_transfer", transfers.get, transfer_id)
        offers.delete(runtime(), caller(), transfer_id)
        return responses.empty_response()


@blueprint.route("/os-volume-transfer/<offer_id>/accept")
class TransferAcceptance(MethodView):
    """The end of one."""

    @blueprint.takes(schemas.TransferAcceptIn)
    @blueprint.gives(202, schemas.RefEnvelope, 404, 409, 413)
    def post(self, body: dict[str, str], offer_id: str) -> dict[str, object]:
        """Take an offer up: the volume, its snapshots and its quota are the caller's project's then."""
        # It is another project's: who may take it up is whoever has the key.
        authorize("volume:accept_transfer")
        return {"transfer": offers.accept(runtime(), caller(), offer_id, **body)}


@blueprint.route("/volume-transfers")
class NewTransfers(Transfers):
    """All of them, in short."""


@blueprint.route("/volume-transfers/detail")
class NewTransferDetails(TransferDetails):
    """All of them, in full."""


@blueprint.route("/volume-transfers/<transfer_id>")
class NewTransfer(Transfer):
    """One of them."""


@blueprint.route("/volume-transfers/<offer_id>/accept")
class NewTransferAcceptance(TransferAcceptance):
    """The end of one."""


def _page(query: ListQuery) -> dict[str, object]:
    """Answer with one page, to which Cinder shows the next from 3.59 on under the later address alone."""
    is_later = request.path.rpartition("/volume-transfers")[1] != ""
    return responses.page_response("transfers", transfers.page, query, has_links=is_later and reached(59))


def _standing(transfer_id: str) -> records.Transfer:
    with runtime().database.read() as session:
        return transfers.get(session, transfer_id, None)
