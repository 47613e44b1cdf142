"""Transfers: ``/os-volume-transfer``, and from 3.55 on also ``/volume-transfers``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import request
from flask.views import MethodView

from api import responses
from api.auth.authorization import authorize, authorize_resource, read_authorized
from api.blueprint import Blueprint
from api.request_scope import caller, runtime
from api.schemas import transfer as schemas
from api.versions import is_at_least
from cgflow import records
from cgflow.db.repositories import transfer as transfers
from cgflow.db.repositories import volume as volumes
from cgflow.db.repositories.paging import ListQuery
from flows.transfer import offers

blueprint = Blueprint("transfers", "Transfers of volumes to other projects.")


@blueprint.route("/os-volume-transfer")
class Transfers(MethodView):
    """The list of transfers, as summaries."""

    @blueprint.takes(schemas.TransferListIn, location="query")
    @blueprint.gives(200, schemas.RefPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List transfers, the newest first."""
        authorize("volume:get_all_transfers")
        return _transfer_page(query)

    @blueprint.takes(schemas.TransferCreateIn)
    @blueprint.gives(202, schemas.CreatedEnvelope, 404, 409)
    def post(self, body: dict[str, Any]) -> dict[str, object]:
        """Create a transfer of a volume; the key that accepts it is shown only this once."""
        authorize_resource("volume:create_transfer", volumes.get, body["volume_id"])
        transfer_id, key = offers.create(runtime(), caller(), **body)
        return {"transfer": SimpleNamespace(**vars(_read_transfer(transfer_id)), auth_key=key)}


@blueprint.route("/os-volume-transfer/detail")
class TransferDetails(MethodView):
    """The list of transfers in full."""

    @blueprint.takes(schemas.TransferListIn, location="query")
    @blueprint.gives(200, schemas.ShowPage)
    def get(self, query: ListQuery) -> dict[str, object]:
        """List transfers in full, the newest first."""
        authorize("volume:get_all_transfers")
        return _transfer_page(query)


@blueprint.route("/os-volume-transfer/<transfer_id>")
class Transfer(MethodView):
    """One transfer."""

    @blueprint.gives(200, schemas.ShowEnvelope, 404)
    def get(self, transfer_id: str) -> dict[str, object]:
        """Show a transfer."""
        return {"transfer": read_authorized("volume:get_transfer", transfers.get, transfer_id)}

    @blueprint.gives(202, None, 404, 409)
    def delete(self, transfer_id: str) -> Any:
        """Delete a transfer."""
        authorize_resource("volume:delete_transfer", transfers.get, transfer_id)
        offers.delete(runtime(), caller(), transfer_id)
        return responses.empty_response()


@blueprint.route("/os-volume-transfer/<offer_id>/accept")
class TransferAcceptance(MethodView):
    """The acceptance of a transfer."""

    @blueprint.takes(schemas.TransferAcceptIn)
    @blueprint.gives(202, schemas.RefEnvelope, 404, 409, 413)
    def post(self, body: dict[str, str], offer_id: str) -> dict[str, object]:
        """Accept a transfer: the volume, its snapshots and its quota move to the caller's project."""
        # The transfer belongs to another project: whoever has the key may accept it.
        authorize("volume:accept_transfer")
        return {"transfer": offers.accept(runtime(), caller(), offer_id, **body)}


@blueprint.route("/volume-transfers")
class NewTransfers(Transfers):
    """The list of transfers, as summaries."""


@blueprint.route("/volume-transfers/detail")
class NewTransferDetails(TransferDetails):
    """The list of transfers in full."""


@blueprint.route("/volume-transfers/<transfer_id>")
class NewTransfer(Transfer):
    """One transfer."""


@blueprint.route("/volume-transfers/<offer_id>/accept")
class NewTransferAcceptance(TransferAcceptance):
    """The acceptance of a transfer."""


def _transfer_page(query: ListQuery) -> dict[str, object]:
    """Return one page. As in Cinder, only the later path links to the next page, from 3.59 on."""
    is_later = request.path.rpartition("/volume-transfers")[1] != ""
    return responses.page_response("transfers", transfers.page, query, has_links=is_later and is_at_least(59))


def _read_transfer(transfer_id: str) -> records.Transfer:
    with runtime().database.read() as session:
        return transfers.get(session, transfer_id, None)
