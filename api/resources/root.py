"""Routes without authentication: version documents and health checks."""

from __future__ import annotations

from flask import Flask, g, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from api import health, versions
from flows.runtime import Runtime

# Names of resources in Cinder. If no route serves such a path it is answered with 404, and not taken for a
# project.
_NOT_OFFERED = frozenset(
    {
        "backups", "clusters", "default-types", "group_snapshots", "group_types", "groups", "workers",
    }
)  # fmt: skip


def register(app: Flask, runtime: Runtime) -> None:
    """Serve the version documents at the paths where clients look for them, and the health checks."""
    app.add_url_rule("/", "versions", _choices)
    app.add_url_rule("/v3", "versions_v3", lambda: redirect(f"{request.host_url}v3/"), strict_slashes=True)
    app.add_url_rule("/v3/", "versions_v3_final", _versions)
    app.add_url_rule("/v3/<project_id>", "versions_project", _versions_of_project)
    health.register(app, runtime)


def _choices() -> ResponseReturnValue:
    """Answer 300, the status of a choice of versions."""
    versions.negotiate()
    return jsonify(versions.document()), 300


def _versions() -> ResponseReturnValue:
    versions.negotiate()
    return jsonify(versions.document())


def _versions_of_project() -> ResponseReturnValue:
    if g.project_in_url in _NOT_OFFERED or g.project_in_url.startswith("os-"):
        raise NotFound
    return _versions()
