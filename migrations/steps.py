"""What can be done with the schema: bring it up to date, go back, compare, write the next migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from migrations import roles, tables

HERE = Path(__file__).parent
UPGRADE_LOCK = 0x5255414D  # advisory lock: two hosts starting at once migrate one after the other


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings, without a file."""
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.set_main_option("path_separator", "os")
    made.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    made.set_main_option("output_encoding", "utf-8")
    made.attributes["connection"] = connection
    return made


def number_it(context: Any, _revision: Any, directives: Any) -> None:
    """Name a new migration by the next number: 0001, 0002, ..."""
    if directives and directives[0] is not None:
        last = ScriptDirectory.from_config(context.config).get_current_head()
        directives[0].rev_id = f"{int(last or 0) + 1:04d}"


def head() -> str | None:
    """The newest migration in the code."""
    return ScriptDirectory.from_config(config()).get_current_head()


def current(connection: Connection) -> str | None:
    """The migration the database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection, target: str = "head") -> None:
    """Bring the schema up to ``target``; one process at a time."""
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({UPGRADE_LOCK})")
    try:
        command.upgrade(config(connection), target)
    finally:
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({UPGRADE_LOCK})")
        connection.commit()


def downgrade(connection: Connection, target: str = "-1") -> None:
    """Go back."""
    command.downgrade(config(connection), target)


def new(connection: Connection, message: str) -> Path:
    """Write the next migration from the difference between the models and an up-to-date database."""
    made = command.revision(config(connection), message=message, autogenerate=True)
    script = made[0] if isinstance(made, list) else made
    if script is None or script.path is None:
        raise RuntimeError("Alembic wrote nothing")
    return Path(script.path)


def difference(connection: Connection) -> list[Any]:
    """What the models have and the database has not, or the other way round. Empty when they agree."""

    def ours(name: str | None, kind: str, _parents: Any) -> bool:
        return not (kind == "table" and roles.foreign(name))

    context = MigrationContext.configure(
        connection, opts={"include_name": ours, "compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, tables.load()))
