"""The routes of Cinder that have no service behind them in cgflow, as one table.

Volumes are not backed up to another store. There are no clusters: processes that serve one backend divide the
flows among them through the database, and the next conductor takes over the flows of a lost process without a
request. No backend replicates to another, so a failover is refused. Bodies, queries and policy rules are
checked as on every other route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from flask.views import MethodView
from marshmallow import Schema

from api.auth.authorization import authorize, read_authorized
from api.blueprint import Blueprint
from api.request_scope import runtime
from api.resources import service
from api.schemas import not_offered as schemas
from cgflow.db.repositories import volume as volumes
from cgflow.errors import InvalidInput, InvalidState, NotFound

backups = Blueprint("backups", "Backups; there are none.")
clusters = Blueprint("clusters", "Clusters of services; there are none.")


def _list_no_backups(with_count: bool) -> dict[str, object]:
    return {"backups": [], **({"count": 0} if with_count else {})}


def _refuse_backup(_body: Any) -> NoReturn:
    raise InvalidState(
        "Service cinder-backup could not be found: there are no backups. Take a snapshot or a cgsnapshot, "
        "and copy its data from its address (os-initialize_connection)."
    )


def _raise_backup_not_found(_body: Any, backup_id: str) -> NoReturn:
    raise NotFound(f"Backup {backup_id} could not be found.")


def _list_no_clusters(_query: Any) -> dict[str, object]:
    return {"clusters": []}


def _raise_cluster_not_found(_query: Any, cluster_name: str) -> NoReturn:
    raise NotFound(
        f"Cluster {cluster_name} could not be found. There are no clusters: backends are enabled and "
        "disabled one by one, as services."
    )


def _refuse_cluster_change(body: dict[str, Any], cluster_name: str) -> NoReturn:
    actions = ("enable", "disable")
    if cluster_name not in actions:
        raise NotFound(f"There is no such action: {cluster_name}. Valid values: {', '.join(actions)}.")
    _raise_cluster_not_found(body, body["name"])


def _answer_empty_cleanup(_body: Any) -> dict[str, object]:
    return {"cleaning": [], "unavailable": []}


def _refuse_failover(body: dict[str, Any]) -> NoReturn:
    with runtime().database.read() as session:
        name = service.get_backend_of_host(session, body["host"]).name
    raise InvalidInput(
        f"Invalid input received: No service could be changed: {name} cannot be failed over, "
        "because no backend replicates to another. To refuse changes on it, freeze it (os-services/freeze); "
        "to place nothing new on it, disable it (os-services/disable).",
        "host",
    )


def _authorize_rule(rule: str, _body: Any) -> None:
    authorize(rule)


def _authorize_on_volume(rule: str, body: Any) -> None:
    read_authorized(rule, volumes.get, body["volume_id"])


def _authorize_action(rule: str, body: Any) -> None:
    (action,) = body
    authorize(f"{rule}:{action}")


@dataclass(frozen=True)
class _Route:
    """One operation. ``gives`` are the status, the schema and the faults that the API document shows."""

    operation: str
    rule: str
    answer: Callable[..., object]
    takes: type[Schema] | None
    gives: tuple[Any, ...]
    summary: str
    since: int = 0
    authorize: Callable[[str, Any], None] = _authorize_rule


_BACKUP = "/backups/<backup_id>"
_ACTIONS = "volume_extension:backup_admin_actions"
_LIST, _CLUSTER_LIST = (200, schemas.BackupPage), (200, schemas.ClustersOut, 403)
_SHOW, _CLUSTER = (200, schemas.BackupEnvelope, 404), (200, schemas.ClusterEnvelope, 403, 404)
_MAKE, _EXPORT = (202, schemas.BackupEnvelope, 404), (200, schemas.BackupEnvelope, 403, 404)

_BACKUPS = (
    _Route("GET /backups", "backup:get_all", _list_no_backups, schemas.BackupListIn, _LIST,
           "List backups: there are none."),
    _Route("POST /backups", "backup:create", _refuse_backup, schemas.BackupCreateIn, _MAKE,
           "Request a backup of a volume, which is refused.", authorize=_authorize_on_volume),
    _Route("GET /backups/detail", "backup:get_all", _list_no_backups, schemas.BackupListIn, _LIST,
           "List backups in full: there are none."),
    _Route("POST /backups/import_record", "backup:backup-import", _refuse_backup, schemas.BackupImportIn,
           (201, schemas.BackupEnvelope, 403), "Import the record of a backup, which is refused."),
    _Route(f"GET {_BACKUP}", "backup:get", _raise_backup_not_found, None, _SHOW,
           "Show a backup, which is never found."),
    _Route(f"PUT {_BACKUP}", "backup:update", _raise_backup_not_found, schemas.BackupUpdateIn, _SHOW,
           "Rename a backup, which is never found.", since=9),
    _Route(f"DELETE {_BACKUP}", "backup:delete", _raise_backup_not_found, None, (202, None, 404),
           "Delete a backup, which is never found."),
    _Route(f"POST {_BACKUP}/restore", "backup:restore", _raise_backup_not_found, schemas.BackupRestoreIn,
           _MAKE, "Restore a backup, which is never found."),
    _Route(f"GET {_BACKUP}/export_record", "backup:backup-export", _raise_backup_not_found, None,
           _EXPORT, "Show the record of a backup, which is never found."),
    _Route(f"POST {_BACKUP}/action", _ACTIONS, _raise_backup_not_found, schemas.BackupActionIn,
           (202, None, 403, 404), "Reset the status of a backup, or delete it by force; it is never found.",
           authorize=_authorize_action),
)  # fmt: skip

_CLUSTERS = (
    _Route("GET /clusters", "clusters:get_all", _list_no_clusters, schemas.ClusterListIn, _CLUSTER_LIST,
           "List clusters: there are none.", since=7),
    _Route("GET /clusters/detail", "clusters:get_all", _list_no_clusters, schemas.ClusterListIn,
           _CLUSTER_LIST, "List clusters in full: there are none.", since=7),
    _Route("GET /clusters/<cluster_name>", "clusters:get", _raise_cluster_not_found, schemas.ClusterQueryIn,
           _CLUSTER, "Show a cluster, which is never found.", since=7),
    _Route("PUT /clusters/<cluster_name>", "clusters:update", _refuse_cluster_change, schemas.ClusterIn,
           _CLUSTER, "Enable or disable a cluster, as the path states; it is never found.", since=7),
    _Route("POST /workers/cleanup", "workers:cleanup", _answer_empty_cleanup, schemas.CleanupIn,
           (202, schemas.CleanupOut, 403),
           "List the services being cleaned up: none, because lost processes are taken over automatically.",
           since=24),
)  # fmt: skip

_FAILOVER = (
    _Route("PUT /os-services/failover_host", "volume:failover_host", _refuse_failover, schemas.FailoverIn,
           (202, None, 403), "Fail a backend over, which is refused."),
    _Route("PUT /os-services/failover", "volume:failover_host", _refuse_failover, schemas.FailoverIn,
           (202, None, 403), "Fail a backend over, which is refused.", since=26),
)  # fmt: skip


def _create_view_method(blueprint: Blueprint, route: _Route) -> Callable[..., object]:
    def respond(_view: MethodView, *loaded: Any, **address: str) -> object:
        body = loaded[0] if loaded else None
        route.authorize(route.rule, body)
        return route.answer(body, **address)

    respond.__doc__ = route.summary
    view = blueprint.gives(*route.gives)(respond)
    if route.takes is not None:
        location = "query" if route.operation.startswith("GET") else "json"
        view = blueprint.takes(route.takes, location=location)(view)
    return blueprint.since(route.since)(view) if route.since else view


def _register_routes(blueprint: Blueprint, routes: tuple[_Route, ...]) -> None:
    views: dict[str, dict[str, Any]] = {}
    for route in routes:
        method, path = route.operation.split()
        views.setdefault(path, {})[method.lower()] = _create_view_method(blueprint, route)
    for path, methods in views.items():
        blueprint.route(path)(type("NotOffered", (MethodView,), methods))


_register_routes(backups, _BACKUPS)
_register_routes(clusters, _CLUSTERS)
_register_routes(service.failover_blueprint, _FAILOVER)
