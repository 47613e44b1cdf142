"""The migrations make exactly the schema of the models, and take it away again."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from cgflow.db import upgrade as schema
from cgflow.db.database import Database
from cgflow.db.models import Base
from cgflow.errors import ConfigError
from cgflow.quota import limits
from tests.support.postgresql_server import postgres_database

SHIPPED = {"consistencygroups": 10, "volumes": 10, "snapshots": 10, "gigabytes": 1000}


@pytest.fixture
def empty(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/cgflow.sqlite")
    yield database
    database.close()


@pytest.fixture
def migrated(empty):
    schema.upgrade(empty)
    return empty


def differences(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return compare_metadata(context, Base.metadata)


def statements(database):
    """Return the statement that each table and index was made with."""
    with database.read() as session:
        rows = session.execute(text("SELECT name, sql FROM sqlite_master WHERE name != 'alembic_version'"))
        return {
            name: _normal(sql) if sql else None
            for name, sql in rows
            if not name.startswith("sqlite_autoindex_alembic")
        }


def _normal(sql):
    """Columns and constraints of a table as a set: SQLite has an order for them, which means nothing."""
    sql = re.sub(r"\s+", " ", sql)
    if not sql.startswith("CREATE TABLE"):
        return sql
    name, _, parts = sql.partition("(")
    # Commas within brackets part the columns of one constraint, whose order does mean something.
    inside = re.split(r", *(?![^()]*\))", parts.strip().removesuffix(")"))
    return name.replace('"', "").strip(), sorted(part.strip() for part in inside)


def default_class(database):
    with database.read() as session:
        rows = session.execute(text("SELECT resource, hard_limit FROM quota_classes"))
        return sorted((resource, limit) for resource, limit in rows)


def test_up_makes_what_the_models_say(migrated):
    assert differences(migrated) == []


def test_up_makes_the_same_statements_as_the_models(migrated, tmp_path):
    modelled = Database(f"sqlite:///{tmp_path}/models.sqlite")
    Base.metadata.create_all(modelled.engine)
    assert statements(migrated) == statements(modelled)
    modelled.close()


def test_the_comparison_sees_a_difference(migrated):
    with migrated.write() as session:
        session.execute(text("ALTER TABLE volumes DROP COLUMN host"))
        session.execute(text("DROP INDEX ix_atomdetails_parent_uuid"))
    assert len(differences(migrated)) == 2


def test_down_leaves_nothing(migrated):
    """S112."""
    schema.downgrade(migrated)
    assert inspect(migrated.engine).get_table_names() == ["alembic_version"]
    assert schema.current_revision(migrated) is None


def test_up_down_up(migrated):
    """S112."""
    before = statements(migrated)
    schema.downgrade(migrated)
    schema.upgrade(migrated)
    assert statements(migrated) == before
    assert default_class(migrated) == sorted(SHIPPED.items())


def test_default_class_is_seeded_once_and_then_the_operators(migrated):
    """S90."""
    assert default_class(migrated) == sorted(SHIPPED.items()) == sorted(limits.SHIPPED.items())
    with migrated.write() as session:
        limits.set_default_limits(session, {"volumes": 77})
    schema.upgrade(migrated)
    assert default_class(migrated) == sorted({**SHIPPED, "volumes": 77}.items())


@pytest.mark.parametrize(
    ("table", "column", "index"),
    [
        ("atomdetails", "parent_uuid", "ix_atomdetails_parent_uuid"),
        ("flowdetails", "parent_uuid", "ix_flowdetails_parent_uuid"),
    ],
)
def test_loading_a_flow_does_not_scan_all_of_them(migrated, table, column, index):
    with migrated.read() as session:
        plan = session.execute(text(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} = 'x'")).all()
    assert f"USING INDEX {index}" in plan[0].detail


def test_revision_is_told(empty):
    assert schema.current_revision(empty) is None
    schema.upgrade(empty)
    assert schema.current_revision(empty) == schema.head_revision()


def test_a_url_does_as_well(tmp_path):
    url = f"sqlite:///{tmp_path}/url.sqlite"
    schema.upgrade(url)
    assert schema.current_revision(url) == schema.head_revision()
    schema.downgrade(url)
    assert schema.current_revision(url) is None


def test_starting_twice_at_once_upgrades_once(tmp_path):
    url = f"sqlite:///{tmp_path}/both.sqlite"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(schema.upgrade, [url] * 4))
    assert schema.current_revision(url) == schema.head_revision()


def test_a_failing_upgrade_leaves_nothing(empty, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("power cut")

    monkeypatch.setattr("alembic.op.bulk_insert", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        schema.upgrade(empty)
    assert inspect(empty.engine).get_table_names() == []


def test_schema_of_a_newer_cgflow_is_refused_with_words(migrated):
    with migrated.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="schema cannot be changed: .*9999.*newer cgflow, run that one"):
        schema.upgrade(migrated)


def test_every_revision_says_whether_the_service_may_be_up():
    scripts = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    told = {script.revision: "the service" in (script.longdoc or "") for script in scripts.walk_revisions()}
    assert told
    assert all(told.values()), told


@pytest.mark.postgresql
@pytest.mark.real
def test_on_postgresql():
    with postgres_database() as database:
        schema.upgrade(database)
        # TaskFlow declares its keys unique once more, which PostgreSQL leaves out.
        kinds = [(kind, thing.table.name) for kind, thing in differences(database)]
        assert sorted(kinds) == [
            ("add_constraint", name) for name in ("atomdetails", "flowdetails", "logbooks")
        ]
        schema.downgrade(database)
        assert inspect(database.engine).get_table_names() == ["alembic_version"]
        assert inspect(database.engine).get_enums() == []
        schema.upgrade(database)
        assert default_class(database) == sorted(SHIPPED.items())
