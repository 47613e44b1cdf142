"""What a view may ask of the request that it serves: the runtime, the caller, its own address."""

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
"""Under which name the application holds the runtime."""


def runtime() -> Runtime:
    """Return the runtime at which operations are handed in and things are looked up.

    Within a request that is one transaction it is the runtime of that transaction.
    """
    return cast(Runtime, g.get("runtime") or current_app.extensions[RUNTIME])


@contextmanager
def at(runtime: Runtime) -> Iterator[None]:
    """Serve what follows at another runtime."""
    g.runtime = runtime
    try:
        yield
    finally:
        del g.runtime


def caller() -> RequestContext:
    """Return who is asking."""
    return cast(RequestContext, g.caller)


def request_id() -> str:
    """Return the id of this request; minted on first use, so that even an early failure has one."""
    if "request_id" not in g:
        g.request_id = f"req-{uuid.uuid4()}"
    return cast(str, g.request_id)


def prefix() -> str:
    """Return what stands before every noun in the addresses of this request: ``/v3/P`` or ``/v3``."""
    return f"{request.script_root}/{request.path.split('/')[1]}{_project()}"


def href(path: str, *, has_version: bool = True) -> str:
    """Return the full address of something under the prefix, on the host that was asked.

    Cinder names an address without the version of the API a bookmark; nothing answers there.
    """
    before = prefix() if has_version else request.script_root + _project()
    return request.host_url.rstrip("/") + before + path


def _project() -> str:
    project_id = g.get("project_in_url")
    return "" if project_id is None else f"/{quote(project_id)}"
