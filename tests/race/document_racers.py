"""Races of documents: thirty-two issuers of one series, some of whom die; notes that share one invoice; mixed work."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

from oms.actor import system
from oms.db import transaction
from oms.documents.states import CreditReason, VoidReason
from oms.documents.states import DocumentKind as K
from oms.money import Money
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_notes import IssueNote, issue_note
from oms.usecases.documents_print import open_prints, record_prints
from oms.usecases.documents_void import ReplaceDocument, VoidDocument, replace_document, void_document

ACTOR = system("racer")


def document_issue(client: Any) -> None:
    """Everybody issues for every order, with a key of the order; every eighth client dies with numbers in hand."""
    orders = client.random.sample(client.plan["rounds"], len(client.plan["rounds"]))
    client.barrier.wait(120)
    for order_id in orders:
        if client.no % 8 == 7 and client.random.random() < 0.2:
            with transaction(ACTOR) as tx:
                issue_document(tx, IssueDocument(K.TAX_INVOICE, (order_id,), f"key {order_id}"))
                tx.session.flush()
                os._exit(9)
        client.do(issue_document, IssueDocument(K.TAX_INVOICE, (order_id,), f"key {order_id}"))
        client.do(issue_document, IssueDocument(K.ORDER_BILL, (order_id,)))


def document_credit(client: Any) -> None:
    """Everybody credits 30 of the 100 baht of each invoice, and one tries to void it."""
    for invoice_id in client.plan["rounds"]:
        client.barrier.wait(120)
        if client.no == 0:
            client.do(void_document, VoidDocument(invoice_id, VoidReason.MISTAKE, "x"))
        else:
            note = IssueNote(invoice_id, K.CREDIT_NOTE, CreditReason.PRICE_CUT, "x", Money(Decimal(30)))
            client.do(issue_note, note)


def document_mixed(client: Any) -> None:
    """Issue, void, replace, credit and print the same few sales at once."""
    known: list[int] = []
    client.barrier.wait(120)
    for i in range(client.plan["turns"]):
        draw, order_id = client.random.random(), client.random.choice(client.plan["rounds"])
        if draw < 0.4 or not known:
            kind = client.random.choice((K.TAX_INVOICE, K.TAX_INVOICE_SHORT, K.RECEIPT, K.PICKING_LIST))
            made = client.do(issue_document, IssueDocument(kind, (order_id,), f"{client.no} {i}"))
            known += [made.document_id] if made else []
            continue
        target = client.random.choice(known) + client.random.randint(-2, 2)  # often somebody else's
        if draw < 0.55:
            client.do(void_document, VoidDocument(target, VoidReason.WRONG_NAME))
        elif draw < 0.7:
            made = client.do(replace_document, ReplaceDocument(target, VoidReason.WRONG_ADDRESS))
            known += [made.document_id] if made else []
        elif draw < 0.85:
            note = IssueNote(target, K.CREDIT_NOTE, CreditReason.DAMAGED, "x", Money(Decimal(7)))
            client.do(issue_note, note)
        else:
            client.do(_print, target)


def _print(tx: Any, document_id: int) -> None:
    """Put it on paper, as a screen does."""
    sheets = open_prints(tx, [document_id], with_copy=True)
    record_prints(tx, sheets, "a4", ["0" * 64] * len(sheets))


RACES = {"document_issue": document_issue, "document_credit": document_credit, "document_mixed": document_mixed}
