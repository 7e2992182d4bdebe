"""The documents of an order: what was issued, in its order, and what may be issued now or why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.db import Tx
from oms.documents.facts import Facts, OrderFacts
from oms.documents.kinds import FULL_OF, KINDS, Group
from oms.documents.models import Document, DocumentOrder
from oms.documents.queries import PACK_KINDS, may_issue
from oms.documents.rules import refusal
from oms.documents.states import DocumentKind as K
from oms.errors import Say, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.permissions import ACTIONS
from oms.usecases.documents_facts import read_facts

_NOTES = {K.CREDIT_NOTE, K.DEBIT_NOTE}  # these start on the page of their invoice
_VOUCHERS = {K.REFUND_VOUCHER}  # and these at their refund


@dataclass(frozen=True)
class DocumentChoice:
    """A kind that may be issued; ``why_not`` None means now. ``replace_id``: the document to replace instead."""

    kind: K
    label: str
    group: Group
    why_not: Say | None
    replace_id: int | None = None


@dataclass(frozen=True)
class OrderDocuments:
    """What an order's page shows. ``first``: the kinds offered as buttons, the others wait in a menu."""

    chain: Sequence[Document] = ()
    choices: Sequence[DocumentChoice] = ()
    first: Sequence[DocumentChoice] = ()
    needs_setup: bool = False
    attention: Sequence[Say] = ()


def order_documents(tx: Tx, order: Order) -> OrderDocuments:
    """The documents card of an order, as this actor may see it."""
    seen = tx.actor.may("document.view")
    if not seen and not tx.actor.may("shipment.pack"):
        return OrderDocuments()
    facts = read_facts(tx, [order])
    papers = facts.orders[0].documents
    chain = papers if seen else [d for d in papers if d.kind in PACK_KINDS]
    choices = [_choice(tx.actor, kind, facts) for kind in K if kind not in _NOTES | _VOUCHERS]
    found = OrderDocuments(chain, choices, _first(facts, choices), needs_setup=not facts.seller.name)
    return replace(found, attention=_attention(facts.orders[0])) if seen and tx.actor.may("order.price") else found


def _attention(of: OrderFacts) -> list[Say]:
    """What no longer agrees with the sale: a receipt without its money, an invoice for another amount."""
    found = []
    if of.receipted > max(of.paid, ZERO):
        found.append(
            say("Receipts for {receipted} stand, but only {paid} is in: void what is wrong",
                receipted=of.receipted, paid=max(of.paid, ZERO))
        )  # fmt: skip
    invoice = of.tax_invoice
    if invoice is not None:
        billed = _share(invoice, of.id)
        noted = sum(
            (_share(d, of.id) * KINDS[d.kind].sign for d in of.live if d.refers_to_id == invoice.id), start=ZERO
        )
        if of.due not in {billed, billed + noted}:
            found.append(
                say("The tax invoice {number} comes to {billed}, the order to {due}: replace it or issue a note",
                    number=invoice.number, billed=billed + noted, due=of.due)
            )  # fmt: skip
    return found


def _share(document: Document, order_id: int) -> Money:
    return sum((part.amount for part in document.orders if part.order_id == order_id), start=ZERO)


def _choice(actor: Actor, kind: K, facts: Facts) -> DocumentChoice:
    row = KINDS[kind]
    tax_point = facts.default_tax_point() if row.is_tax else clock.today()
    found = refusal(row, facts, facts.default_buyer(), tax_point)
    why_not = found.message if found else None
    if not may_issue(actor, kind) or (row.has_prices and not actor.may("order.price")):
        why_not = say("Your role lacks the permission “{permission}”", permission=say(ACTIONS["document.issue"]))
    there = facts.orders[0].tax_invoice
    instead = there.id if there is not None and found is not None and FULL_OF.get(there.kind) is kind else None
    return DocumentChoice(kind, row.label, row.group, why_not, instead)


def _first(facts: Facts, choices: Sequence[DocumentChoice]) -> list[DocumentChoice]:
    """The one or two kinds a seller reaches for: the tax invoice or the receipt, and before the sale the order bill."""
    wanted = (
        (K.RECEIPT_TAX_INVOICE, K.TAX_INVOICE, K.RECEIPT) if facts.seller.is_vat else (K.RECEIPT, K.INVOICE)
    )  # fmt: skip
    open_now = {choice.kind: choice for choice in choices if choice.why_not is None}
    found = [open_now[kind] for kind in wanted if kind in open_now][:2]
    return found or [open_now[kind] for kind in (K.ORDER_BILL, K.QUOTATION) if kind in open_now][:1]


def chain_of(session: Session, document: Document) -> list[Document]:
    """Every document of the orders of this one, the oldest first: the chain from order bill to credit note."""
    mine = select(DocumentOrder.order_id).where(DocumentOrder.document_id == document.id)
    others = select(DocumentOrder.document_id).where(DocumentOrder.order_id.in_(mine))
    statement = select(Document).where(Document.id.in_(others)).order_by(Document.id)
    return list(session.scalars(statement))
