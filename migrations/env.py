"""Alembic's entry: our metadata, Flask-AppBuilder's tables left alone. The connection is handed in by ``steps``."""

from __future__ import annotations

from typing import Any

from alembic import context

from migrations import roles, steps, tables
from oms.columns import EnumText, MoneyAmount, UtcDateTime

PLAIN = {MoneyAmount: "sa.BigInteger()", UtcDateTime: "sa.DateTime(timezone=True)"}


def render(kind: str, item: Any, _autogen: Any) -> str | bool:
    """Our column types as the plain SQL types they are, so that old migrations do not need today's code."""
    if kind == "type":
        if isinstance(item, EnumText):
            return f"sa.String({item.impl.length})"
        return PLAIN.get(type(item), False)
    return False


def ours(name: str | None, kind: str, _parents: Any) -> bool:
    return not (kind == "table" and roles.foreign(name))


def run() -> None:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=tables.load(),
        include_name=ours,
        render_item=render,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        process_revision_directives=steps.number_it,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
