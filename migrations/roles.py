"""Two locks on what is append-only: the program's database role may not change it, and triggers refuse to.

The program connects as the database's owner and at once becomes ``ruam_app``, which may add and read but not change or
remove rows of the audit log, its seals and the stock movements. Where the server does not let us make a role (a hosted
database), the triggers still refuse, and ``oms init`` says so.
"""

from __future__ import annotations

from typing import Any

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from migrations.tables import APPEND_ONLY, FOREIGN_PREFIX
from oms.db import APP_ROLE

BECOME = (
    f"SELECT set_config('role', rolname, false) FROM pg_roles "
    f"WHERE rolname = '{APP_ROLE}' AND pg_has_role(rolname, 'MEMBER')"
)


def work_as_app(connection: Any, _record: object) -> None:
    """Give up the owner's rights on a new pooled connection (SQLAlchemy's ``connect`` event)."""
    connection.autocommit = True
    connection.execute(BECOME)
    connection.autocommit = False


def make_role(connection: Connection) -> bool:
    """Make the role and let the current user become it. False when this user may do neither."""
    try:
        with connection.begin_nested():
            if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": APP_ROLE}):
                connection.execute(text(f"CREATE ROLE {APP_ROLE} NOLOGIN"))
            if not connection.scalar(text("SELECT pg_has_role(:name, 'MEMBER')"), {"name": APP_ROLE}):
                connection.execute(text(f"GRANT {APP_ROLE} TO CURRENT_USER"))
    except ProgrammingError as exc:
        if isinstance(exc.orig, InsufficientPrivilege):
            return False
        raise
    return True


def grant(connection: Connection) -> None:
    """Let the role work with every table, and only add to and read what is append-only."""
    schema = connection.dialect.identifier_preparer.quote(str(connection.scalar(text("SELECT current_schema()"))))
    connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {APP_ROLE}"))
    for scope, everything in (
        (f"GRANT {{}} ON ALL {{}} IN SCHEMA {schema} TO {APP_ROLE}", True),
        (f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {{}} ON {{}} TO {APP_ROLE}", False),
    ):
        connection.execute(text(scope.format("SELECT, INSERT, UPDATE, DELETE", "TABLES")))
        connection.execute(text(scope.format("USAGE, SELECT, UPDATE" if everything else "USAGE, SELECT", "SEQUENCES")))
    for table in append_only_here(connection):
        connection.execute(text(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}"))


def append_only_here(connection: Connection) -> list[str]:
    """The append-only tables that exist in this schema."""
    found = connection.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename = ANY(:names)"),
        {"names": list(APPEND_ONLY)},
    )
    return sorted(found)


def lock(connection: Connection) -> None:
    """Put the refusing triggers on the append-only tables. Safe to repeat."""
    connection.execute(
        text("""
        CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME USING ERRCODE = '42501';
        END $$
        """)
    )
    locked = connection.scalars(
        text("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%_append_only'")
    )
    for table in sorted(set(append_only_here(connection)) - set(locked)):  # making one waits for the table's writers
        connection.execute(
            text(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        )


def freeze_claims(connection: Connection) -> None:
    """A decided payment keeps what it says: only its state moves on, and a reference may be added to one without."""
    connection.execute(
        text("""
        CREATE OR REPLACE FUNCTION refuse_claim_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a decided payment is reversed, never changed' USING ERRCODE = '42501';
        END $$
        """)
    )
    missing = (
        "SELECT to_regclass('payment_claims') IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = :n)"
    )
    for name, when in _CLAIM_LOCKS.items():
        if connection.scalar(text(missing), {"n": name}):  # making one waits for the table's writers
            connection.execute(text(f"CREATE TRIGGER {name} BEFORE {when} EXECUTE FUNCTION refuse_claim_change()"))


_CLAIM_LOCKS = {
    "payment_claims_frozen": """UPDATE ON payment_claims FOR EACH ROW WHEN (OLD.status <> 'submitted' AND (
        (OLD.amount, OLD.method, OLD.account_id, OLD.said_amount) IS DISTINCT FROM
        (NEW.amount, NEW.method, NEW.account_id, NEW.said_amount)
        OR (OLD.reference IS NOT NULL AND OLD.reference IS DISTINCT FROM NEW.reference)))""",
    "payment_claims_decided": """UPDATE ON payment_claims FOR EACH ROW WHEN (OLD.status <> NEW.status
        AND NOT (OLD.status = 'submitted' OR OLD.status = 'verified' AND NEW.status = 'reversed'))""",
    "payment_claims_kept": "DELETE OR TRUNCATE ON payment_claims FOR EACH STATEMENT",
}


def freeze_lines(connection: Connection) -> None:
    """What a bank said stays as it said it: of a statement line only what we make of it moves on."""
    connection.execute(
        text("""
        CREATE OR REPLACE FUNCTION refuse_line_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a line of a statement is never changed' USING ERRCODE = '42501';
        END $$
        """)
    )
    there = "SELECT to_regclass('statement_lines') IS NULL OR EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = :n)"
    if connection.scalar(text(there), {"n": "statement_lines_frozen"}):
        return
    connection.execute(
        text("""
        CREATE TRIGGER statement_lines_frozen BEFORE UPDATE ON statement_lines FOR EACH ROW WHEN (
            (OLD.account_id, OLD.line_key, OLD.occurrence, OLD.booked_at, OLD.amount, OLD.balance, OLD.description)
            IS DISTINCT FROM
            (NEW.account_id, NEW.line_key, NEW.occurrence, NEW.booked_at, NEW.amount, NEW.balance, NEW.description))
        EXECUTE FUNCTION refuse_line_change()
        """)
    )


def freeze_documents(connection: Connection) -> None:
    """An issued document keeps its number and what it says: only its state, its prints and what replaced it move on."""
    connection.execute(
        text("""
        CREATE OR REPLACE FUNCTION refuse_document_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'an issued document is voided, never changed or removed' USING ERRCODE = '42501';
        END $$
        """)
    )
    missing = "SELECT to_regclass(:t) IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = :n)"
    for name, when in _DOCUMENT_LOCKS.items():
        table = when.split(" ON ")[1].split()[0]
        if connection.scalar(text(missing), {"n": name, "t": table}):  # making one waits for the table's writers
            connection.execute(text(f"CREATE TRIGGER {name} BEFORE {when} EXECUTE FUNCTION refuse_document_change()"))


_FROZEN_COLUMNS = (
    "kind", "series", "sequence", "number", "branch", "issued_on", "tax_point", "customer_id", "buyer_name",
    "buyer_tax_id", "buyer_branch", "net", "vat", "exempt", "total", "vat_rate_bp", "content", "checksum", "token",
    "refers_to_id", "replaces_id", "refund_id", "issued_at", "issued_by", "issued_label", "idempotency_key",
)  # fmt: skip
_DOCUMENT_LOCKS = {
    "documents_frozen": f"""UPDATE ON documents FOR EACH ROW WHEN (
        ({", ".join(f"OLD.{c}" for c in _FROZEN_COLUMNS)}) IS DISTINCT FROM
        ({", ".join(f"NEW.{c}" for c in _FROZEN_COLUMNS)}))""",
    "documents_decided": """UPDATE ON documents FOR EACH ROW WHEN (
        OLD.status <> NEW.status AND NOT (OLD.status = 'issued' AND NEW.status = 'voided')
        OR NEW.prints < OLD.prints
        OR OLD.replaced_by_id IS NOT NULL AND OLD.replaced_by_id IS DISTINCT FROM NEW.replaced_by_id
        OR OLD.status = 'voided' AND (OLD.voided_at, OLD.voided_label, OLD.void_reason, OLD.void_note)
           IS DISTINCT FROM (NEW.voided_at, NEW.voided_label, NEW.void_reason, NEW.void_note))""",
    "documents_kept": "DELETE OR TRUNCATE ON documents FOR EACH STATEMENT",
    "document_orders_frozen": """UPDATE ON document_orders FOR EACH ROW WHEN (
        (OLD.document_id, OLD.order_id, OLD.amount) IS DISTINCT FROM (NEW.document_id, NEW.order_id, NEW.amount)
        OR NEW.is_live_tax AND NOT OLD.is_live_tax)""",
    "document_orders_kept": "DELETE OR TRUNCATE ON document_orders FOR EACH STATEMENT",
}


def foreign(name: str | None) -> bool:
    """Whether a table belongs to Flask-AppBuilder."""
    return name is not None and name.startswith(FOREIGN_PREFIX)
