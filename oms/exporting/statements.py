"""The list of statement lines."""

from __future__ import annotations

from sqlalchemy import select

from oms.exporting.shape import Column, ExportList
from oms.payments.models import ReceivingAccount
from oms.payments.statement_models import StatementLine
from oms.payments.statement_queries import narrow

STATEMENT_LINES = ExportList(
    "statement_lines", "Statement lines", "payment.statement",
    {
        "booked_at": Column("When", StatementLine.booked_at),
        "account": Column("Account", ReceivingAccount.code),
        "amount": Column("Amount", StatementLine.amount),
        "balance": Column("Balance", StatementLine.balance),
        "description": Column("Description", StatementLine.description),
        "payer_name": Column("Payer", StatementLine.payer_name),
        "status": Column("State", StatementLine.status),
        "balance_breaks": Column("Balance breaks", StatementLine.balance_breaks),
        "note": Column("Note", StatementLine.note),
    },
    lambda _: select().select_from(StatementLine)
    .join(ReceivingAccount, ReceivingAccount.id == StatementLine.account_id)
    .order_by(StatementLine.booked_at, StatementLine.id),
    search=narrow,
    more={"account_id": StatementLine.account_id},
)  # fmt: skip
