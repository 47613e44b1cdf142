"""The scope of a request as views use it: the runtime, the caller, the request id and the links."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import quote

from flask import current_app, g, request

from cgflow.context import RequestContext
from flows.runtime import Runtime

RUNTIME = "cgflow.runtime"
"""The key of the runtime in the application's extensions."""


def runtime() -> Runtime:
    """Return the runtime for submitting operations and reading records.

    Within a request transaction it is the runtime of that transaction.
    """
    return cast(Runtime, g.get("runtime") or current_app.extensions[RUNTIME])


@contextmanager
def using_runtime(runtime: Runtime) -> Iterator[None]:
    """Use another runtime within the context."""
    g.runtime = runtime
    try:
        yield
    finally:
        del g.runtime


def caller() -> RequestContext:
    """Return the caller."""
    return cast(RequestContext, g.caller)


def request_id() -> str:
    """Return the id of this request. Created on first use, so that an early failure has one, too."""
    if "request_id" not in g:
        g.request_id = f"req-{uuid.uuid4()}"
    return cast(str, g.request_id)


def url_prefix() -> str:
    """Return the part of this request's path that precedes the resource: ``/v3/P`` or ``/v3``."""
    return f"{request.script_root}/{request.path.split('/')[1]}{_project_path()}"


def absolute_url(path: str, *, has_version: bool = True) -> str:
    """Return the full URL of a path under the prefix, on the host that the client used.

    Cinder calls a URL without the API version a bookmark; no route serves it.
    """
    before = url_prefix() if has_version else request.script_root + _project_path()
    return request.host_url.rstrip("/") + before + path


def _project_path() -> str:
    project_id = g.get("project_in_url")
    return "" if project_id is None else f"/{quote(project_id)}"
