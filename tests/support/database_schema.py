"""Databases with the newest schema. The migrations run once; a new SQLite file is a copy of their result."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import make_url

from cgflow.db.upgrade import upgrade


def migrate(url: str) -> None:
    """Give a database the newest schema. A database that exists, or is not SQLite, is migrated in place."""
    parts = make_url(url)
    file = Path(parts.database or "")
    if parts.get_backend_name() != "sqlite" or file.exists():
        upgrade(url)
    else:
        shutil.copyfile(_migrated_template(), file)


@cache
def _migrated_template() -> Path:
    folder = tempfile.mkdtemp(prefix="cgflow-schema-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    upgrade(f"sqlite:///{folder}/cgflow.db")
    return Path(folder, "cgflow.db")
