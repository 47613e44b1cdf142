"""The WSGI application: the routes of every resource and the hooks around each request.

The API document describes ``/v3/{project}``. ``/v2/{project}`` and ``/v3`` without a project serve the same
routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from api import cross_site, errors, etags, health, idempotency, json_body, proxies, request_scope, versions
from api.auth import authorization
from api.auth.identity import Strategy
from api.auth.noauth import NoAuth
from api.blueprint import create_api_document, register_blueprints
from api.resources import (
    attachment,
    audit,
    cgsnapshot,
    consistencygroup,
    extensions_and_filters,
    flow,
    group_type,
    manageable,
    message,
    metadata,
    not_offered,
    pool,
    qos_spec,
    quota,
    service,
    snapshot,
    transfer,
    volume,
    volume_type,
)
from cgflow.db.disk_reserve import may_use_disk_reserve
from cgflow.errors import CgflowError, InvalidInput, type_and_text
from cgflow.policy import Policy
from flows.runtime import Runtime

BLUEPRINTS = (
    consistencygroup.blueprint,
    cgsnapshot.blueprint,
    volume.blueprint,
    volume.summary_blueprint,
    snapshot.blueprint,
    attachment.blueprint,
    metadata.blueprint,
    volume_type.blueprint,
    volume_type.access_blueprint,
    volume_type.encryption_blueprint,
    qos_spec.blueprint,
    quota.blueprint,
    pool.blueprint,
    service.blueprint,
    extensions_and_filters.blueprint,
    flow.blueprint,
    audit.blueprint,
    message.blueprint,
    transfer.blueprint,
    consistencygroup.groups_blueprint,
    cgsnapshot.group_snapshots_blueprint,
    group_type.blueprint,
    volume_type.default_types_blueprint,
    service.log_blueprint,
    service.failover_blueprint,
    not_offered.clusters,
    manageable.blueprint,
    not_offered.backups,
)

DOCUMENTED = "/v3/<project_id>"
OTHERS = {"v2": "/v2/<project_id>", "bare": "/v3"}


class _Application(Flask):
    def dispatch_request(self, *args: Any) -> ResponseReturnValue:
        try:
            with may_use_disk_reserve() if request_frees_space() else nullcontext():
                return super().dispatch_request(*args)
        except Exception:
            raise
        except BaseException as error:
            # A driver may raise a BaseException to end a process. The client still gets a response.
            raise CgflowError(f"The request was ended by {type_and_text(error)}.") from error


class KeyConverter(BaseConverter):
    """URL converter for a metadata or spec key at the end of a path; it matches any character."""

    regex = r"(?s:.+)"
    part_isolating = False


def create_app(
    runtime: Runtime,
    *,
    strategy: Strategy | None = None,
    policy: Policy | None = None,
    trusted_proxies: Sequence[proxies.Network] = (),
) -> Flask:
    """Return the WSGI application that serves a runtime, by default without authentication."""
    app = _Application("cgflow", static_folder=None)
    app.extensions[request_scope.RUNTIME] = runtime
    strategy = strategy or NoAuth()
    app.extensions[authorization.STRATEGY] = strategy
    app.extensions[authorization.POLICY] = policy or Policy()
    app.config["MAX_CONTENT_LENGTH"] = json_body.MAX_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # A path with an empty id must not be merged into another path: it is answered with 404.
    app.url_map.merge_slashes = False
    app.url_map.converters["key"] = KeyConverter
    app.url_value_preprocessor(_pop_project_id)
    app.wsgi_app = proxies.TrustedProxies(app.wsgi_app, trusted_proxies)  # type: ignore[method-assign]
    app.extensions[idempotency.ACTIVE_KEYS] = idempotency.ActiveKeys()
    app.before_request(cross_site.check_origin)
    app.after_request(versions.set_version_headers)
    app.after_request(_set_request_id_header)
    app.after_request(etags.set_etag)
    # Registered last, so that these handlers replace those of flask-smorest.
    api = create_api_document(app, "cgflow", strategy)
    errors.register_error_handlers(app)
    versions.register_version_routes(app)
    health.register_health_checks(app, runtime)
    register_blueprints(app, api, BLUEPRINTS, DOCUMENTED, OTHERS)
    return app


def _pop_project_id(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Remove the project id from the view's arguments, so that views are the same under every prefix."""
    g.project_in_url = None if values is None else values.pop("project_id", None)


def _set_request_id_header(response: Response) -> Response:
    for header in ("X-Openstack-Request-Id", "X-Compute-Request-Id"):
        response.headers[header] = request_scope.request_id()
    return response


_FREEING_ACTIONS = frozenset(
    {
        *("delete", "os-force_delete", "os-unmanage"),
        *("os-reset_status", "reset_status"),
        *("os-detach", "os-terminate_connection", "os-unreserve", "os-roll_detaching", "os-force_detach"),
    }
)


def request_frees_space() -> bool:
    """Return whether the request deletes something, or is a prerequisite of a deletion."""
    if request.method == "DELETE":
        return True
    *_, noun, _id, verb = ["", "", *request.path.rstrip("/").split("/")]
    if request.method != "POST" or verb not in ("action", "delete"):
        return False
    if verb == "delete" or noun == "flows":
        return True
    try:
        asked = json_body.parse_unless_empty(request.get_data())
    except InvalidInput:
        # The view refuses it.
        return False
    return isinstance(asked, dict) and not _FREEING_ACTIONS.isdisjoint(asked)
