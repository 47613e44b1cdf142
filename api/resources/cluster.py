"""Clusters of services, from 3.7 on, and ``/workers/cleanup``, from 3.24 on.

There are no clusters: processes that serve one backend divide the flows among them through the database. Nor
is there anything to clean up: the next conductor takes over the flows of a lost process without a request.
"""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from api.auth.authorization import authorize
from api.blueprint import Blueprint
from api.schemas import cluster as schemas
from cgflow.errors import NotFound

blueprint = Blueprint("clusters", "Clusters of services, of which there are none.")

_SINCE, _CLEANUP = 7, 24
_ACTIONS = ("enable", "disable")


@blueprint.route("/clusters")
@blueprint.since(_SINCE)
class Clusters(MethodView):
    """The list of clusters, as summaries."""

    @blueprint.takes(schemas.ClusterListIn, location="query")
    @blueprint.gives(200, schemas.ClustersOut, 403)
    def get(self, _query: dict[str, Any]) -> dict[str, object]:
        """List clusters: there are none."""
        authorize("clusters:get_all")
        return {"clusters": []}


@blueprint.route("/clusters/detail")
@blueprint.since(_SINCE)
class ClusterDetails(MethodView):
    """The list of clusters in full."""

    @blueprint.takes(schemas.ClusterListIn, location="query")
    @blueprint.gives(200, schemas.ClustersOut, 403)
    def get(self, _query: dict[str, Any]) -> dict[str, object]:
        """List clusters in full: there are none."""
        authorize("clusters:get_all")
        return {"clusters": []}


@blueprint.route("/clusters/<cluster_name>")
@blueprint.since(_SINCE)
class Cluster(MethodView):
    """One cluster."""

    @blueprint.takes(schemas.ClusterQueryIn, location="query")
    @blueprint.gives(200, schemas.ClusterEnvelope, 403, 404)
    def get(self, _query: dict[str, Any], cluster_name: str) -> dict[str, object]:
        """Show a cluster, which is never found."""
        authorize("clusters:get")
        raise _missing(cluster_name)

    @blueprint.takes(schemas.ClusterIn)
    @blueprint.gives(200, schemas.ClusterEnvelope, 403, 404)
    def put(self, body: dict[str, Any], cluster_name: str) -> dict[str, object]:
        """Enable or disable a cluster, as the path states; it is never found."""
        authorize("clusters:update")
        if cluster_name not in _ACTIONS:
            raise NotFound(f"There is no such action: {cluster_name}. Known are: {', '.join(_ACTIONS)}.")
        raise _missing(body["name"])


@blueprint.route("/workers/cleanup")
@blueprint.since(_CLEANUP)
class Cleanup(MethodView):
    """The cleanup after lost processes."""

    @blueprint.takes(schemas.CleanupIn)
    @blueprint.gives(202, schemas.CleanupOut, 403)
    def post(self, _body: dict[str, Any]) -> tuple[dict[str, object], int]:
        """List the services being cleaned up: none, because lost processes are taken over automatically."""
        authorize("workers:cleanup")
        return {"cleaning": [], "unavailable": []}, 202


def _missing(name: str) -> NotFound:
    return NotFound(
        f"Cluster {name} could not be found. There are no clusters: backends are enabled and disabled "
        "one by one, as services."
    )
