"""``cgflow serve`` that is killed after a request was handled and before any of the response is sent.

It is killed if there is a file ``die`` in the directory of the environment variable
``CGFLOW_DIE_IN``. The changes of the request are committed by then.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Flask

from api import serve
from cgflow.cli.main import main

DIE_IN = "CGFLOW_DIE_IN"

make = serve.create_app


def create_app_that_kills_itself(*args: Any, **more: Any) -> Flask:
    """Return the application that kills its process."""
    app = make(*args, **more)
    answered: Callable[..., Iterable[bytes]] = app.wsgi_app
    order = Path(os.environ[DIE_IN]) / "die"

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = answered(environ, start)
        if order.exists():
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return body

    app.wsgi_app = answer  # type: ignore[method-assign]
    return app


if __name__ == "__main__":
    serve.create_app = create_app_that_kills_itself
    main()
